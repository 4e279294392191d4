/** The density of N(0, 1). */
export const normalDensity = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/**
 * Φ(x), the share of N(0, 1) below x: ½ + φ(x)·(x + x³/3 + x⁵/(3·5) + …), to about 1e-15 for |x| < 7.
 * G. Marsaglia, Evaluating the Normal Distribution, Journal of Statistical Software 11(4), 2004.
 */
export function normalShare(x: number): number {
  if (Math.abs(x) > 9) return x > 0 ? 1 : 0;
  let [term, total] = [x, x];
  for (let odd = 3; Math.abs(term) > Math.abs(total) * 1e-17; odd += 2) {
    term *= (x * x) / odd;
    total += term;
  }
  return 0.5 + total * normalDensity(x);
}

/** Φ⁻¹(p) for p between 0 and 1, by Newton's method. Φ is concave in the upper half, so from 0 it never overshoots. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new Error(`normalQuantile: ${p} is not between 0 and 1`);
  if (p < 0.5) return -normalQuantile(1 - p);
  let x = 0;
  for (let i = 0; i < 100; i++) {
    const next = x + (p - normalShare(x)) / normalDensity(x);
    if (!(next > x)) break;
    x = next;
  }
  return x;
}
