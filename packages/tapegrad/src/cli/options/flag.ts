import { faultOf, type Option as ValueRange } from '@tapegrad/vae/options';
import { type Command, InvalidArgumentError, Option } from 'commander';

/** What may be typed at a place of the command line, for completion. */
export interface Values {
  readonly words?: readonly string[];
  /** Names of files: runs (folders with a `config.json`), any folders, or any files. */
  readonly paths?: 'runs' | 'folders' | 'files';
}

/** An option of the command line, with everything that parser, help and completion need to know about it. */
export class Flag extends Option {
  values: Values = {};
  /** Whether a short help lists it. */
  isCommon = false;
  /** The option of models or trainer that this is, as `config.json` names it. */
  tunes?: string;

  takes(values: Values): this {
    this.values = values;
    return this;
  }

  common(): this {
    this.isCommon = true;
    return this;
  }
}

export const flag = (flags: string, help: string): Flag => new Flag(flags, help);

/** Adds flags under a heading of the help. */
export function addFlags(command: Command, heading: string, flags: readonly Flag[]): Command {
  for (const one of flags) command.addOption(one.helpGroup(heading));
  return command;
}

/** An option's line in the help: what it is for, its values if there are few, and its default. */
export function helpOf(option: Option, value: unknown = option.defaultValue): string {
  const { description } = option;
  const words =
    option instanceof Flag && !option.values.paths && option.required ? option.values.words : undefined;
  const facts = [
    ...(words && !words.every((word) => description.includes(word)) ? [words.join(', ')] : []),
    ...(value === undefined || typeof value === 'boolean' ? [] : [`default: ${value}`]),
  ];
  return facts.length > 0 ? `${description} (${facts.join('; ')})` : description;
}

/** A parser for an option's values. It refuses values out of range and says what it expects. */
export function optionParser(range: ValueRange) {
  return (text: string): string | number => {
    const value = range.kind === 'choice' ? text : text.trim() === '' ? Number.NaN : Number(text);
    const fault = faultOf(range, value);
    if (fault) throw new InvalidArgumentError(`It must be ${fault}.`);
    return value;
  };
}

const parser = (range: ValueRange) => optionParser(range) as (text: string) => number;

export const whole = (least: number, most?: number) =>
  parser({ kind: 'whole', least, ...(most !== undefined && { most }), value: least, help: '' });

export const real = (bounds: { least?: number; above?: number; below?: number }) =>
  parser({ kind: 'real', ...bounds, value: 0, help: '' });

export const oneOf = (choices: readonly string[]) =>
  optionParser({ kind: 'choice', choices, value: choices[0]!, help: '' });

/** `3,1,4` */
export function indices(text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.every((n) => Number.isSafeInteger(n) && n >= 0)) return numbers;
  throw new InvalidArgumentError('It must be whole numbers, 0 or more, separated by commas.');
}
