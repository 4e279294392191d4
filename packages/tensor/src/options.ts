import { described, isPlain } from './described.ts';

/**
 * Refuses options that a function does not have: a misspelt one would otherwise be ignored.
 * Those named as `flags` are true or false: a text such as 'false' would count as true.
 * @throws naming the option, the one that may have been meant, and all that there are
 */
export function checkOptions(
  what: string,
  options: unknown,
  known: readonly string[],
  flags: readonly string[] = [],
): void {
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
  for (const name of flags) assertFlag(what, name, (options as Record<string, unknown>)[name]);
}

/** The same for a function that needs one of its options. @throws if there are none */
export function requireOptions(what: string, options: unknown, known: readonly string[]): void {
  if (options === undefined) {
    throw new Error(`${what}: expects options such as { ${known[0]}: … }, got undefined`);
  }
  checkOptions(what, options, known);
}

/** Checks an option that is true, false, or not given. @throws if it is something else */
export function assertFlag(what: string, name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new Error(`${what}: ${name} is true or false, got ${described(value)}`);
}

/** `keep_dims`, `keepdim` and `keepDims` are one word to those who come from elsewhere. */
const plain = (name: string): string => name.replaceAll('_', '').toLowerCase().replace(/s$/, '');
