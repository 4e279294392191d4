import { models } from '@tapegrad/vae';
import type { Argument, Command, Option } from 'commander';
import { Flag, helpOf, type Values } from '../options/flag.ts';
import { isOf } from '../options/tunable.ts';

/* Everything that can be completed, from the tables that the parser reads. Each shell's script is made from it. */

export interface CompletedOption {
  /** `--beta`, or `-h` where there is no long one */
  readonly flag: string;
  readonly help: string;
  readonly value: 'none' | 'optional' | 'required';
  readonly values: Values;
  /** The models that have it; undefined: all. */
  readonly models?: readonly string[];
}

export interface CompletedCommand {
  readonly name: string;
  readonly help: string;
  /** By place; the last one stands for all that follow if it is variadic. */
  readonly places: readonly { readonly values: Values; readonly isVariadic: boolean }[];
  readonly options: readonly CompletedOption[];
}

export const modelNames: readonly string[] = [...models.keys()];

/** Every command of a program whose commands are all defined. */
export function completedCommands(program: Command): CompletedCommand[] {
  const shared = program.options.filter(({ long }) => long !== '--version').map(completedOption);
  const help: CompletedOption = { flag: '--help', help: 'display help', value: 'none', values: {} };
  return program.commands.map((command) => ({
    name: command.name(),
    help: command.description(),
    places: command.registeredArguments.map((argument) => ({
      values: valuesOf(argument),
      isVariadic: argument.variadic,
    })),
    options: [...command.options.map(completedOption), ...shared, help],
  }));
}

function completedOption(option: Option): CompletedOption {
  const taking = [...models.values()].filter((spec) => isOf(option, spec)).map(({ name }) => name);
  return {
    flag: option.long ?? option.short!,
    help: helpOf(option),
    value: option.required ? 'required' : option.optional ? 'optional' : 'none',
    values: option instanceof Flag ? option.values : {},
    ...(taking.length < models.size && { models: taking }),
  };
}

function valuesOf(argument: Argument): Values {
  if (argument.argChoices) return { words: argument.argChoices };
  const byName: Readonly<Record<string, Values>> = {
    model: { words: modelNames },
    run: { paths: 'runs' },
  };
  return byName[argument.name()] ?? { paths: 'files' };
}

/** Flags with a value, of all commands. @throws Error where one has a value in some only */
export function flagsWithValue(commands: readonly CompletedCommand[]): string[] {
  const takes = new Map<string, boolean>();
  for (const { options } of commands) {
    for (const { flag, value } of options) {
      const isTaking = value !== 'none';
      if (takes.get(flag) === !isTaking)
        throw new Error(`completion: ${flag} has a value in some commands only`);
      takes.set(flag, isTaking);
    }
  }
  return [...takes].filter(([, isTaking]) => isTaking).map(([flag]) => flag);
}

/** The options of a command by the models that have them: each group with the models' names. */
export function optionsByModels({
  options,
}: CompletedCommand): [models: readonly string[] | undefined, CompletedOption[]][] {
  const groups = new Map<string, [readonly string[] | undefined, CompletedOption[]]>();
  for (const option of options) {
    const key = option.models?.join(' ') ?? '';
    const group = groups.get(key) ?? [option.models, []];
    group[1].push(option);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** In single quotes, which all three shells treat alike except for the quote itself. */
export const quotedFor = {
  posix: (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`,
  fish: (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`,
};
