import type { Device, InPlaceUpdate, OpCall, Storage, TensorView } from '../contracts.ts';
import type { DType, NumericArray } from '../dtype.ts';
import type { Launch, LaunchContext } from '../lowering/launch.ts';
import { loweringOf } from '../lowering/table.ts';
import { type Origin, originOf } from '../origin.ts';
import { TensorInternals } from '../tensor.ts';
import { requestEverything } from './adapter.ts';
import { CommandStream } from './command-stream.ts';
import { type Recorder, recordedLaunch, resolved } from './dispatch.ts';
import { FailureLog } from './failure.ts';
import { BufferPool, byteLength, type GpuStorage } from './memory.ts';
import { type CompiledKernel, PipelineCache } from './pipelines.ts';
import { noStats } from './stats.ts';
import { stage, unstage, upload } from './transfer.ts';
import { KernelWarmer } from './warm.ts';

/** Told how many of the kernels that were not compiled yet are compiled now. */
export type CompileProgress = (done: number, total: number) => void;

export interface BackendOptions {
  /** Awaits a promise of WebGPU's that computing stands behind; see `waitIdly`. The default just awaits it. */
  readonly wait?: (<T>(promise: Promise<T>) => Promise<T>) | undefined;
  /**
   * Given for a driver that compiles kernels when they first run: opens the adapter once more, for devices that
   * compile beside this one; and how many of them can work at once. See `warm.ts`.
   */
  readonly warming?:
    | {
        /** Opens the adapter once more. */
        readonly another: () => Promise<GPUAdapter | null>;
        readonly workers: number;
      }
    | undefined;
}

/** What lowerings know of the adapter. Looked at anew for every launch, since users may change it. */
export type Traits = Omit<LaunchContext, 'launch' | 'scratch'>;

/**
 * The parts of a WebGPU device that its users do not see: memory, kernels, the stream of commands, and the recorder that
 * takes its place while a step is captured.
 */
export class Backend {
  readonly gpu: GPUDevice;
  readonly stats = noStats();
  readonly pool: BufferPool;
  readonly pipelines: PipelineCache;
  readonly stream: CommandStream;
  readonly failures: FailureLog;
  readonly wait: <T>(promise: Promise<T>) => Promise<T>;
  readonly #device: Device;
  readonly #context: LaunchContext;
  readonly #warmer: KernelWarmer | undefined;
  #recorder: Recorder | undefined;
  /** Memory of the lowering that is running, and the op that it is for. */
  #scratch: TensorInternals[] = [];
  #op = '';
  #origins: readonly Origin[] = [];

  constructor(device: Device, gpu: GPUDevice, traits: Traits, { wait, warming }: BackendOptions) {
    this.#device = device;
    this.gpu = gpu;
    this.wait = wait ?? ((promise) => promise);
    this.failures = new FailureLog(gpu);
    this.pool = new BufferPool(gpu, this.stats);
    this.pipelines = new PipelineCache(gpu, this.stats);
    this.stream = new CommandStream(gpu, this.pipelines, this.stats);
    this.#warmer = warming && this.#warmerOf(warming);
    this.#context = Object.assign(Object.create(traits) as Traits, {
      launch: (launch: Launch) => this.#launch(launch),
      scratch: (dtype: DType, size: number) => this.#scratchOf(dtype, size),
    });
  }

  // ------------------------------------------------------------------------------------------------------- memory

  allocate(dtype: DType, size: number): Storage {
    const storage: GpuStorage = { device: this.#device, dtype, size, references: 0, block: undefined };
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
    this.failures.check();
    const gpu = storage as GpuStorage;
    this.#recorder?.written(gpu);
    // Inside a capture only constants are written: they get memory of their own, once.
    if (!gpu.block) gpu.block = this.pool.take(byteLength(storage.dtype, storage.size));
    else if (gpu.block.batch === this.stream.batch) this.stream.flush();
    upload(this.gpu, gpu.block, storage.dtype, offset, values);
    this.stats.uploads++;
  }

  async read(storage: Storage, offset: number, size: number): Promise<NumericArray> {
    const { block, dtype } = storage as GpuStorage;
    if (this.#recorder) {
      const error = new Error(
        'data: a value cannot be read inside a captured function, which only records what will run: return the tensor ' +
          'and read it outside',
      );
      this.#recorder.refused(error);
      throw error;
    }
    if (!block) throw new Error('data: the captured program that this tensor belonged to is gone');
    this.failures.check();
    this.stream.flush();
    const staging = stage(this.gpu, block, dtype, offset, size);
    this.stats.readbacks++;
    try {
      await this.wait(staging.mapAsync(GPUMapMode.READ));
    } catch (error) {
      // The rejection may come before the news that the device is lost, and often without a reason of its own.
      await Promise.race([this.gpu.lost, new Promise((resolve) => setTimeout(resolve, 200))]);
      this.failures.check();
      throw new Error(
        `data: the GPU did not return the values: ${(error as Error).message || 'no reason given'}`,
      );
    }
    this.failures.check();
    return unstage(staging, dtype, size);
  }

  // ------------------------------------------------------------------------------------------------------ running

  run(call: OpCall): void {
    const { op, inputs, attributes, output } = call;
    const lower = loweringOf(op);
    this.#lower(op.name, originOf(call), () => lower(this.#context, inputs, attributes, output));
  }

  update<A>(update: InPlaceUpdate<A>, tensors: readonly TensorView[], attributes: A): void {
    const lower = loweringOf(update);
    this.#lower(update.name, originOf(), () => lower(this.#context, tensors, attributes));
  }

  #lower(name: string, origin: Origin | undefined, queue: () => void): void {
    this.failures.check();
    this.#op = name;
    this.#origins = origin ? [origin] : [];
    try {
      queue();
    } finally {
      for (const tensor of this.#scratch.splice(0)) tensor.dispose();
    }
  }

  #launch(launch: Launch): void {
    const recorded = recordedLaunch(launch, this.#op, this.#origins);
    if (this.#recorder) this.#recorder.launched(recorded);
    else this.stream.encode(resolved(recorded, this.pipelines, 'moving'));
  }

  #scratchOf(dtype: DType, size: number): TensorInternals {
    const tensor = new TensorInternals(this.allocate(dtype, size), [size]);
    this.#scratch.push(tensor);
    return tensor;
  }

  /** Resolves when all that was asked for has run. */
  async synchronize(): Promise<void> {
    this.stream.flush();
    await this.wait(this.gpu.queue.onSubmittedWorkDone());
    this.failures.check();
  }

  /** Submits the commands that `encode` adds, after all that was queued before. */
  submit(encode: (encoder: GPUCommandEncoder) => void): void {
    this.failures.check();
    this.stream.submit(encode);
  }

  /** Destroys free buffers and forgets bind groups that may refer to them. */
  trim(): void {
    this.stream.flush();
    this.stream.forgetBindGroups();
    this.pool.trim();
  }

  // ---------------------------------------------------------------------------------------- capturing and compiling

  get recording(): boolean {
    return this.#recorder !== undefined;
  }

  /** Sends the launches of `fn` to a recorder instead of the queue. */
  record<T>(recorder: Recorder, fn: () => T): T {
    if (this.#recorder) throw new Error('capture: a recording is under way already');
    this.failures.check();
    this.stream.flush();
    this.#recorder = recorder;
    try {
      return fn();
    } finally {
      this.#recorder = undefined;
    }
  }

  /**
   * Compiles kernels in parallel, as far as the driver lets itself be asked; tells how many of them are done. Several calls
   * may be under way: the earlier ones come first.
   */
  async compile(kernels: readonly CompiledKernel[], onProgress?: CompileProgress): Promise<void> {
    const warmer = this.#warmer;
    const missing = [...new Set(kernels)].filter((kernel) =>
      warmer ? !warmer.hasRun(kernel) : !kernel.pipeline,
    );
    let done = 0;
    const onDone = () => onProgress?.(++done, missing.length);
    if (missing.length > 0) onProgress?.(0, missing.length);
    await Promise.all([
      this.pipelines.compile(kernels, warmer ? undefined : onDone),
      warmer?.run(missing, onDone),
    ]);
    this.failures.check();
  }

  #warmerOf({ another, workers }: NonNullable<BackendOptions['warming']>): KernelWarmer {
    return new KernelWarmer({
      gpu: this.gpu,
      pipeline: async (kernel) => {
        await this.pipelines.compile([kernel]);
        return this.pipelines.ready(kernel);
      },
      wait: this.wait,
      workers,
      another: async () => {
        const adapter = await another();
        return adapter ? requestEverything(adapter) : undefined;
      },
    });
  }
}
