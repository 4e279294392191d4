import { flagOf, type ModelSpec } from '@tapegrad/vae';
import { type RunConfig, storedConfig } from '../run/run.ts';
import { runFacts, runOptions } from '../run/run-options.ts';

/** The defaults of `train`, apart from the options of models. */
const usual = Object.fromEntries(Object.entries(runOptions).map(([name, option]) => [name, option.usual]));

/** An option of a run, as the command line has it. */
export interface RunOption {
  readonly flag: string;
  /** 'all' where a limit is null. */
  readonly value: string;
  /** Whether it differs from the default. */
  readonly differs: boolean;
}

/**
 * Every option that a run has.
 * @param normalization the mean and deviation of the data's pixels, where a data set brings its own
 */
export function optionsOf(
  config: RunConfig,
  spec: ModelSpec,
  normalization?: { readonly mean: number; readonly std: number },
): RunOption[] {
  const defaults: Record<string, unknown> = {
    ...usual,
    ...spec.defaults,
    ...(normalization && { pixelMean: normalization.mean, pixelStd: normalization.std }),
  };
  return Object.entries(storedConfig(config, spec))
    .filter(([name]) => !runFacts.has(name))
    .map(([name, value]) => ({
      flag: flagOf(name),
      value: value === null ? 'all' : String(value),
      differs: value !== defaults[name],
    }));
}

/** The command that trains the run again. */
export function commandOf(model: string, options: readonly RunOption[]): string {
  const words = options.flatMap(({ flag, value, differs }) => {
    if (!differs) return [];
    if (value === 'true') return [`--${flag}`];
    if (value === 'false') return [`--no-${flag}`];
    return [`--${flag}`, quoted(value)];
  });
  return ['tapegrad train', model, ...words].join(' ');
}

/** Quoted for a POSIX shell. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
