import { openDevice } from '@tapegrad/node';
import {
  type Device,
  type DType,
  type NumericArray,
  referenceDevice,
  type Shape,
  scope,
  type Tensor,
  tensor,
} from '@tapegrad/tensor';
import { close, numbers, type Reasoned, type Tolerance } from './close.ts';

export { close, numbers, type Reasoned, type Tolerance };

/** The adapter that a run of the suites is for. */
const choice = process.env.TAPEGRAD_ADAPTER ?? 'auto';

/** The WebGPU device of this process, opened once for all suites. */
export const device = await openDevice(choice);

/** Put into the names of tests: `lavapipe`, `swiftshader`, `gpu`. */
export const adapter = device.adapterKind;

export interface Result {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: NumericArray;
}

/** Runs `fn` in a scope on the WebGPU device and on the reference, and reads what it returned from both. */
export async function onBoth(
  fn: (device: Device) => Tensor | readonly Tensor[],
): Promise<{ actual: Result[]; expected: Result[] }> {
  const on = async (where: Device): Promise<Result[]> => {
    const returned = scope(() => fn(where));
    const outputs = 'shape' in returned ? [returned] : returned;
    const results = await Promise.all(
      outputs.map(async (t) => ({ shape: t.shape, dtype: t.dtype, data: await t.data() })),
    );
    for (const output of outputs) output.dispose();
    return results;
  };
  return { actual: await on(device), expected: await on(referenceDevice) };
}

/** Runs `fn` on both devices and fails where shape, type or values differ. */
export async function agree(
  fn: (device: Device) => Tensor | readonly Tensor[],
  tolerance: Reasoned,
  label: string,
): Promise<Result[]> {
  const { actual, expected } = await onBoth(fn);
  actual.forEach((result, i) => {
    const name = actual.length > 1 ? `${label}, result ${i}` : label;
    const [got, want] = [result, expected[i]!].map((r) => `${r.dtype} [${r.shape.join(', ')}]`);
    if (got !== want) throw new Error(`${name}: ${got} instead of ${want}`);
    close(result.data, expected[i]!.data, tolerance, name);
  });
  return actual;
}

/** Reproducible whole numbers low … high − 1: float32 adds up millions of small ones without an error. */
export const integers = (size: number, low: number, high: number, seed = 1): Float32Array =>
  numbers(size, low, high, seed).map(Math.floor);

/** A tensor of host values on a device. */
export const on = (where: Device, shape: Shape, values: NumericArray): Tensor =>
  tensor(values, { shape, device: where });
