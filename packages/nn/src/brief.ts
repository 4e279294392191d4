/**
 * Something that a file holds (a name, a value), as an error message can quote it: in one line of at most 80 characters,
 * without control characters.
 */
export function brief(value: unknown): string {
  const text = typeof value === 'string' ? value : inJson(value);
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}

function inJson(value: unknown): string {
  try {
    return String(JSON.stringify(value));
  } catch {
    return `a ${typeof value}`; // nested too deep, a circle, or a bigint
  }
}
