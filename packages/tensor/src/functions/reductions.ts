import { apply } from '../apply.ts';
import { assertNumber, assertShape, assertTensor } from '../arguments.ts';
import { full } from '../creation.ts';
import { reductions } from '../lowering/reduce.ts';
import { scans } from '../lowering/scan.ts';
import { softmaxes } from '../lowering/softmax.ts';
import { float } from '../operands.ts';
import { add, clamp, equal, exp, log, mul, sqrt, square, sub, where } from '../ops/elementwise.ts';
import { checkOptions } from '../options.ts';
import {
  broadcastShapes,
  normalizeAxes,
  normalizeAxis,
  type Shape,
  sameShape,
  show,
  sizeOf,
} from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { constant, reshape } from './movement.ts';

/** One axis or several; negative ones count from the end. */
export type Axes = number | readonly number[];

/** What becomes of the reduced axes. */
export interface ReduceOptions {
  /** Keep the reduced axes, with extent 1. */
  keepDims?: boolean;
}

/**
 * Sum over `axes` (default: all), which are dropped or kept with extent 1. Float; 0 over nothing. Sums are gathered in float32.
 * @throws if an axis is out of range or named twice
 */
export function sum(x: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
  return apply(reductions.sum, [x], reducing('sum', x, axes, options));
}

/** The attributes of a reduction. @throws for options and axes that there are not */
function reducing(op: string, x: Tensor, axes: Axes | undefined, options: ReduceOptions | undefined) {
  assertTensor(op, x);
  checkOptions(op, options, ['keepDims'], ['keepDims']);
  return { axes: normalizeAxes(op, axes, x.rank), keepDims: options?.keepDims ?? false };
}

/**
 * Sums over leading axes, and over those where `shape` has extent 1, so that the result has `shape`: the transpose of
 * broadcasting, PyTorch's `sum_to_size`.
 * @throws if `shape` does not broadcast to that of `x`
 */
export function sumToSize(x: Tensor, shape: Shape): Tensor {
  assertTensor('sumToSize', x);
  assertShape('sumToSize', shape);
  const missing = x.rank - shape.length;
  if (!sameShape(broadcastShapes('sumToSize', x.shape, shape), x.shape)) {
    throw new Error(`sumToSize: ${show(x.shape)} cannot be summed to ${show(shape)}`);
  }
  const axes = x.shape.flatMap((extent, axis) =>
    axis < missing || (shape[axis - missing] === 1 && extent !== 1) ? [axis] : [],
  );
  const summed = axes.length > 0 ? sum(x, axes, { keepDims: true }) : x;
  return sameShape(summed.shape, shape) ? summed : reshape(summed, shape);
}

/**
 * Product over `axes` (default: all), as `sum`; 1 over nothing. The gradient is exact where factors are 0, too: that of each is
 * the product of the others.
 */
export function prod(x: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
  return apply(reductions.prod, [x], reducing('prod', x, axes, options));
}

/** Mean over `axes` (default: all), as `sum`; NaN over nothing, as in PyTorch. */
export function mean(x: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
  const { axes: normal } = reducing('mean', float('mean', x), axes, options);
  const count = extentOf(x, normal);
  // The sum of halves may be beyond what a half holds where the mean is not.
  return widened(x, (wide) => mul(sum(wide, normal, options), count === 0 ? Number.NaN : 1 / count));
}

/** How many elements go into one result. */
const extentOf = (x: Tensor, axes: readonly number[]) => sizeOf(axes.map((axis) => x.shape[axis]!));

/** Computes in float32 what is stored as halves. */
function widened(x: Tensor, fn: (x: Tensor) => Tensor): Tensor {
  return x.dtype === 'float16' ? cast(fn(cast(x, 'float32')), 'float16') : fn(x);
}

/** What `variance` and `std` divide by. */
export interface VarianceOptions extends ReduceOptions {
  /**
   * The mean square is that of n − correction values: 1 (the default, as in PyTorch) gives the unbiased estimate of a sample's
   * variance, 0 the variance of the values themselves.
   */
  correction?: number;
}

/**
 * Variance over `axes` (default: all), as `sum`: Σ (x − mean)² / (n − correction), by two passes. NaN of one value with the
 * default correction, and over nothing, as in PyTorch.
 * @throws if the correction is negative
 */
export function variance(x: Tensor, axes?: Axes, options?: VarianceOptions): Tensor {
  return spread('variance', x, axes, options, (squares) => squares);
}

/** Standard deviation over `axes`: the root of the `variance`. Its gradient is 0 where that is 0, as in PyTorch. */
export function std(x: Tensor, axes?: Axes, options?: VarianceOptions): Tensor {
  return spread('std', x, axes, options, (squares) => {
    const none = equal(squares, 0);
    return where(none, 0, sqrt(where(none, 1, squares)));
  });
}

function spread(
  op: string,
  x: Tensor,
  axes: Axes | undefined,
  options: VarianceOptions | undefined,
  end: (variance: Tensor) => Tensor,
): Tensor {
  checkOptions(op, options, ['correction', 'keepDims'], ['keepDims']);
  const { correction = 1, keepDims } = options ?? {};
  assertNumber(op, 'the correction', correction);
  if (!(correction >= 0)) throw new Error(`${op}: the correction is 0 or more, got ${correction}`);
  const normal = normalizeAxes(op, axes, float(op, x).rank);
  const degrees = Math.max(0, extentOf(x, normal) - correction);
  return widened(x, (wide) => {
    const deviations = sub(wide, mean(wide, normal, { keepDims: true }));
    return end(mul(sum(square(deviations), normal, { keepDims }), 1 / degrees));
  });
}

/** How `cumsum` goes along its axis. */
export interface CumsumOptions {
  /** From the end of the axis to its beginning. */
  reverse?: boolean;
}

/** Running sums along one axis (default: the last), of x's shape; element i is the sum of elements 0 to i. Float, summed in float32. */
export function cumsum(x: Tensor, axis = -1, options?: CumsumOptions): Tensor {
  assertTensor('cumsum', x);
  checkOptions('cumsum', options, ['reverse'], ['reverse']);
  const { reverse = false } = options ?? {};
  return apply(scans.cumsum, [x], { axis: normalizeAxis('cumsum', axis, x.rank), reverse });
}

/**
 * Maximum over `axes` (default: all), as `sum`; NaN if one of the values is. Where several are equal, they share the gradient.
 * @throws over an empty axis
 */
export function max(x: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
  return apply(reductions.max, [x], reducing('max', x, axes, options));
}

/**
 * Minimum over `axes` (default: all), as `sum`; NaN if one of the values is. Where several are equal, they share the gradient.
 * @throws over an empty axis
 */
export function min(x: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
  return apply(reductions.min, [x], reducing('min', x, axes, options));
}

/** Index (int32) of the first maximum along one axis (default: the last), or of the first NaN. @throws if the axis is empty */
export function argmax(x: Tensor, axis = -1, options?: ReduceOptions): Tensor {
  const { keepDims } = reducing('argmax', x, axis, options);
  return apply(reductions.argmax, [x], { axis: normalizeAxis('argmax', axis, x.rank), keepDims });
}

/** Index (int32) of the first minimum along one axis (default: the last), or of the first NaN. @throws if the axis is empty */
export function argmin(x: Tensor, axis = -1, options?: ReduceOptions): Tensor {
  const { keepDims } = reducing('argmin', x, axis, options);
  return apply(reductions.argmin, [x], { axis: normalizeAxis('argmin', axis, x.rank), keepDims });
}

/** The greatest float32. */
const GREATEST = 3.4028234663852886e38;

/**
 * log Σ exp(x) over `axes`, with the maximum subtracted first; an infinite maximum is the result, not NaN, and so is −∞
 * over nothing.
 */
export function logSumExp(x: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
  const { axes: normal, keepDims } = reducing('logSumExp', float('logSumExp', x), axes, options);
  const nothing = normal.some((axis) => x.shape[axis] === 0);
  // The shift is a constant: whatever its value, the derivative of the sum is the softmax.
  const shift = nothing
    ? full([], 0, { device: x.device, dtype: x.dtype })
    : constant(clamp(max(x, normal, { keepDims: true }), { min: -GREATEST, max: GREATEST }));
  const total = add(log(sum(exp(sub(x, shift)), normal, { keepDims: true })), shift);
  return keepDims
    ? total
    : reshape(
        total,
        x.shape.filter((_, axis) => !normal.includes(axis)),
      );
}

/** exp(x) / Σ exp(x) along one axis (default: the last), of x's shape, with the maximum subtracted first. */
export function softmax(x: Tensor, axis = -1): Tensor {
  assertTensor('softmax', x);
  return apply(softmaxes.softmax, [x], { axis: normalizeAxis('softmax', axis, x.rank) });
}

/** log(softmax(x)) along one axis (default: the last), of x's shape; finite where the softmax itself is 0. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  assertTensor('logSoftmax', x);
  return apply(softmaxes.logSoftmax, [x], { axis: normalizeAxis('logSoftmax', axis, x.rank) });
}
