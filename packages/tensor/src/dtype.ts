/**
 * Element types. Arithmetic is on `float32` (held as float64 by the reference device) and on `float16`, which is a way
 * to store: kernels compute in float32 and round what they write. `uint8` stores images.
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
