import {
  flagOf,
  type ModelSpec,
  modelOptions,
  models,
  type OptionGroup,
  trainingOptions,
} from '@tapegrad/vae';
import type { Option as ValueRange } from '@tapegrad/vae/options';
import type { Command, Help, Option } from 'commander';
import { specOf } from '../../models.ts';
import { addFlags, Flag, flag, helpOf, optionParser } from './flag.ts';

/* The options of models and trainer, and the help of commands that have them: the model's, if one is named. */

/** The options of models and trainer. */
export const tunable: Readonly<Record<string, ValueRange & { readonly group: OptionGroup }>> = {
  ...modelOptions,
  ...trainingOptions,
};

const seed: ValueRange = {
  kind: 'whole',
  least: 0,
  value: 0,
  help: 'fixes weights, noise and the order of the data (default: 0)',
};

/** The options that may have several values. */
export const sweepable: Readonly<Record<string, ValueRange>> = { ...tunable, seed };

const HEADINGS: Readonly<Record<OptionGroup, string>> = {
  data: 'Data:',
  training: 'Training:',
  model: 'Model:',
  objective: 'Objective:',
};

/** The options that most trainings set. */
const COMMON = ['latent', 'hidden', 'beta', 'epochs', 'batchSize', 'lr'];

function tunableFlag(name: string): Flag {
  const range = tunable[name]!;
  const what = { whole: 'n', real: 'x', choice: 'which' }[range.kind];
  return flag(`--${flagOf(name)} <${what}>`, range.help).argParser(optionParser(range));
}

/** How a command spells the options of models and trainer. */
export type FlagMaker = (name: string, range: ValueRange) => Flag;

/**
 * Adds all options of models and trainer, in groups.
 * @param before further flags of a group, to be listed first
 */
export function addTunable(
  command: Command,
  before: Partial<Record<OptionGroup, readonly Flag[]>> = {},
  make: FlagMaker = tunableFlag,
): void {
  for (const [group, heading] of Object.entries(HEADINGS) as [OptionGroup, string][]) {
    const options = Object.entries(tunable).filter(([, range]) => range.group === group);
    const flags = options.map(([name, range]) => {
      const one = make(name, range).takes(range.kind === 'choice' ? { words: range.choices } : {});
      one.tunes = name;
      one.isCommon = COMMON.includes(name);
      return one;
    });
    addFlags(command, heading, [...(before[group] ?? []), ...flags]);
  }
}

/** Whether a model has an option. Options that belong to neither models nor trainer are there for all models. */
export const isOf = (option: Option, { defaults }: ModelSpec): boolean =>
  !(option instanceof Flag) || option.tunes === undefined || option.tunes in defaults;

/**
 * Makes a command's help short, with a list of models. If a model is named (`train vae --help`), the help lists all options of
 * that model, with its defaults.
 */
export function helpByModel(command: Command): void {
  let spec: ModelSpec | undefined;
  command.configureHelp({
    ...command.configureHelp(),
    visibleOptions(cmd) {
      spec = modelNamed(cmd);
      return cmd.options.filter((option) =>
        spec ? isOf(option, spec) : option instanceof Flag && option.isCommon,
      );
    },
    groupItems<T extends Command | Option>(_: T[], visible: T[], groupOf: (item: T) => string) {
      const heading = spec ? groupOf : () => 'Options used most:';
      const groups = new Map<string, T[]>();
      for (const item of visible) groups.set(heading(item), [...(groups.get(heading(item)) ?? []), item]);
      return groups;
    },
    optionDescription(option) {
      const name = option instanceof Flag ? option.tunes : undefined;
      const value = name && spec?.defaults[name as keyof ModelSpec['defaults']];
      return helpOf(option, value);
    },
  } satisfies Partial<Help>);
  command.addHelpText('after', () => (modelNamed(command) ? '' : `\n${modelList(command.name())}`));
}

/** @throws UserError if the named model does not exist */
function modelNamed({ args }: Command): ModelSpec | undefined {
  const name = args.find((word) => !word.startsWith('-'));
  return name === undefined ? undefined : specOf(name);
}

function modelList(command: string): string {
  const width = Math.max(...[...models.keys()].map((name) => name.length));
  const lines = [...models.values()].map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    'Models:',
    ...lines,
    '',
    `All options of a model, and their defaults: tapegrad ${command} MODEL --help`,
  ].join('\n');
}
