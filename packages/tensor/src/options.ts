import { described, isPlain } from './described.ts';

/**
 * Refuses options that a function does not have: a misspelt one would otherwise be ignored.
 * @throws naming the option, the one that may have been meant, and all that there are
 */
export function checkOptions(what: string, options: unknown, known: readonly string[]): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || !isPlain(options)) {
    throw new Error(`${what}: expects options such as { ${known[0]}: … }, got ${described(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const meant = known.find((other) => plain(other) === plain(name));
    const hint = meant ? `did you mean '${meant}'?` : `it has ${known.join(', ')}`;
    throw new Error(`${what}: no option is named '${name}'; ${hint}`);
  }
}

/** `keep_dims`, `keepdim` and `keepDims` are one word to those who come from elsewhere. */
const plain = (name: string): string => name.replaceAll('_', '').toLowerCase().replace(/s$/, '');
