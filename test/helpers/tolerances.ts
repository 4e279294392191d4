import { HALF_EPSILON } from '@tapegrad/tensor';
import type { Tolerance } from './close.ts';

/*
 * What kernels may be off by, and why: the errors that WGSL allows its operations
 * (https://www.w3.org/TR/WGSL/#floating-point-accuracy), and those of what the kernels build on them. Tests of ops take their
 * tolerances from here, or say what theirs is made of. That subnormal numbers may be flushed to 0 holds everywhere: see `close`.
 */

/** A tolerance with the error that it allows for. */
export type Allowed = Tolerance & { readonly reason: string };

/** From one float32 to the next, relative to the smaller at worst. A correctly rounded operation errs by half of it. */
export const ULP = 2 ** -23;

const ulps = (count: number, reason: string): Allowed => ({ relative: count * ULP, reason });

export const exact: Allowed = { reason: 'nothing is rounded' };
export const rounded = ulps(0.5, 'one correctly rounded operation: half an ulp');
export const division = ulps(2.5, 'division: 2.5 ulp');
export const squareRoot = ulps(4.5, 'as 1 / inverseSqrt: 2 ulp, and 2.5 of the division');

/** Of arguments up to `most`. */
export const exponential = (most: number): Allowed =>
  ulps(3 + 2 * most, `exp: 3 + 2·|x| ulp, |x| up to ${most}`);

export const logarithm: Allowed = {
  absolute: 2 ** -21,
  relative: 3 * ULP,
  reason: 'log: 2⁻²¹ absolute within [0.5, 2], else 3 ulp',
};

/** SwiftShader's are off by 2·10⁻⁴ indeed. Those of normal numbers are the kernel's own: see `shaders/random.wgsl`. */
export const trigonometric: Allowed = {
  absolute: 2 ** -11,
  reason: 'sin and cos: 2⁻¹¹ absolute within [−π, π]',
};

/** Of results that are not far from the ends of what float32 holds. */
export const power: Allowed = {
  relative: 2e-5,
  reason: 'pow as exp2(y·log2 x): log2 to 2⁻²¹ absolute or 3 ulp, times y, and exp2 of it to 3 + 2·|x| ulp',
};

/** Our own, through exp(−2|x|) and a series below 0.05. */
export const hyperbolicTangent: Allowed = {
  relative: 3e-6,
  reason: 'tanh: 1 − exp(−2|x|) cancels to a tenth at worst, where exp is good to 3 ulp',
};

export const softPlus: Allowed = {
  absolute: 2 ** -21,
  relative: 2 * ULP,
  reason: 'softplus: log1p of exp, of which the larger is exact: log to 2⁻²¹ absolute',
};

/** Of values at most 18 apart. */
export const softMax: Allowed = {
  absolute: 1e-7,
  relative: 6e-6,
  reason: 'softmax: exp to 3 + 2·|x| ulp for |x| up to 18, a sum, a division',
};

export const logSoftMax: Allowed = {
  absolute: 3e-6,
  relative: 2 * ULP,
  reason: 'logSoftmax: the error of exp in the sum, log to 2⁻²¹ absolute, x − max rounded',
};

/** A sum of terms of one sign, in so many additions in a row. */
export const sumOf = (additions: number): Allowed => ({
  relative: Math.sqrt(additions) * (ULP / 2),
  reason: `${additions} roundings of half an ulp in a row, which grow at random: their root`,
});

/**
 * Normal numbers. Their radius: log1p to 2⁻²⁰ where log takes over at 0.6, halved by the root, and the root's own 4.5 ulp. Their
 * sine: the kernel's own, to 2 ulp, but for the angle's rounding near a multiple of π/2, where the radius is at most 5.8.
 */
export const normalNumber: Allowed = {
  relative: 2 ** -21 + 6.5 * ULP,
  absolute: 5.8 * 2 ** -24,
  reason: 'normal numbers: a root of log1p to 2⁻²¹, 6.5 ulp of root and sine, the angle rounded',
};

/**
 * A result that is computed in float32 and rounded to float16: WGSL lets it round either way, so it is a neighbour of the
 * reference's, 2·2⁻¹¹ away, or below the normal numbers one step of 2⁻²⁴. `absolute`: what float32 is off by before.
 */
export const neighbour = (absolute = 0, reason = ''): Allowed => ({
  relative: 2 * HALF_EPSILON * (1 + HALF_EPSILON),
  absolute: Math.max(absolute, 2 ** -24),
  reason: `float16 is rounded either way${reason && `; ${reason}`}`,
});
