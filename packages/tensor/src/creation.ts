import { assertCount, assertNumber, assertShape, assertTensor } from './arguments.ts';
import { assertDevice, defaultDevice } from './context.ts';
import type { Device } from './contracts.ts';
import { described } from './described.ts';
import { assertStorable, bytesPerElement, type DType, hostArray, type NumericArray } from './dtype.ts';
import { checkOptions } from './options.ts';
import { type Shape, show, sizeOf } from './shape.ts';
import { allocated, internalsOf, type Nested, Tensor } from './tensor.ts';

/** Where and how a tensor is made. */
export interface TensorOptions {
  /** Default: `float32`; for integer typed arrays, theirs. */
  dtype?: DType;
  /** Default: the one of `setDefaultDevice`. */
  device?: Device;
}

/**
 * A tensor from a number, nested arrays (booleans count as 1 and 0), or a typed array with a shape.
 * @throws unless the values are numbers that the type holds, and fill the shape
 */
export function tensor(
  values: Nested | NumericArray,
  options: TensorOptions & { shape?: Shape } = {},
): Tensor {
  checkOptions('tensor', options, ['dtype', 'device', 'shape']);
  const typed = ArrayBuffer.isView(values);
  if (typed && typeof values[0] === 'bigint') {
    throw new Error(
      'tensor: a big integer is no number here: Int32Array.from(values, Number) makes numbers of them',
    );
  }
  const shape = options.shape ?? (typed ? [values.length] : nestedShape(values));
  const flat = typed ? values : Float64Array.from(leaves(values));
  assertShape('tensor', shape);
  if (flat.length !== sizeOf(shape)) {
    throw new Error(`tensor: ${flat.length} values do not fill shape ${show(shape)}`);
  }
  const dtype = options.dtype ?? dtypeOf(values);
  const result = made('tensor', shape, { dtype, device: options.device });
  assertStorable('tensor', flat, dtype);
  if (flat.length > 0) result.device.write(internalsOf(result).storage, 0, flat);
  return result;
}

/** A tensor of unspecified content. */
export function empty(shape: Shape, options: TensorOptions = {}): Tensor {
  return made('empty', shape, options);
}

/** @throws for what is no shape, no type, and options that there are not */
function made(what: string, shape: Shape, options: TensorOptions): Tensor {
  assertShape(what, shape);
  checkOptions(what, options, ['dtype', 'device']);
  const { dtype = 'float32', device = defaultDevice() } = options;
  assertDevice(what, device);
  if (!Object.hasOwn(bytesPerElement, dtype)) {
    const known = Object.keys(bytesPerElement).join(', ');
    throw new Error(
      `${what}: no type is named ${described(dtype)}: ${known} (the reference device computes float32 in double precision)`,
    );
  }
  return allocated(what, device, dtype, [...shape]);
}

function filled(what: string, shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  assertNumber(what, 'the value', value);
  const result = made(what, shape, options);
  assertStorable(what, [value], result.dtype);
  if (result.size === 0) return result;
  // The reference keeps float64, so a value that float32 would round is passed on whole.
  const whole = result.dtype === 'float32' && Math.fround(value) !== value;
  const values = whole ? new Float64Array(result.size) : hostArray(result.dtype, result.size);
  result.device.write(internalsOf(result).storage, 0, values.fill(value));
  return result;
}

/** A tensor whose elements follow from their numbers. The host makes no values of one that the device cannot hold. */
function counted(
  what: string,
  shape: Shape,
  value: (i: number) => number,
  options: TensorOptions = {},
): Tensor {
  const result = made(what, shape, options);
  if (result.size === 0) return result;
  const values = new Float64Array(result.size);
  for (let i = 0; i < values.length; i++) values[i] = value(i);
  assertStorable(what, values, result.dtype);
  result.device.write(internalsOf(result).storage, 0, values);
  return result;
}

/** A tensor filled with one value. */
export const full = (shape: Shape, value: number, options?: TensorOptions): Tensor =>
  filled('full', shape, value, options);
/** A tensor of zeros. */
export const zeros = (shape: Shape, options?: TensorOptions): Tensor => filled('zeros', shape, 0, options);
/** A tensor of ones. */
export const ones = (shape: Shape, options?: TensorOptions): Tensor => filled('ones', shape, 1, options);

/** Zeros of another tensor's shape; of its type and on its device unless the options say otherwise. */
export const zerosLike = (x: Tensor, options?: TensorOptions): Tensor => like('zerosLike', x, 0, options);
/** Ones of another tensor's shape; of its type and on its device unless the options say otherwise. */
export const onesLike = (x: Tensor, options?: TensorOptions): Tensor => like('onesLike', x, 1, options);

function like(what: string, x: Tensor, value: number, options?: TensorOptions): Tensor {
  assertTensor(what, x);
  checkOptions(what, options, ['dtype', 'device']);
  const { dtype = x.dtype, device = x.device } = options ?? {};
  return filled(what, x.shape, value, { dtype, device });
}

/**
 * start, start + step, … up to but without `end`: [⌈(end − start) / step⌉]. With one number, 0 … end − 1. float32 unless
 * the options say otherwise, as everywhere here; PyTorch's is int64 for whole numbers.
 */
export function arange(end: number, options?: TensorOptions): Tensor;
export function arange(start: number, end: number, step?: number, options?: TensorOptions): Tensor;
export function arange(
  first: number,
  second?: number | TensorOptions,
  step = 1,
  last?: TensorOptions,
): Tensor {
  const [start, end, options] =
    typeof second === 'number' ? [first, second, last] : [0, first, second ?? last];
  for (const number of [start, end, step]) assertNumber('arange', 'each of start, end and step', number);
  const count = Math.ceil((end - start) / step);
  if (!(count >= 0) || count === Number.POSITIVE_INFINITY) {
    throw new Error(`arange: cannot go from ${start} to ${end} by ${step}`);
  }
  return counted('arange', [count], (i) => start + i * step, options);
}

/** `count` evenly spaced numbers from `start` to `end`, both included: [count]. */
export function linspace(start: number, end: number, count: number, options?: TensorOptions): Tensor {
  for (const number of [start, end]) assertNumber('linspace', 'each of start and end', number);
  assertCount('linspace', 'the count', count);
  // Either end exactly, and the same numbers from both.
  const at = (i: number) =>
    i < count / 2
      ? start + (i * (end - start)) / (count - 1)
      : end - ((count - 1 - i) * (end - start)) / (count - 1);
  return counted('linspace', [count], (i) => (count === 1 ? start : at(i)), options);
}

/** The identity matrix, [rows, columns], square by default. */
export function eye(rows: number, columns?: number | TensorOptions, options?: TensorOptions): Tensor {
  const width = typeof columns === 'number' ? columns : rows;
  for (const count of [rows, width]) assertCount('eye', 'each of rows and columns', count);
  const chosen = typeof columns === 'number' ? options : (columns ?? options);
  return counted('eye', [rows, width], (i) => Number(i % (width + 1) === 0 && i < width * width), chosen);
}

function dtypeOf(values: unknown): DType {
  if (values instanceof Int32Array) return 'int32';
  if (values instanceof Uint32Array) return 'uint32';
  if (values instanceof Uint8Array) return 'uint8';
  return 'float32';
}

function nestedShape(values: Nested): number[] {
  if (!Array.isArray(values)) return [];
  if (values.length === 0) return [0];
  const inner = values.map(nestedShape);
  if (!inner.every((shape) => show(shape) === show(inner[0]!))) {
    throw new Error('tensor: the nested arrays are ragged: every row needs the same length');
  }
  return [values.length, ...inner[0]!];
}

function leaves(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(leaves);
  if (typeof value === 'number') return [value];
  if (typeof value === 'boolean') return [Number(value)];
  const got =
    value instanceof Tensor
      ? `a tensor of shape ${show(value.shape)} (stack joins tensors)`
      : described(value);
  throw new Error(`tensor: expects numbers, in nested arrays or a typed array, got ${got}`);
}
