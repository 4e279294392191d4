import type { Storage } from '../contracts.ts';
import { bytesPerElement, type DType } from '../dtype.ts';
import { TensorTooLargeError } from '../errors.ts';
import { internalsOf, type Tensor } from '../tensor.ts';
import type { DeviceStats } from './stats.ts';

/** A GPU buffer with what the backend needs to know of it. */
export interface Block {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  /** Distinguishes buffers in the keys of cached bind groups. */
  readonly id: number;
  /** The batch of launches that last used it: a host write must not overtake one still unsubmitted. */
  batch: number;
}

/** Memory on a WebGPU device. While a step is captured it is virtual: `block` is set when the plan is made. */
export interface GpuStorage extends Storage {
  block: Block | undefined;
}

/** Bytes of a storage buffer for `size` elements: whole words, and never empty, because bindings may not be. */
export function byteLength(dtype: DType, size: number): number {
  return Math.max(4, Math.ceil((size * bytesPerElement[dtype]) / 4) * 4);
}

/**
 * Reuses buffers by size class. V8 does not feel the weight of GPU memory, so freed buffers return here at once
 * instead of waiting for a collection; since all commands run in one queue, the next owner's writes come after the
 * last owner's reads.
 */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #stats: DeviceStats;
  /** Bytes of the largest buffer that a kernel can bind. */
  readonly #limit: number;
  readonly #free = new Map<number, Block[]>();
  #nextId = 1;

  constructor(device: GPUDevice, stats: DeviceStats) {
    this.#device = device;
    this.#stats = stats;
    const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
    this.#limit = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / 4) * 4;
  }

  /** A buffer of at least `bytes`; its content is unspecified. */
  take(bytes: number): Block {
    // The class may lie beyond what the adapter binds where the tensor itself does not.
    const size = bytes <= this.#limit ? Math.min(sizeClass(bytes), this.#limit) : bytes;
    return this.#free.get(size)?.pop() ?? this.create(size);
  }

  give(block: Block): void {
    const list = this.#free.get(block.bytes);
    if (list) list.push(block);
    else this.#free.set(block.bytes, [block]);
  }

  /** A buffer of exactly `bytes`, outside the size classes unless it is given back. */
  create(bytes: number): Block {
    if (bytes > this.#limit) {
      throw new TensorTooLargeError(bytes, this.#limit);
    }
    this.#stats.buffers++;
    this.#stats.bufferBytes += bytes;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    return {
      buffer: this.#device.createBuffer({ size: bytes, usage }),
      bytes,
      id: this.#nextId++,
      batch: -1,
    };
  }

  destroy(block: Block): void {
    this.#stats.bufferBytes -= block.bytes;
    block.buffer.destroy();
  }

  /** Destroys what is free. */
  trim(): void {
    for (const list of this.#free.values()) for (const block of list) this.destroy(block);
    this.#free.clear();
  }
}

/** The next of 2ⁿ, 1¼·2ⁿ, 1½·2ⁿ, 1¾·2ⁿ (from 256 bytes): at most a fifth is wasted, and buffers are found again. */
function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** Math.floor(Math.log2(bytes - 1)) / 4;
  return Math.ceil(bytes / step) * step;
}

/** The memory of a tensor on a WebGPU device. */
export const storageOf = (tensor: Tensor): GpuStorage => internalsOf(tensor).storage as GpuStorage;
