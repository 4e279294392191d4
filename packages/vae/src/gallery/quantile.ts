import { normalCdf } from '@tapegrad/tensor';

/** The density of N(0, 1). */
export const normalDensity = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/** Φ⁻¹(p) for p between 0 and 1, by Newton's method. Φ is concave in the upper half, so from 0 it never overshoots. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new Error(`normalQuantile: ${p} is not between 0 and 1`);
  if (p < 0.5) return -normalQuantile(1 - p);
  let x = 0;
  for (let i = 0; i < 100; i++) {
    const next = x + (p - normalCdf(x)) / normalDensity(x);
    if (!(next > x)) break;
    x = next;
  }
  return x;
}
