import { roundHalfToEven } from './ops/special-functions.ts';

/*
 * IEEE 754 binary16: a sign bit, 5 bits of exponent (bias 15), 10 of fraction. From 6.1e-5 to 65504 with 11 significant
 * bits; below that, multiples of 2⁻²⁴.
 */

/** Half a unit in the last place, relative: what storing a normal number as float16 costs at most. */
export const HALF_EPSILON = 2 ** -11;

/** The greatest finite float16. */
export const HALF_MAX = 65504;

/** The nearest float16 (of two, the even one); infinity from 65520 on. */
export function roundToHalf(value: number): number {
  const magnitude = Math.abs(value);
  if (!(magnitude > 0) || magnitude === Number.POSITIVE_INFINITY) return value;
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  const unit = 2 ** (exponent - 10);
  const rounded = roundHalfToEven(magnitude / unit) * unit;
  return Math.sign(value) * (rounded > HALF_MAX ? Number.POSITIVE_INFINITY : rounded);
}

/** The 16 bits of a number, rounded. */
export function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (Number.isNaN(value)) return 0x7e00;
  const magnitude = Math.abs(roundToHalf(value));
  if (magnitude === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  const exponent = Math.floor(Math.log2(magnitude));
  return sign | ((exponent + 15) << 10) | ((magnitude / 2 ** exponent - 1) * 1024);
}

/** The number that 16 bits stand for. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
