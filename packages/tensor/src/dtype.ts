/**
 * Element types. Arithmetic is on `float32` (held as float64 by the reference device) and on `float16`, which is a way
 * to store: kernels compute in float32 and round what they write. `int32` and `uint32` count, index and compare, modulo 2³²;
 * nothing is differentiated through them. `uint8` stores images.
 */
export type DType = 'float32' | 'float16' | 'int32' | 'uint32' | 'uint8';

/** What holds values on the host: float64 on the reference, else as a device stores them, with float16 widened. */
export type NumericArray = Float64Array | Float32Array | Int32Array | Uint32Array | Uint8Array;

export const bytesPerElement: Record<DType, number> = {
  float32: 4,
  float16: 2,
  int32: 4,
  uint32: 4,
  uint8: 1,
};

/** A zeroed host array for `size` elements: as the GPU stores them, except that float16 is widened. */
export function hostArray(dtype: DType, size: number): Float32Array | Int32Array | Uint32Array | Uint8Array {
  switch (dtype) {
    case 'float32':
    case 'float16':
      return new Float32Array(size);
    case 'int32':
      return new Int32Array(size);
    case 'uint32':
      return new Uint32Array(size);
    case 'uint8':
      return new Uint8Array(size);
  }
}

/** Whether gradients can flow through a type: float32, or float16. */
export const isFloat = (dtype: DType): dtype is 'float32' | 'float16' =>
  dtype === 'float32' || dtype === 'float16';

/** The least and the greatest value of each type of integers. */
export const integerRange = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  uint8: [0, 255],
} as const;

/** Whether ops compute modulo 2³²: int32, or uint32. */
export const isInteger = (dtype: DType): dtype is 'int32' | 'uint32' =>
  dtype === 'int32' || dtype === 'uint32';

/** @throws unless a number is a value of a type; any is one of a float */
export function checkNumber(op: string, value: number, dtype: DType): void {
  if (!isInteger(dtype)) return;
  const [least, greatest] = integerRange[dtype];
  if (Number.isInteger(value) && value >= least && value <= greatest) return;
  throw new Error(
    `${op}: ${value} is no ${dtype}, which holds whole numbers from ${least} to ${greatest}: cast the tensor, or take another`,
  );
}

/**
 * Checks numbers of the host that a tensor is to hold. Integers cut off what is behind the point.
 * @throws if one is beyond what a type of integers holds, or NaN
 */
export function assertStorable(what: string, values: ArrayLike<number>, dtype: DType): void {
  if (isFloat(dtype) || values.constructor === hostArray(dtype, 0).constructor) return;
  const [least, greatest] = integerRange[dtype];
  for (let i = 0; i < values.length; i++) {
    const whole = Math.trunc(values[i]!);
    if (whole >= least && whole <= greatest) continue;
    throw new Error(
      `${what}: ${values[i]} is no ${dtype}, which holds whole numbers from ${least} to ${greatest}`,
    );
  }
}

/**
 * The one type of an op's inputs, where it takes integers too. Types never mix by themselves.
 * @throws unless all are float32, or all float16, or all int32, or all uint32
 */
export function numberType(
  op: string,
  inputs: readonly { readonly dtype: DType }[],
): Exclude<DType, 'uint8'> {
  const { dtype } = inputs[0]!;
  if (dtype !== 'uint8' && inputs.every((input) => input.dtype === dtype)) return dtype;
  const types = [...new Set(inputs.map((input) => input.dtype))];
  const seen = types.join(' and ');
  throw new Error(
    types.includes('uint8')
      ? `${op}: expects float32, int32 or uint32, got ${seen}: cast the uint8 first`
      : `${op}: expects one type, got ${seen}: cast one of them`,
  );
}

/**
 * The one type of an op's inputs.
 * @throws unless all are float32 or all float16
 */
export function floatType(op: string, inputs: readonly { readonly dtype: DType }[]): 'float32' | 'float16' {
  const types = [...new Set(inputs.map(({ dtype }) => dtype))];
  const [type] = types;
  if (types.length === 1 && isFloat(type!)) return type;
  const seen = types.join(' and ');
  throw new Error(
    types.every(isFloat)
      ? `${op}: expects one type, got ${seen}: cast one of them`
      : `${op}: expects float32, got ${seen}; cast it first`,
  );
}
