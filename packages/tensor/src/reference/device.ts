import type { Device, InPlaceUpdate, OpCall, Storage, TensorView, Values } from '../contracts.ts';
import { bytesPerElement, type DType, hostArray, isFloat, type NumericArray } from '../dtype.ts';
import { TensorTooLargeError } from '../errors.ts';
import { roundToHalf } from '../float16.ts';

interface HostStorage extends Storage {
  readonly data: NumericArray;
}

/**
 * The device that is obviously right: float64 (float32 tensors too), plain loops, immediate. Kernels are compared
 * with it, and gradients are checked on it.
 */
export const referenceDevice: Device = {
  name: 'reference',
  kind: 'reference',
  // As adapters have it, and no more than JavaScript's arrays take: float32 is held in twice its bytes.
  maxTensorBytes: 2 ** 31,
  allocate(dtype, size) {
    const bytes = size * bytesPerElement[dtype];
    if (bytes > referenceDevice.maxTensorBytes) {
      throw new TensorTooLargeError(bytes, referenceDevice.maxTensorBytes);
    }
    const storage: HostStorage = {
      device: referenceDevice,
      dtype,
      size,
      references: 0,
      data: arrayFor(dtype, size),
    };
    return storage;
  },
  release() {},
  write(storage, offset, values) {
    const rounded = storage.dtype === 'float16' ? Float64Array.from(values, roundToHalf) : values;
    dataOf(storage).set(rounded as Float64Array, offset);
  },
  async read(storage, offset, size) {
    return dataOf(storage).slice(offset, offset + size);
  },
  peek: (storage, offset, size) => dataOf(storage).slice(offset, offset + size),
  run({ op, inputs, attributes, output }: OpCall) {
    op.reference(inputs.map(valuesOf), attributes, valuesOf(output));
    roundHalves(output);
  },
  update<A>(update: InPlaceUpdate<A>, tensors: readonly TensorView[], attributes: A) {
    update.reference(tensors.map(valuesOf), attributes);
  },
  async synchronize() {},
};

const arrayFor = (dtype: DType, size: number): NumericArray =>
  isFloat(dtype) ? new Float64Array(size) : hostArray(dtype, size);

/** What float16 costs: arithmetic is as always, and its result is rounded where it is stored. */
function roundHalves(tensor: TensorView): void {
  if (tensor.dtype !== 'float16') return;
  const { data } = valuesOf(tensor);
  for (let i = 0; i < data.length; i++) data[i] = roundToHalf(data[i]!);
}

const dataOf = (storage: Storage): NumericArray => (storage as HostStorage).data;

function valuesOf(tensor: TensorView): Values {
  const data = dataOf(tensor.storage).subarray(tensor.offset, tensor.offset + tensor.size);
  return { shape: tensor.shape, data };
}
