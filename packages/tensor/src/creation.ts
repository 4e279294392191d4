import { defaultDevice } from './context.ts';
import type { Device } from './contracts.ts';
import { type DType, hostArray, type NumericArray } from './dtype.ts';
import { type Shape, show, sizeOf } from './shape.ts';
import { type Nested, Tensor } from './tensor.ts';

export interface TensorOptions {
  dtype?: DType;
  device?: Device;
}

/** A tensor from a number, nested arrays, or a typed array with a shape. */
export function tensor(
  values: Nested | NumericArray,
  options: TensorOptions & { shape?: Shape } = {},
): Tensor {
  const typed = ArrayBuffer.isView(values);
  const shape = options.shape ?? (typed ? [values.length] : nestedShape(values));
  const flat = typed ? values : Float64Array.from(leaves(values));
  if (flat.length !== sizeOf(shape)) {
    throw new Error(`tensor: ${flat.length} values do not fill shape ${show(shape)}`);
  }
  const dtype = options.dtype ?? dtypeOf(values);
  const result = empty(shape, { dtype, device: options.device });
  if (flat.length > 0) result.device.write(result.storage, 0, flat);
  return result;
}

/** A tensor of unspecified content. */
export function empty(
  shape: Shape,
  { dtype = 'float32', device = defaultDevice() }: TensorOptions = {},
): Tensor {
  if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
    throw new Error(`tensor: a shape has whole, non-negative extents, got ${show(shape)}`);
  }
  return new Tensor(device.allocate(dtype, sizeOf(shape)), [...shape]);
}

export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  const result = empty(shape, options);
  if (result.size === 0) return result;
  // The reference keeps float64, so a value that float32 would round is passed on whole.
  const whole = result.dtype === 'float32' && Math.fround(value) !== value;
  const values = whole ? new Float64Array(result.size) : hostArray(result.dtype, result.size);
  result.device.write(result.storage, 0, values.fill(value));
  return result;
}

export const zeros = (shape: Shape, options?: TensorOptions): Tensor => full(shape, 0, options);
export const ones = (shape: Shape, options?: TensorOptions): Tensor => full(shape, 1, options);

/** Zeros of another tensor's shape, type and device. */
export const zerosLike = (x: Tensor): Tensor => zeros(x.shape, { dtype: x.dtype, device: x.device });
/** Ones of another tensor's shape, type and device. */
export const onesLike = (x: Tensor): Tensor => ones(x.shape, { dtype: x.dtype, device: x.device });

function dtypeOf(values: unknown): DType {
  if (values instanceof Int32Array) return 'int32';
  if (values instanceof Uint32Array) return 'uint32';
  if (values instanceof Uint8Array) return 'uint8';
  return 'float32';
}

function nestedShape(values: Nested): number[] {
  if (typeof values === 'number') return [];
  if (values.length === 0) return [0];
  const inner = values.map(nestedShape);
  if (!inner.every((shape) => show(shape) === show(inner[0]!))) {
    throw new Error('tensor: the nested arrays are ragged: every row needs the same length');
  }
  return [values.length, ...inner[0]!];
}

function leaves(values: Nested): number[] {
  return typeof values === 'number' ? [values] : values.flatMap(leaves);
}
