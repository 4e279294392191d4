import { halfBits, halfValue } from '@tapegrad/tensor';

/** How many of float16's eleven significant bits are kept: the last two would take an eighth of the room, and nobody can see them. */
const BITS = 9;

/** Rounds to that many significant bits. */
function rounded(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - BITS + 1);
  return Math.round(value / unit) * unit;
}

/**
 * Numbers as float16 of 9 significant bits: first the upper bytes of all, then the lower ones, since each kind compresses
 * best among its own.
 */
export function packedHalves(values: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 * values.length);
  for (let i = 0; i < values.length; i++) {
    const bits = halfBits(rounded(values[i]!));
    bytes[i] = bits >> 8;
    bytes[values.length + i] = bits & 0xff;
  }
  return bytes;
}

/** The numbers that `packedHalves` was given, rounded. */
export function unpackedHalves(bytes: Uint8Array): Float32Array {
  const count = bytes.length / 2;
  return Float32Array.from({ length: count }, (_, i) => halfValue((bytes[i]! << 8) | bytes[count + i]!));
}
