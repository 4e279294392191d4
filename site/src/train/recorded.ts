import type { StoredRun } from '../data/run-store.ts';

/* Runs as JSON: typed arrays travel as base64. */

type Encoded = { readonly $type: string; readonly base64: string };

const types: Record<string, new (buffer: ArrayBuffer) => ArrayBufferView> = {
  Uint8Array,
  Float32Array,
};

export function encodeRecorded(run: StoredRun): string {
  return JSON.stringify(run, (_, value) => {
    const name = ArrayBuffer.isView(value) ? value.constructor.name : undefined;
    if (!name || !(name in types)) return value;
    const bytes = new Uint8Array(
      (value as Uint8Array).buffer,
      (value as Uint8Array).byteOffset,
      (value as Uint8Array).byteLength,
    );
    return { $type: name, base64: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')) };
  });
}

export function decodeRecorded(value: unknown): StoredRun {
  return decode(value) as StoredRun;
}

function decode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decode);
  if (!value || typeof value !== 'object') return value;
  const { $type, base64 } = value as Partial<Encoded>;
  if ($type && base64 !== undefined) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    return new types[$type]!(bytes.buffer);
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, decode(item)]));
}
