import { type ShaderName, shaderSources } from '@tapegrad/shaders';
import type { Device, InPlaceUpdate, OpCall, Storage, TensorView } from '../contracts.ts';
import { bytesPerElement, type DType, hostArray, type NumericArray } from '../dtype.ts';
import { halfBits, halfValue } from '../float16.ts';
import { loweringOf } from '../lowering/index.ts';
import type {
  AdapterKind,
  DeclaredLaunch,
  Launch,
  LaunchContext,
  LaunchOfWords,
  MatrixConfig,
  TunedTable,
} from '../lowering/launch.ts';
import { type Origin, originOf } from '../origin.ts';
import type { Shape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { BufferPool, byteLength, type GpuStorage } from './memory.ts';
import { type CompiledKernel, PipelineCache, UNIFORM_SLOT } from './pipelines.ts';
import { type DeviceStats, noStats } from './stats.ts';
import { warm } from './warm.ts';

/** Launches that are encoded before they are submitted, unless something asks for results earlier. */
const BATCH = 256;
const MAX_UNIFORM_WORDS = UNIFORM_SLOT / 4;
const MAX_GROUPS = 65_535;

/** The memory of one tensor in a launch, in bytes. */
export interface Binding {
  readonly storage: GpuStorage;
  readonly offset: number;
  readonly bytes: number;
  readonly shape: Shape;
}

/** One launch with everything resolved but the buffers: what a captured program keeps. */
export interface Dispatch {
  readonly kernel: CompiledKernel;
  /** Outputs first, in the order of the bindings. */
  readonly bindings: readonly Binding[];
  readonly outputs: number;
  readonly uniforms: Uint32Array;
  readonly workgroups: readonly [number, number, number];
  /** The op that asked for it. */
  readonly op: string;
  /** Where that came from; several after merging, none unless captured. */
  readonly origins: readonly Origin[];
  /** What it was made from. */
  readonly launch: Launch;
}

/** Told how many of the kernels that were not compiled yet are compiled now. */
export type CompileProgress = (done: number, total: number) => void;

/** Receives launches instead of the queue, while a step is captured. */
export interface Recorder {
  launched(dispatch: Dispatch): void;
  /** Memory was asked for; it has no buffer yet. */
  allocated(storage: GpuStorage): void;
  /** The host is about to write. Throws where that could not be replayed. */
  written(storage: GpuStorage): void;
  /** Something was asked for that a recording cannot do. */
  refused(error: Error): void;
}

export interface WebGPUDeviceOptions {
  readonly adapter: GPUAdapter;
  readonly kind: AdapterKind;
  readonly name: string;
  /** Awaits a promise of WebGPU's that computing stands behind; see `waitIdly`. The default just awaits it. */
  readonly wait?: <T>(promise: Promise<T>) => Promise<T>;
  /**
   * Given for a driver that compiles kernels when they first run: opens the adapter once more, for devices that
   * compile beside this one; and how many of them can work at once. See `warm.ts`.
   */
  readonly warming?: { readonly another: () => Promise<GPUAdapter | null>; readonly workers: number };
}

/** Dawn's name for matrix units; it offers them with the toggle `allow_unsafe_apis`. */
const MATRICES = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;
const FEATURES: GPUFeatureName[] = ['subgroups', 'timestamp-query', 'shader-f16', MATRICES];

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/**
 * Ops look eager and are not: each launch is encoded into one open compute pass, and the pass is submitted when a
 * result is read, when enough has gathered, or when the host has to write memory that the pass uses.
 */
export class WebGPUDevice implements Device {
  readonly kind = 'webgpu';
  readonly name: string;
  readonly adapterKind: AdapterKind;
  readonly gpu: GPUDevice;
  readonly stats: DeviceStats;
  readonly subgroups: { min: number; max: number } | undefined;
  /** Elements from which captured programs merge elementwise launches: all, unless somebody wants to see them apart. */
  fuseFrom = 0;
  /** Shapes that the adapter's matrix units multiply; none without Dawn's toggle `allow_unsafe_apis`. */
  readonly matrices: readonly MatrixConfig[];
  /** Contraction variants that were measured on this adapter, preferred to the built-in choice. */
  tuned: TunedTable | undefined;
  readonly pool: BufferPool;
  readonly pipelines: PipelineCache;
  readonly wait: <T>(promise: Promise<T>) => Promise<T>;
  readonly #warming: WebGPUDeviceOptions['warming'];
  /** Kernels that ran or were compiled ahead. */
  readonly #warm = new WeakSet<CompiledKernel>();
  readonly #uniforms: GPUBuffer;
  readonly #uniformWords = new Uint32Array((BATCH * UNIFORM_SLOT) / 4);
  readonly #bindGroups = new Map<string, GPUBindGroup>();
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #pending = 0;
  #batch = 0;
  #recorder: Recorder | undefined;
  #scratch: Tensor[] = [];
  #op = '';
  #origins: readonly Origin[] = [];
  #failure: Error | undefined;

  private constructor(
    gpu: GPUDevice,
    sources: Readonly<Record<ShaderName, string>>,
    options: WebGPUDeviceOptions,
  ) {
    this.gpu = gpu;
    this.name = options.name;
    this.adapterKind = options.kind;
    this.stats = noStats();
    this.wait = options.wait ?? ((promise) => promise);
    this.#warming = options.warming;
    this.pool = new BufferPool(gpu, this.stats);
    this.pipelines = new PipelineCache(gpu, sources, this.stats);
    const { subgroupMinSize: min, subgroupMaxSize: max } = options.adapter.info as unknown as Record<
      string,
      number
    >;
    const { subgroupMatrixConfigs = [] } = options.adapter.info as { subgroupMatrixConfigs?: MatrixConfig[] };
    this.matrices = gpu.features.has(MATRICES)
      ? subgroupMatrixConfigs.map(({ componentType, resultComponentType, M, N, K }) =>
          // Dawn's own objects have getters only.
          ({ componentType, resultComponentType, M, N, K }),
        )
      : [];
    this.subgroups = gpu.features.has('subgroups' as GPUFeatureName) ? { min: min!, max: max! } : undefined;
    this.#uniforms = gpu.createBuffer({
      size: BATCH * UNIFORM_SLOT,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    gpu.lost.then((info) => {
      if (info.reason !== 'destroyed') this.#failure ??= new DeviceLostError(info.message);
    });
    gpu.onuncapturederror = ({ error }) => {
      this.#failure ??= new Error(`WebGPU: ${error.message}`);
    };
  }

  /** Opens an adapter with the limits and features that it has, rather than the least that WebGPU guarantees. */
  static async open(options: WebGPUDeviceOptions): Promise<WebGPUDevice> {
    const { adapter } = options;
    const gpu = await adapter.requestDevice(everythingOf(adapter));
    return new WebGPUDevice(gpu, shaderSources(), options);
  }

  // ------------------------------------------------------------------------------------------------------- memory

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
    const storage: GpuStorage = { device: this, dtype, size, references: 0, block: undefined };
    if (this.#recorder) this.#recorder.allocated(storage);
    else storage.block = this.pool.take(byteLength(dtype, size));
    return storage;
  }

  release(storage: Storage): void {
    const gpu = storage as GpuStorage;
    if (!gpu.block) return;
    this.pool.give(gpu.block);
    gpu.block = undefined;
  }

  write(storage: Storage, offset: number, values: NumericArray): void {
    this.#check();
    const gpu = storage as GpuStorage;
    this.#recorder?.written(gpu);
    // Inside a capture only constants are written: they get memory of their own, once.
    if (!gpu.block) gpu.block = this.pool.take(byteLength(storage.dtype, storage.size));
    else if (gpu.block.batch === this.#batch) this.flush();
    const words = wholeWords(storage.dtype, values);
    this.gpu.queue.writeBuffer(gpu.block.buffer, offset * bytesPerElement[storage.dtype], words);
    this.stats.uploads++;
  }

  async read(storage: Storage, offset: number, size: number): Promise<NumericArray> {
    const gpu = storage as GpuStorage;
    if (this.#recorder) {
      const error = new Error(
        'data: a value cannot be read inside a captured function, which only records what will run: return the tensor ' +
          'and read it outside',
      );
      this.#recorder.refused(error);
      throw error;
    }
    if (!gpu.block) throw new Error('data: the captured program that this tensor belonged to is gone');
    this.#check();
    const bytes = byteLength(storage.dtype, size);
    const start = offset * bytesPerElement[storage.dtype];
    this.flush();
    const staging = this.gpu.createBuffer({
      size: bytes,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    const encoder = this.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(gpu.block.buffer, start, staging, 0, bytes);
    this.gpu.queue.submit([encoder.finish()]);
    this.stats.readbacks++;
    try {
      await this.wait(staging.mapAsync(GPUMapMode.READ));
    } catch (error) {
      // The rejection may come before the news that the device is lost, and often without a reason of its own.
      await Promise.race([this.gpu.lost, new Promise((resolve) => setTimeout(resolve, 200))]);
      this.#check();
      throw new Error(
        `data: the GPU did not return the values: ${(error as Error).message || 'no reason given'}`,
      );
    }
    this.#check();
    const mapped = staging.getMappedRange();
    const result = hostArray(storage.dtype, size);
    if (storage.dtype === 'float16') {
      const halves = new Uint16Array(mapped);
      for (let i = 0; i < size; i++) result[i] = halfValue(halves[i]!);
    } else new Uint8Array(result.buffer).set(new Uint8Array(mapped).subarray(0, result.byteLength));
    staging.destroy();
    return result;
  }

  /** Scratch memory for the kernel function that is running. */
  scratch(dtype: DType, size: number): Tensor {
    const tensor = new Tensor(this.allocate(dtype, size), [size]);
    this.#scratch.push(tensor);
    return tensor;
  }

  // ------------------------------------------------------------------------------------------------------ running

  run(call: OpCall): void {
    const { op, inputs, attributes, output } = call;
    const lower = loweringOf(op);
    this.#kernels(op.name, originOf(call), () => lower(this.#view, inputs, attributes, output));
  }

  update<A>(update: InPlaceUpdate<A>, tensors: readonly TensorView[], attributes: A): void {
    const lower = loweringOf(update);
    this.#kernels(update.name, originOf(), () => lower(this.#view, tensors, attributes));
  }

  /** This device as kernels see it, where `kind` is the adapter's. */
  readonly #view: LaunchContext = ((device: WebGPUDevice) => ({
    get kind() {
      return device.adapterKind;
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
    launch: (launch: Launch) => device.launch(launch),
    scratch: (dtype: DType, size: number) => device.scratch(dtype, size),
  }))(this);

  #kernels(name: string, origin: Origin | undefined, queue: () => void): void {
    this.#check();
    this.#op = name;
    this.#origins = origin ? [origin] : [];
    try {
      queue();
    } finally {
      for (const tensor of this.#scratch.splice(0)) tensor.dispose();
    }
  }

  launch(launch: Launch): void {
    const bindings = [...launch.outputs, ...launch.inputs].map((tensor) => ({
      storage: tensor.storage as GpuStorage,
      offset: tensor.offset * bytesPerElement[tensor.dtype],
      bytes: byteLength(tensor.dtype, tensor.size),
      shape: tensor.shape,
    }));
    const dispatch: Dispatch = {
      kernel: this.pipelines.find(launch),
      bindings,
      outputs: launch.outputs.length,
      uniforms: packUniforms(launch),
      workgroups: spread(launch.workgroups),
      op: this.#op,
      origins: this.#origins,
      launch,
    };
    if (this.#recorder) this.#recorder.launched(dispatch);
    else this.#encode(dispatch);
  }

  #encode({ kernel, bindings, uniforms, workgroups }: Dispatch): void {
    const pipeline = this.pipelines.ready(kernel);
    const group = this.#bindGroup(kernel, bindings);
    if (this.#pending === BATCH) this.flush();
    this.#encoder ??= this.gpu.createCommandEncoder();
    this.#pass ??= this.#encoder.beginComputePass();
    const slot = this.#pending++ * UNIFORM_SLOT;
    this.#uniformWords.set(uniforms, slot / 4);
    for (const { storage } of bindings) storage.block!.batch = this.#batch;
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, group, [slot]);
    this.#pass.dispatchWorkgroups(...workgroups);
    this.stats.launches++;
  }

  #bindGroup(kernel: CompiledKernel, bindings: readonly Binding[]): GPUBindGroup {
    let key = `${kernel.id}`;
    for (const { storage, offset, bytes } of bindings) key += `|${storage.block!.id},${offset},${bytes}`;
    let group = this.#bindGroups.get(key);
    if (!group) {
      if (this.#bindGroups.size > 4096) this.#bindGroups.clear();
      const ranges = bindings.map(({ storage, offset, bytes }) => ({
        buffer: storage.block!.buffer,
        offset,
        size: bytes,
      }));
      group = this.createBindGroup(kernel, this.#uniforms, ranges);
      this.#bindGroups.set(key, group);
    }
    return group;
  }

  /** Binds one slot of `uniforms`, found by a dynamic offset, and a kernel's outputs and inputs. */
  createBindGroup(
    kernel: CompiledKernel,
    uniforms: GPUBuffer,
    ranges: readonly GPUBufferBinding[],
  ): GPUBindGroup {
    this.stats.bindGroups++;
    return this.gpu.createBindGroup({
      layout: kernel.layout,
      entries: [{ buffer: uniforms, size: UNIFORM_SLOT }, ...ranges].map((resource, binding) => ({
        binding,
        resource,
      })),
    });
  }

  /** Submits what has been encoded. */
  flush(): void {
    this.#batch++;
    if (!this.#encoder) return;
    this.#pass!.end();
    this.gpu.queue.writeBuffer(this.#uniforms, 0, this.#uniformWords, 0, (this.#pending * UNIFORM_SLOT) / 4);
    this.gpu.queue.submit([this.#encoder.finish()]);
    this.stats.uploads++;
    this.stats.submits++;
    this.#encoder = undefined;
    this.#pass = undefined;
    this.#pending = 0;
  }

  async synchronize(): Promise<void> {
    this.flush();
    await this.wait(this.gpu.queue.onSubmittedWorkDone());
    this.#check();
  }

  /** Submits the commands that `encode` adds, after all that was queued before. */
  submit(encode: (encoder: GPUCommandEncoder) => void): void {
    this.#check();
    this.flush();
    const encoder = this.gpu.createCommandEncoder();
    encode(encoder);
    this.gpu.queue.submit([encoder.finish()]);
    this.stats.submits++;
  }

  /** Sends the launches of `fn` to a recorder instead of the queue. */
  recording<T>(recorder: Recorder, fn: () => T): T {
    if (this.#recorder) throw new Error('capture: a recording is under way already');
    this.#check();
    this.flush();
    this.#recorder = recorder;
    try {
      return fn();
    } finally {
      this.#recorder = undefined;
    }
  }

  /** Compiles kernels in parallel, as far as the driver lets itself be asked; tells how many of them are done. */
  async compile(kernels: readonly CompiledKernel[], onProgress?: CompileProgress): Promise<void> {
    const missing = [...new Set(kernels)].filter((kernel) =>
      this.#warming ? !this.#warm.has(kernel) : !kernel.pipeline,
    );
    let done = 0;
    const onDone = () => onProgress?.(++done, missing.length);
    if (missing.length > 0) onProgress?.(0, missing.length);
    await this.pipelines.compile(kernels, this.#warming ? undefined : onDone);
    if (!this.#warming) return;
    const { another, workers } = this.#warming;
    await warm(missing, {
      onDone,
      gpu: this.gpu,
      pipeline: async (kernel) => this.pipelines.ready(kernel),
      wait: this.wait,
      workers,
      another: async () => {
        const adapter = await another();
        return adapter?.requestDevice(everythingOf(adapter));
      },
    });
    for (const kernel of kernels) this.#warm.add(kernel);
    this.#check();
  }

  get capturing(): boolean {
    return this.#recorder !== undefined;
  }

  /** Destroys free buffers and forgets bind groups that may refer to them. */
  trim(): void {
    this.flush();
    this.#bindGroups.clear();
    this.pool.trim();
  }

  destroy(): void {
    this.#failure ??= new DeviceLostError('the program destroyed it');
    this.gpu.destroy();
  }

  /** Errors reach the program at the next call, since WebGPU reports them late. */
  #check(): void {
    if (this.#failure) throw this.#failure;
  }
}

const everythingOf = (adapter: GPUAdapter): GPUDeviceDescriptor => ({
  requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)),
});

/** The device is gone (driver reset, unplugged, out of memory); nothing on it can be read any more. */
export class DeviceLostError extends Error {
  constructor(reason: string) {
    super(`the GPU device was lost: ${reason || 'no reason given'}`);
    this.name = 'DeviceLostError';
  }
}

function packUniforms(launch: Launch): Uint32Array {
  if (typeof launch.shader !== 'string')
    return launch.shader.uniforms.pack((launch as DeclaredLaunch).uniforms);
  const { uniforms } = launch as LaunchOfWords;
  const words = new Uint32Array(uniforms.length);
  if (words.length > MAX_UNIFORM_WORDS)
    throw new Error(`kernel ${launch.shader}: more than ${MAX_UNIFORM_WORDS} uniforms`);
  const view = new DataView(words.buffer);
  uniforms.forEach((value, i) => {
    if (typeof value === 'number') words[i] = value;
    else view.setFloat32(i * 4, value.float, true);
  });
  return words;
}

/** A count of workgroups as extents within the limit of one dimension. */
function spread(workgroups: Launch['workgroups']): readonly [number, number, number] {
  if (typeof workgroups !== 'number') {
    if (workgroups.some((extent) => extent > MAX_GROUPS)) {
      throw new Error(`kernel: ${workgroups.join(' x ')} workgroups exceed ${MAX_GROUPS} in one dimension`);
    }
    return workgroups;
  }
  if (workgroups <= MAX_GROUPS) return [workgroups, 1, 1];
  const rows = Math.ceil(workgroups / MAX_GROUPS);
  return [Math.ceil(workgroups / rows), rows, 1];
}

/** Values as the device stores them: of the right type, padded to whole words. */
function wholeWords(dtype: DType, values: NumericArray): Uint8Array<ArrayBuffer> {
  if (dtype === 'float16') {
    const halves = new Uint16Array(Math.ceil(values.length / 2) * 2);
    for (let i = 0; i < values.length; i++) halves[i] = halfBits(values[i]!);
    return new Uint8Array(halves.buffer);
  }
  const typed = hostArray(dtype, dtype === 'uint8' ? Math.ceil(values.length / 4) * 4 : values.length);
  typed.set(values as Float32Array);
  return new Uint8Array(typed.buffer as ArrayBuffer);
}
