/** What a function was given instead of what it expects, as an error message shows it: in one line of at most 80 characters. */
export function described(value: unknown, depth = 0): string {
  return inLine(whole(value, depth));
}

function whole(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (value instanceof Promise) return 'a promise (await it)';
  if (typeof value !== 'object' || value === null) return String(value);
  if (depth > 2) return '…';
  if (Array.isArray(value)) return `[${value.map((item) => described(item, depth + 1)).join(', ')}]`;
  if (isPlain(value)) {
    const entries = Object.entries(value).map(([key, item]) => `${key}: ${described(item, depth + 1)}`);
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
  }
  const name = value.constructor.name;
  const own = ArrayBuffer.isView(value) ? '[object' : String(value);
  return own.startsWith('[object') ? name : own;
}

/**
 * Something that a file holds (a name, a value), as an error message quotes it: in one line of at most 80 characters,
 * without control characters.
 */
export function excerpt(value: unknown): string {
  return inLine(typeof value === 'string' ? value : inJson(value));
}

/** A text of at most 80 characters: what goes on is cut off, and what a terminal would obey is shown as `?`. */
function inLine(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
  return line.length <= 80 ? line : `${line.slice(0, 79).replace(/[\ud800-\udbff]$/, '')}…`;
}

function inJson(value: unknown): string {
  try {
    return String(JSON.stringify(value));
  } catch {
    return `a ${typeof value}`; // nested too deep, a circle, or a bigint
  }
}

/** Whether a value is an object as braces make it, of whatever realm. */
export const isPlain = (value: object): boolean =>
  (Object.getPrototypeOf(value)?.constructor?.name ?? 'Object') === 'Object';
