import type { Device, InPlaceUpdate, OpCall, Storage, TensorView } from '../contracts.ts';
import type { DType, NumericArray } from '../dtype.ts';
import type { AdapterKind, MatrixConfig, TunedTable } from '../lowering/launch.ts';
import { requestEverything, traitsOf } from './adapter.ts';
import { Backend, type BackendOptions } from './backend.ts';
import { DeviceLostError } from './failure.ts';
import type { DeviceStats } from './stats.ts';

/** What `WebGPUDevice.open` needs: an adapter, and what is known of it. */
export interface WebGPUDeviceOptions extends BackendOptions {
  /** Whose device it is. */
  readonly adapter: GPUAdapter;
  /** Decides which kernels are the fast ones. */
  readonly kind: AdapterKind;
  /** What errors call it. */
  readonly name: string;
}

/** What captured programs, tuning and tests need of a device beyond its public face. */
export let backendOf: (device: WebGPUDevice) => Backend;

/**
 * A GPU, or a software adapter, through WebGPU. Ops look eager and are not: each launch is encoded into one open compute
 * pass, and the pass is submitted when a result is read, when enough has gathered, or when the host has to write memory
 * that the pass uses. Errors reach the program at the next call, since WebGPU reports them late.
 */
export class WebGPUDevice implements Device {
  readonly kind = 'webgpu';
  /** The adapter's name. */
  readonly name: string;
  /** What kind of machine runs the kernels. */
  readonly adapterKind: AdapterKind;
  /** Whether a processor runs the kernels. Its driver compiles slowly, so that some are written out less there. */
  readonly software: boolean;
  /** WebGPU's own object, for its features and limits, and for commands of your own (see `submit`). */
  readonly gpu: GPUDevice;
  /** What it has done so far. */
  readonly stats: DeviceStats;
  /** The least and the most lanes of a subgroup; undefined where kernels cannot use them. */
  readonly subgroups: { readonly min: number; readonly max: number } | undefined;
  /** Shapes that the adapter's matrix units multiply; none without Dawn's toggle `allow_unsafe_apis`. */
  readonly matrices: readonly MatrixConfig[];
  /** Contraction variants that were measured on this adapter, preferred to the built-in choice. */
  tuned: TunedTable | undefined;
  /**
   * Whether so little is going to run that it matters more how soon kernels compile than how fast they run. Set it before the
   * kernels are needed. Every bit of a result is the same either way.
   */
  brief = false;
  /** Captured programs merge elementwise launches of at least this many elements. By default all; Infinity keeps them apart. */
  fuseFrom = 0;
  /** Whether captured programs run launches that do not depend on each other as one. If undefined, only a GPU does. */
  joins: boolean | undefined;
  readonly #backend: Backend;

  static {
    backendOf = (device) => device.#backend;
  }

  private constructor(gpu: GPUDevice, options: WebGPUDeviceOptions) {
    this.gpu = gpu;
    this.name = options.name;
    this.adapterKind = options.kind;
    this.software = options.kind !== 'gpu';
    const { subgroups, matrices } = traitsOf(options.adapter, gpu);
    this.subgroups = subgroups;
    this.matrices = matrices ?? [];
    this.#backend = new Backend(this, gpu, traitsSeenOn(this), options);
    this.stats = this.#backend.stats;
  }

  /** Opens an adapter with the limits and features that it has, rather than the least that WebGPU guarantees. */
  static async open(options: WebGPUDeviceOptions): Promise<WebGPUDevice> {
    return new WebGPUDevice(await requestEverything(options.adapter), options);
  }

  get maxTensorBytes(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.gpu.limits;
    return Math.min(maxBufferSize, maxStorageBufferBindingSize);
  }

  allocate(dtype: DType, size: number): Storage {
    if (dtype === 'float16' && !this.gpu.features.has('shader-f16')) {
      throw new Error(
        `float16: ${this.name} has no half precision (shader-f16): use float32, or another adapter; NVIDIA's driver on ` +
          "Vulkan has it with openDevice('gpu', { toggles: ['vulkan_enable_f16_on_nvidia'] })",
      );
    }
    return this.#backend.allocate(dtype, size);
  }

  release(storage: Storage): void {
    this.#backend.release(storage);
  }

  write(storage: Storage, offset: number, values: NumericArray): void {
    this.#backend.write(storage, offset, values);
  }

  read(storage: Storage, offset: number, size: number): Promise<NumericArray> {
    return this.#backend.read(storage, offset, size);
  }

  run(call: OpCall): void {
    this.#backend.run(call);
  }

  update<A>(update: InPlaceUpdate<A>, tensors: readonly TensorView[], attributes: A): void {
    this.#backend.update(update, tensors, attributes);
  }

  /** Resolves when all that was asked for has run. @throws what went wrong on the device, if something did */
  synchronize(): Promise<void> {
    return this.#backend.synchronize();
  }

  /** Submits what was queued, without waiting for it. */
  flush(): void {
    this.#backend.stream.flush();
  }

  /** Submits the commands that `encode` adds, after all that was queued before. */
  submit(encode: (encoder: GPUCommandEncoder) => void): void {
    this.#backend.submit(encode);
  }

  /** Gives the memory of freed tensors back to the adapter. */
  trim(): void {
    this.#backend.trim();
  }

  /** Ends the device. What is asked of it from then on throws. */
  destroy(): void {
    this.#backend.failures.note(new DeviceLostError('the program destroyed it'));
    this.gpu.destroy();
  }
}

/** What lowerings see of a device, as it is at the moment. */
const traitsSeenOn = (device: WebGPUDevice) => ({
  get kind() {
    return device.adapterKind;
  },
  get software() {
    return device.software;
  },
  get subgroups() {
    return device.subgroups;
  },
  get matrices() {
    return device.matrices;
  },
  get tuned() {
    return device.tuned;
  },
  get brief() {
    return device.brief;
  },
});
