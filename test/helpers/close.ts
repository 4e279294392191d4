export interface Tolerance {
  readonly absolute?: number;
  readonly relative?: number;
  /** Which error it allows for: see `tolerances.ts`. */
  readonly reason?: string;
}

/** One that says so, unless it allows for none. */
export type Reasoned =
  | (Tolerance & { readonly reason: string })
  | { readonly absolute?: undefined; readonly relative?: undefined };

/** The greatest finite float32, and what lies beyond it once rounded. */
const OVERFLOW = 3.4028235677973366e38;

/**
 * Fails unless |actual − expected| ≤ absolute + relative·|expected| everywhere; names the first bad index, both values
 * and the largest error. NaN equals NaN; infinities equal themselves and what float32 cannot hold; subnormal numbers
 * may be flushed to 0, as WGSL allows.
 */
export function close(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { absolute = 0, relative = 0, reason }: Tolerance = {},
  label = 'values',
): void {
  if (actual.length !== expected.length) {
    throw new Error(`${label}: ${actual.length} values instead of ${expected.length}`);
  }
  let [bad, count, worst, worstAt] = [-1, 0, 0, 0];
  for (let i = 0; i < actual.length; i++) {
    const a = actual[i]!;
    const e = Math.abs(expected[i]!) >= OVERFLOW ? Math.sign(expected[i]!) * Infinity : expected[i]!;
    if (a === e || (Number.isNaN(a) && Number.isNaN(e))) continue;
    const difference = Math.abs(a - e);
    const error = Number.isNaN(difference) ? Infinity : difference;
    const fits = Number.isFinite(e) && error <= Math.max(absolute, 2 ** -126) + relative * Math.abs(e);
    if (error > worst) [worst, worstAt] = [error, i];
    if (fits) continue;
    if (count++ === 0) bad = i;
  }
  if (count === 0) return;
  throw new Error(
    `${label}: ${count} of ${actual.length} values differ; first at ${bad}: ${actual[bad]} instead of ${expected[bad]}; ` +
      `largest error ${worst} at ${worstAt} (${actual[worstAt]} instead of ${expected[worstAt]}; ` +
      `allowed ${absolute} + ${relative}·|expected|${reason ? `, since ${reason}` : ''})`,
  );
}

/** Reproducible float32 numbers in [low, high) (mulberry32, Tommy Ettinger). */
export function numbers(size: number, low: number, high: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: size }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return low + (((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * (high - low);
  });
}
