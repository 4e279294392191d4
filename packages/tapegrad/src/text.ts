import { readFileSync } from 'node:fs';

/**
 * A text file that people may have saved with any editor: UTF-8, or UTF-16 as Windows writes it, without the byte order
 * mark that tells which.
 */
export function readText(path: string): string {
  const bytes = readFileSync(path);
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

/** Lines without their ends, whether these are LF, CRLF or CR. */
export const linesOf = (text: string): string[] => text.split(/\r\n?|\n/);

/** A message in one line: line ends and control characters, which names of files may have, are escaped. */
export const oneLine = (message: string): string =>
  message.replaceAll(/[\p{Cc}\u2028\u2029]/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The object in a JSON text; undefined if it is not one. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {}
  return undefined;
}
