import type { DType, NumericArray } from './dtype.ts';
import type { Effect, Op } from './ops/op.ts';
import type { Tensor } from './tensor.ts';

/**
 * A block of device memory. Several tensors may share one (reshape, slots of a flat buffer); the last one to let go
 * returns it. `size` counts elements.
 */
export interface Storage {
  readonly device: Device;
  readonly dtype: DType;
  readonly size: number;
  references: number;
}

/** Where tensors live and ops run: the float64 reference, or WebGPU. */
export interface Device {
  readonly name: string;
  readonly kind: 'reference' | 'webgpu';
  /** The most bytes that a tensor can have. */
  readonly maxTensorBytes: number;
  /** Memory of unspecified content. */
  allocate(dtype: DType, size: number): Storage;
  release(storage: Storage): void;
  /** Copies host values in; the array is not kept. `offset` counts elements. */
  write(storage: Storage, offset: number, values: NumericArray): void;
  read(storage: Storage, offset: number, size: number): Promise<NumericArray>;
  /** Runs a pure op. `output` is allocated already. */
  run<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A, output: Tensor): void;
  /** Runs an effect, which updates some of `tensors` in place. */
  effect<A>(effect: Effect<A>, tensors: readonly Tensor[], attributes: A): void;
  /** Resolves when all that was asked for has run. */
  synchronize(): Promise<void>;
}

let current: Device | undefined;

/** The device on which `tensor(…)` and its like create tensors when none is named. */
export function defaultDevice(): Device {
  if (!current) {
    throw new Error(
      "no default device: call setDefaultDevice(await openDevice()) from '@tapegrad/node' first, or setDefaultDevice(referenceDevice)",
    );
  }
  return current;
}

export function setDefaultDevice(device: Device): void {
  current = device;
}
