import { faultOf, type Option } from '@tapegrad/vae';
import { InvalidArgumentError } from 'commander';

/** A parser for an option's values, which refuses what is out of range and says what it expects. */

export function optionParser(option: Option) {
  return (text: string): string | number => {
    const value = option.kind === 'choice' ? text : text.trim() === '' ? Number.NaN : Number(text);
    const fault = faultOf(option, value);
    if (fault) throw new InvalidArgumentError(`It has to be ${fault}.`);
    return value;
  };
}

const parser = (option: Option) => optionParser(option) as (text: string) => number;

export const whole = (least: number) => parser({ kind: 'whole', least, value: least, help: '' });

export const real = (bounds: { least?: number; above?: number; below?: number }) =>
  parser({ kind: 'real', ...bounds, value: 0, help: '' });
