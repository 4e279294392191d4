import { deflateSync, inflateSync, strFromU8, strToU8 } from 'fflate';

/* A program in an address: compressed, in the letters that addresses take. */

export function toHash(code: string): string {
  const bytes = deflateSync(strToU8(code), { level: 9 });
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return `#code=${text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`;
}

/** The program of an address; undefined where there is none, or a broken one. */
export function fromHash(hash: string): string | undefined {
  const text = /^#code=([\w-]+)$/.exec(hash)?.[1];
  if (!text) return undefined;
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    return strFromU8(inflateSync(Uint8Array.from(binary, (letter) => letter.charCodeAt(0))));
  } catch {
    return undefined;
  }
}
