import { InvalidArgumentError } from 'commander';

/** Parsers of option values, each refusing what is out of range with what it wants. */

export function whole(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It has to be a whole number, ${least} or more.`);
    }
    return value;
  };
}

export function real({
  least = Number.NEGATIVE_INFINITY,
  above = Number.NEGATIVE_INFINITY,
  below = Number.POSITIVE_INFINITY,
}) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < least || value <= above || value >= below) {
      const bounds = [
        least > Number.NEGATIVE_INFINITY ? `${least} or more` : '',
        above > Number.NEGATIVE_INFINITY ? `above ${above}` : '',
        below < Number.POSITIVE_INFINITY ? `below ${below}` : '',
      ].filter(Boolean);
      throw new InvalidArgumentError(
        `It has to be a finite number${bounds.length ? `, ${bounds.join(' and ')}` : ''}.`,
      );
    }
    return value;
  };
}
