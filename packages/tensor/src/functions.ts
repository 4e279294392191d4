import { apply, deviceOf } from './apply.ts';
import { full } from './creation.ts';
import { floatType } from './dtype.ts';
import type { CastType } from './ops/cast.ts';
import { type ConvAttributes, convOutputSize } from './ops/conv.ts';
import { ops } from './ops/index.ts';
import {
  broadcastShapes,
  normalizeAxes,
  normalizeAxis,
  type Shape,
  sameShape,
  show,
  sizeOf,
} from './shape.ts';
import { Tensor } from './tensor.ts';

/*
 * The functions that people call, named as PyTorch names them. Each turns convenient arguments into an op's inputs and
 * attributes; those that are compositions of ops are differentiable because the ops are.
 */

/** Where a tensor is expected, a number stands for a scalar. */
export type Operand = Tensor | number;

// ----------------------------------------------------------------------------------------------------- elementwise

export const neg = (x: Tensor): Tensor => apply(ops.neg, [x], []);
export const abs = (x: Tensor): Tensor => apply(ops.abs, [x], []);
export const sign = (x: Tensor): Tensor => apply(ops.sign, [x], []);
export const exp = (x: Tensor): Tensor => apply(ops.exp, [x], []);
export const log = (x: Tensor): Tensor => apply(ops.log, [x], []);
export const log1p = (x: Tensor): Tensor => apply(ops.log1p, [x], []);
export const sqrt = (x: Tensor): Tensor => apply(ops.sqrt, [x], []);
export const square = (x: Tensor): Tensor => apply(ops.square, [x], []);
export const reciprocal = (x: Tensor): Tensor => apply(ops.reciprocal, [x], []);
export const sin = (x: Tensor): Tensor => apply(ops.sin, [x], []);
export const cos = (x: Tensor): Tensor => apply(ops.cos, [x], []);
export const floor = (x: Tensor): Tensor => apply(ops.floor, [x], []);
export const relu = (x: Tensor): Tensor => apply(ops.relu, [x], []);
export const leakyRelu = (x: Tensor, negativeSlope = 0.01): Tensor =>
  apply(ops.leakyRelu, [x], [negativeSlope]);
export const sigmoid = (x: Tensor): Tensor => apply(ops.sigmoid, [x], []);
export const tanh = (x: Tensor): Tensor => apply(ops.tanh, [x], []);
/** log(1 + exp(x)). */
export const softplus = (x: Tensor): Tensor => apply(ops.softplus, [x], []);

/** Bounded below, above or both; the gradient is 0 outside and passes at the bounds, as in PyTorch. */
export function clamp(
  x: Tensor,
  { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: { min?: number; max?: number },
): Tensor {
  if (!(min <= max)) throw new Error(`clamp: min ${min} is above max ${max}`);
  return apply(ops.clamp, [x], [min, max]);
}

/** Puts a number where a tensor is expected, as a scalar on the other operand's device. */
function operands<T extends readonly Operand[]>(op: string, ...values: T): { [K in keyof T]: Tensor } {
  const tensor = values.find((value) => value instanceof Tensor);
  if (!tensor) throw new Error(`${op}: expects at least one tensor`);
  const options = { device: tensor.device, dtype: tensor.dtype === 'float16' ? tensor.dtype : undefined };
  const asTensor = (value: Operand) => (value instanceof Tensor ? value : full([], value, options));
  return values.map(asTensor) as { [K in keyof T]: Tensor };
}

/** Where a function runs as another op, so that the error names what was called. */
function float(op: string, x: Tensor): Tensor {
  deviceOf(op, [x]);
  floatType(op, [x]);
  return x;
}

const affine = (op: string, x: Tensor, scale: number, shift: number) =>
  apply(ops.affine, [float(op, x)], [scale, shift]);

export function add(a: Operand, b: Operand): Tensor {
  if (typeof b === 'number' && a instanceof Tensor) return affine('add', a, 1, b);
  if (typeof a === 'number' && b instanceof Tensor) return affine('add', b, 1, a);
  return apply(ops.add, operands('add', a, b), []);
}

export function sub(a: Operand, b: Operand): Tensor {
  if (typeof b === 'number' && a instanceof Tensor) return affine('sub', a, 1, -b);
  if (typeof a === 'number' && b instanceof Tensor) return affine('sub', b, -1, a);
  return apply(ops.sub, operands('sub', a, b), []);
}

export function mul(a: Operand, b: Operand): Tensor {
  if (typeof b === 'number' && a instanceof Tensor) return affine('mul', a, b, 0);
  if (typeof a === 'number' && b instanceof Tensor) return affine('mul', b, a, 0);
  return apply(ops.mul, operands('mul', a, b), []);
}

export function div(a: Operand, b: Operand): Tensor {
  // As long as the inverse neither overflows nor loses bits below the normal numbers.
  const invertible = typeof b === 'number' && Math.abs(b) > 1e-37 && Math.abs(b) < 1e37;
  if (invertible && a instanceof Tensor) return affine('div', a, 1 / b, 0);
  return apply(ops.div, operands('div', a, b), []);
}

export function pow(a: Operand, b: Operand): Tensor {
  if (typeof b === 'number' && a instanceof Tensor) return apply(ops.powScalar, [float('pow', a)], [b]);
  return apply(ops.pow, operands('pow', a, b), []);
}

export const minimum = (a: Operand, b: Operand): Tensor => apply(ops.minimum, operands('minimum', a, b), []);
export const maximum = (a: Operand, b: Operand): Tensor => apply(ops.maximum, operands('maximum', a, b), []);
/** Comparisons give the operands' type: 1 where true, 0 where not. */
export const equal = (a: Operand, b: Operand): Tensor => apply(ops.equal, operands('equal', a, b), []);
export const notEqual = (a: Operand, b: Operand): Tensor =>
  apply(ops.notEqual, operands('notEqual', a, b), []);
export const less = (a: Operand, b: Operand): Tensor => apply(ops.less, operands('less', a, b), []);
export const lessEqual = (a: Operand, b: Operand): Tensor =>
  apply(ops.lessEqual, operands('lessEqual', a, b), []);
export const greater = (a: Operand, b: Operand): Tensor => apply(ops.greater, operands('greater', a, b), []);
export const greaterEqual = (a: Operand, b: Operand): Tensor =>
  apply(ops.greaterEqual, operands('greaterEqual', a, b), []);
/** `a` where the condition is not 0, else `b`; all three broadcast. */
export const where = (condition: Tensor, a: Operand, b: Operand): Tensor =>
  apply(ops.where, operands('where', condition, a, b), []);

/** float32, float16, int32 or uint32 from any type; to integers, floats are truncated. */
export const cast = (x: Tensor, dtype: CastType): Tensor => apply(ops.cast, [x], { dtype });

// ------------------------------------------------------------------------------------------------------ reductions

export type Axes = number | readonly number[];
export interface ReduceOptions {
  keepDims?: boolean;
}

/** Sum over `axes` (default: all). */
export function sum(x: Tensor, axes?: Axes, { keepDims = false }: ReduceOptions = {}): Tensor {
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

/** Mean over `axes` (default: all); NaN over nothing, as in PyTorch. */
export function mean(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const count = sizeOf(normalizeAxes('mean', axes, x.rank).map((axis) => x.shape[axis]!));
  const scale = count === 0 ? Number.NaN : 1 / count;
  // The sum of halves may be beyond what a half holds where the mean is not.
  const wide = float('mean', x).dtype === 'float16' ? cast(x, 'float32') : x;
  const mean = affine('mean', sum(wide, axes, options), scale, 0);
  return wide === x ? mean : cast(mean, 'float16');
}

/** Maximum over `axes`; where several are equal, they share the gradient. */
export function max(x: Tensor, axes?: Axes, { keepDims = false }: ReduceOptions = {}): Tensor {
  return apply(ops.max, [x], { axes: normalizeAxes('max', axes, x.rank), keepDims });
}

export function min(x: Tensor, axes?: Axes, { keepDims = false }: ReduceOptions = {}): Tensor {
  return apply(ops.min, [x], { axes: normalizeAxes('min', axes, x.rank), keepDims });
}

/** Index (int32) of the first maximum along one axis. */
export function argmax(x: Tensor, axis = -1, { keepDims = false }: ReduceOptions = {}): Tensor {
  return apply(ops.argmax, [x], { axis: normalizeAxis('argmax', axis, x.rank), keepDims });
}

export function argmin(x: Tensor, axis = -1, { keepDims = false }: ReduceOptions = {}): Tensor {
  return apply(ops.argmin, [x], { axis: normalizeAxis('argmin', axis, x.rank), keepDims });
}

/** The greatest float32. */
const GREATEST = 3.4028234663852886e38;

/**
 * log Σ exp(x) over `axes`, with the maximum subtracted first; an infinite maximum is the result, not NaN, and so is −∞
 * over nothing.
 */
export function logSumExp(x: Tensor, axes?: Axes, { keepDims = false }: ReduceOptions = {}): Tensor {
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

export const softmax = (x: Tensor, axis = -1): Tensor =>
  apply(ops.softmax, [x], { axis: normalizeAxis('softmax', axis, x.rank) });
export const logSoftmax = (x: Tensor, axis = -1): Tensor =>
  apply(ops.logSoftmax, [x], { axis: normalizeAxis('logSoftmax', axis, x.rank) });

// ---------------------------------------------------------------------------------------------------- contractions

export interface MatmulOptions {
  /** Exchange the last two axes of an operand first, at no cost. */
  transposeA?: boolean;
  transposeB?: boolean;
}

/** [..., M, K] x [..., K, N] → [..., M, N]; batch axes broadcast. */
export function matmul(
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false }: MatmulOptions = {},
): Tensor {
  return apply(ops.matmul, [a, b], { transposeA, transposeB });
}

/** One number for both axes, or (height, width). */
export type PairOption = number | readonly [number, number];

export interface ConvOptions {
  stride?: PairOption;
  padding?: PairOption;
  dilation?: PairOption;
}

export const pair = (value: PairOption): readonly [number, number] =>
  typeof value === 'number' ? [value, value] : value;

const convAttributes = ({ stride = 1, padding = 0, dilation = 1 }: ConvOptions): ConvAttributes => ({
  stride: pair(stride),
  padding: pair(padding),
  dilation: pair(dilation),
});

/** images [N, C, H, W], weights [O, C, kh, kw] → [N, O, oh, ow]. Add a bias as `add(y, bias.reshape([O, 1, 1]))`. */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return apply(ops.conv2d, [x, weight], convAttributes(options));
}

export interface ConvTransposeOptions extends ConvOptions {
  outputPadding?: PairOption;
}

/**
 * images [N, C, H, W], weights [C, O, kh, kw] → [N, O, oh, ow] with
 * oh = (H − 1)·stride − 2·padding + dilation·(kh − 1) + outputPadding + 1: the gradient of a convolution.
 */
export function convTranspose2d(x: Tensor, weight: Tensor, options: ConvTransposeOptions = {}): Tensor {
  const attributes = convAttributes(options);
  const extra = pair(options.outputPadding ?? 0);
  const { stride, padding, dilation } = attributes;
  const along = (d: 0 | 1) =>
    ((x.shape[2 + d] ?? 0) - 1) * stride[d] -
    2 * padding[d] +
    dilation[d] * ((weight.shape[2 + d] ?? 1) - 1) +
    extra[d] +
    1;
  for (const d of [0, 1] as const) {
    if (extra[d] < 0 || (extra[d] > 0 && extra[d] >= Math.max(stride[d], dilation[d]))) {
      throw new Error(
        `convTranspose2d: output padding ${show(extra)} has to be smaller than stride ${show(stride)} or dilation ${show(dilation)}`,
      );
    }
  }
  const size: [number, number] = [along(0), along(1)];
  if (extra[0] < stride[0] && extra[1] < stride[1])
    return apply(ops.conv2dInputGradient, [x, weight], { ...attributes, size });
  // With more, the output is no image of a convolution that gives `x`: cut it out of the one without any padding.
  const whole = ([0, 1] as const).map((d) => size[d] + 2 * padding[d] - extra[d]) as [number, number];
  const unpadded = apply(ops.conv2dInputGradient, [x, weight], {
    ...attributes,
    padding: [0, 0],
    size: whole,
  });
  const after = ([0, 1] as const).map((d): [number, number] => [0, Math.max(0, extra[d] - padding[d])]);
  const [rows, columns] = ([0, 1] as const).map((d): [number, number] => [padding[d], padding[d] + size[d]]);
  return slice(pad(unpadded, [[0, 0], [0, 0], ...after]), null, null, rows!, columns!);
}

export { convOutputSize };

// -------------------------------------------------------------------------------------------------------- movement

/** The same elements under another shape; one extent may be −1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.reduce((product, extent) => (extent === -1 ? product : product * extent), 1);
  const missing = shape.filter((extent) => extent === -1).length;
  if (missing > 1 || (missing === 1 && (known === 0 || x.size % known !== 0))) {
    throw new Error(`reshape: ${show(x.shape)} cannot become ${show(shape)}`);
  }
  const full = shape.map((extent) => (extent === -1 ? x.size / known : extent));
  return apply(ops.reshape, [x], { shape: full });
}

/** All axes from `start` to `end` (inclusive) made one. */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  if (x.rank === 0) return reshape(x, [1]);
  const [from, to] = [normalizeAxis('flatten', start, x.rank), normalizeAxis('flatten', end, x.rank)];
  if (from > to) throw new Error(`flatten: axis ${start} comes after axis ${end} in ${show(x.shape)}`);
  const middle = sizeOf(x.shape.slice(from, to + 1));
  return reshape(x, [...x.shape.slice(0, from), middle, ...x.shape.slice(to + 1)]);
}

export function permute(x: Tensor, axes: readonly number[]): Tensor {
  return apply(ops.permute, [x], { axes: axes.map((axis) => normalizeAxis('permute', axis, x.rank)) });
}

/** Exchanges two axes (default: the last two). */
export function transpose(x: Tensor, a = -2, b = -1): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  const [i, j] = [normalizeAxis('transpose', a, x.rank), normalizeAxis('transpose', b, x.rank)];
  [axes[i], axes[j]] = [axes[j]!, axes[i]!];
  return apply(ops.permute, [x], { axes });
}

/** Repeats axes of extent 1 (and new leading ones) up to `shape`; −1 keeps an axis as it is. */
export function expand(x: Tensor, shape: Shape): Tensor {
  const missing = shape.length - x.rank;
  const full = shape.map((extent, axis) => (extent === -1 ? (x.shape[axis - missing] ?? -1) : extent));
  return sameShape(x.shape, full) ? x : apply(ops.expand, [x], { shape: full });
}

/**
 * Elements `start … end−1` by `step` along each axis, as `[start, end, step]`, a plain index range; `null` takes the
 * whole axis. Negative bounds count from the end; missing axes are taken whole.
 */
export function slice(x: Tensor, ...ranges: (readonly [number?, number?, number?] | null)[]): Tensor {
  if (ranges.length > x.rank) throw new Error(`slice: ${ranges.length} ranges for shape ${show(x.shape)}`);
  const [starts, sizes, steps] = [[], [], []] as [number[], number[], number[]];
  x.shape.forEach((extent, axis) => {
    const [start = 0, end = extent, step = 1] = ranges[axis] ?? [];
    if (!(Number.isInteger(step) && step >= 1))
      throw new Error(`slice: a step is a whole number from 1, got ${step}`);
    const bound = (value: number) => Math.min(extent, Math.max(0, value < 0 ? value + extent : value));
    starts.push(bound(start));
    sizes.push(Math.max(0, Math.ceil((bound(end) - bound(start)) / step)));
    steps.push(step);
  });
  return apply(ops.slice, [x], { starts, sizes, steps });
}

/** Surrounds with `value`: `widths[axis]` is [before, after]. */
export function pad(x: Tensor, widths: readonly (readonly [number, number])[], value = 0): Tensor {
  return apply(ops.pad, [x], {
    before: widths.map(([before]) => before),
    after: widths.map(([, after]) => after),
    steps: x.shape.map(() => 1),
    value,
  });
}

export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0) throw new Error('concat: expects at least one tensor');
  return apply(ops.concat, tensors, { axis: normalizeAxis('concat', axis, tensors[0]!.rank) });
}

/** Joins tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0) throw new Error('stack: expects at least one tensor');
  if (!tensors.every((x) => sameShape(x.shape, tensors[0]!.shape))) {
    throw new Error(`stack: shapes differ: ${tensors.map((x) => show(x.shape)).join(', ')}`);
  }
  const at = normalizeAxis('stack', axis, tensors[0]!.rank + 1);
  return concat(
    tensors.map((x) => reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)])),
    at,
  );
}

/** PyTorch's gather: y[i, j] = x[index[i, j], j] for axis 0, and so on. `index` is int32 of x's rank. */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  const at = normalizeAxis('gather', axis, x.rank);
  const smaller = index.rank === x.rank && x.shape.some((extent, k) => k !== at && index.shape[k]! < extent);
  const ranges = x.shape.map((extent, k): [number, number] => [0, k === at ? extent : index.shape[k]!]);
  return apply(ops.gather, [smaller ? slice(x, ...ranges) : x, index], { axis: at });
}

/** Rows (or columns …) of x in the order that a one-dimensional int32 index names: an embedding's look-up. */
export function indexSelect(x: Tensor, axis: number, index: Tensor): Tensor {
  const at = normalizeAxis('indexSelect', axis, x.rank);
  if (index.rank !== 1 || index.dtype !== 'int32') {
    throw new Error(`indexSelect: the index is int32 with one axis, got ${index.dtype} ${show(index.shape)}`);
  }
  const shape = x.shape.map((_, k) => (k === at ? index.size : 1));
  return apply(ops.gather, [x, reshape(index, shape)], { axis: at });
}

/**
 * The transpose of gather: y's values added up where the int32 index names, in a result of `extent` along the axis.
 * The index has y's shape; axes other than the indexed one may be 1, for all of y's lines alike.
 */
export function scatterAdd(y: Tensor, axis: number, index: Tensor, extent: number): Tensor {
  return apply(ops.scatterAdd, [y, index], { axis: normalizeAxis('scatterAdd', axis, y.rank), extent });
}

/** The values behind a tensor as a constant: the same memory, no history. */
export function constant(x: Tensor): Tensor {
  deviceOf('constant', [x]);
  return new Tensor(x.storage, x.shape, x.offset);
}
