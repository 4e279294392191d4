import { apply } from '../apply.ts';
import { full } from '../creation.ts';
import { float } from '../operands.ts';
import { add, clamp, exp, log, mul, sub } from '../ops/elementwise.ts';
import { ops } from '../ops/index.ts';
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
export function sum(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const { keepDims = false } = options;
  return apply(ops.sum, [x], { axes: normalizeAxes('sum', axes, x.rank), keepDims });
}

/**
 * Sums over leading axes, and over those where `shape` has extent 1, so that the result has `shape`: the transpose of
 * broadcasting, PyTorch's `sum_to_size`.
 * @throws if `shape` does not broadcast to that of `x`
 */
export function sumToSize(x: Tensor, shape: Shape): Tensor {
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

/** Mean over `axes` (default: all), as `sum`; NaN over nothing, as in PyTorch. */
export function mean(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const count = sizeOf(normalizeAxes('mean', axes, x.rank).map((axis) => x.shape[axis]!));
  const scale = count === 0 ? Number.NaN : 1 / count;
  // The sum of halves may be beyond what a half holds where the mean is not.
  const wide = float('mean', x).dtype === 'float16' ? cast(x, 'float32') : x;
  const mean = mul(sum(wide, axes, options), scale);
  return wide === x ? mean : cast(mean, 'float16');
}

/**
 * Maximum over `axes` (default: all), as `sum`; NaN if one of the values is. Where several are equal, they share the gradient.
 * @throws over an empty axis
 */
export function max(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const { keepDims = false } = options;
  return apply(ops.max, [x], { axes: normalizeAxes('max', axes, x.rank), keepDims });
}

/**
 * Minimum over `axes` (default: all), as `sum`; NaN if one of the values is. Where several are equal, they share the gradient.
 * @throws over an empty axis
 */
export function min(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const { keepDims = false } = options;
  return apply(ops.min, [x], { axes: normalizeAxes('min', axes, x.rank), keepDims });
}

/** Index (int32) of the first maximum along one axis (default: the last), or of the first NaN. @throws if the axis is empty */
export function argmax(x: Tensor, axis = -1, options: ReduceOptions = {}): Tensor {
  const { keepDims = false } = options;
  return apply(ops.argmax, [x], { axis: normalizeAxis('argmax', axis, x.rank), keepDims });
}

/** Index (int32) of the first minimum along one axis (default: the last), or of the first NaN. @throws if the axis is empty */
export function argmin(x: Tensor, axis = -1, options: ReduceOptions = {}): Tensor {
  const { keepDims = false } = options;
  return apply(ops.argmin, [x], { axis: normalizeAxis('argmin', axis, x.rank), keepDims });
}

/** The greatest float32. */
const GREATEST = 3.4028234663852886e38;

/**
 * log Σ exp(x) over `axes`, with the maximum subtracted first; an infinite maximum is the result, not NaN, and so is −∞
 * over nothing.
 */
export function logSumExp(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const { keepDims = false } = options;
  const normal = normalizeAxes('logSumExp', axes, x.rank);
  float('logSumExp', x);
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
export const softmax = (x: Tensor, axis = -1): Tensor =>
  apply(ops.softmax, [x], { axis: normalizeAxis('softmax', axis, x.rank) });
/** log(softmax(x)) along one axis (default: the last), of x's shape; finite where the softmax itself is 0. */
export const logSoftmax = (x: Tensor, axis = -1): Tensor =>
  apply(ops.logSoftmax, [x], { axis: normalizeAxis('logSoftmax', axis, x.rank) });
