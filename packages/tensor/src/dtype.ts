/** Element types. `uint8` stores images; arithmetic is on `float32` (held as float64 by the reference device). */
export type DType = 'float32' | 'int32' | 'uint32' | 'uint8';

export type NumericArray = Float64Array | Float32Array | Int32Array | Uint32Array | Uint8Array;

export const bytesPerElement: Record<DType, number> = { float32: 4, int32: 4, uint32: 4, uint8: 1 };

/** A zeroed host array for `size` elements as the GPU stores them. */
export function hostArray(dtype: DType, size: number): Float32Array | Int32Array | Uint32Array | Uint8Array {
  switch (dtype) {
    case 'float32':
      return new Float32Array(size);
    case 'int32':
      return new Int32Array(size);
    case 'uint32':
      return new Uint32Array(size);
    case 'uint8':
      return new Uint8Array(size);
  }
}
