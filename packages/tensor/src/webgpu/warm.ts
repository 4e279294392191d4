import { type CompiledKernel, MOST_UNIFORMS } from './pipelines.ts';

/** Whoever compiles: a GPU device, the kernels' pipelines on it, and how to wait for it. */
interface Worker {
  readonly gpu: GPUDevice;
  pipeline(kernel: CompiledKernel): Promise<GPUComputePipeline>;
  wait<T>(promise: Promise<T>): Promise<T>;
}

export interface WarmOptions extends Worker {
  /** Opens another device on the same adapter, or nothing. */
  another(): Promise<GPUDevice | undefined>;
  /** Devices in all. */
  readonly workers: number;
  /** Milliseconds after which a kernel's first run shows that it is compiled, not found in the driver's cache. */
  readonly compiled?: number;
}

/** A kernel that somebody waits for. */
interface Job {
  readonly kernel: CompiledKernel;
  readonly done: Promise<void>;
  hasRun: boolean;
  finish(): void;
  fail(reason: unknown): void;
}

/** Bytes of a stand-in for a buffer. */
const DUMMY = 1024;

/**
 * Makes the driver compile kernels before they are needed, on several devices at once. Mesa's lavapipe compiles a
 * kernel when it first runs, one after the other in a device's queue, and keeps the result in a cache on disk, where the
 * other devices find it. So each kernel of a captured program is run once by one of the devices, on memory of no concern
 * and with all uniforms 0, which means: with nothing to do. Where the cache knew them already, no second device is opened.
 *
 * Whoever asks while others wait shares the same devices, and goes after them.
 */
export class KernelWarmer {
  readonly #options: WarmOptions;
  readonly #jobs = new Map<CompiledKernel, Job>();
  readonly #waiting: Job[] = [];
  #working: Promise<void> | undefined;

  constructor(options: WarmOptions) {
    this.#options = options;
  }

  /**
   * Resolves when these kernels have run, once and for all.
   * @param onDone told of each that has
   * @throws what a device says of a kernel that it does not take, or that it was lost
   */
  async run(kernels: readonly CompiledKernel[], onDone?: () => void): Promise<void> {
    // The longest text first: what takes long should not come last.
    const sorted = [...new Set(kernels)].sort((a, b) => b.code.length - a.code.length);
    const jobs = sorted.map((kernel) => this.#jobOf(kernel));
    if (this.#waiting.length > 0) this.#working ??= this.#work();
    await Promise.all(jobs.map(({ done }) => done.then(onDone)));
  }

  /** Whether it has run, so that nobody would have to wait for it. */
  hasRun(kernel: CompiledKernel): boolean {
    return this.#jobs.get(kernel)?.hasRun ?? false;
  }

  #jobOf(kernel: CompiledKernel): Job {
    let job = this.#jobs.get(kernel);
    if (!job) {
      let [finish, fail] = [() => {}, (_: unknown) => {}];
      const done = new Promise<void>((resolve, reject) => {
        [finish, fail] = [resolve, reject];
      });
      done.catch(() => {}); // heard by whoever asked for it
      job = { kernel, done, hasRun: false, finish, fail };
      this.#jobs.set(kernel, job);
      this.#waiting.push(job);
    }
    return job;
  }

  /** Until nothing waits any more. */
  async #work(): Promise<void> {
    const { workers, compiled = 100 } = this.#options;
    const own = runner(this.#options);
    let helpers: Promise<void>[] = [];
    while (this.#waiting.length > 0) {
      const next = this.#next(own.run);
      if (helpers.length === 0 && (await lasts(next, compiled))) {
        const count = Math.min(workers - 1, this.#waiting.length);
        helpers = Array.from({ length: count }, () => this.#help());
      }
      await next;
    }
    this.#working = undefined;
    own.close();
    await Promise.all(helpers);
  }

  /** Another device's part of the work. Without it there are only fewer of them. */
  async #help(): Promise<void> {
    const { another, wait } = this.#options;
    const gpu = await another().catch(() => undefined);
    if (!gpu) return;
    const helper = runner({ gpu, pipeline: (kernel) => translated(gpu, kernel), wait });
    while (this.#waiting.length > 0) await this.#next(helper.run);
    helper.close();
    gpu.destroy();
  }

  async #next(run: (kernel: CompiledKernel) => Promise<void>): Promise<void> {
    const job = this.#waiting.shift()!;
    try {
      await run(job.kernel);
      job.hasRun = true;
      job.finish();
    } catch (error) {
      this.#jobs.delete(job.kernel); // the next one who asks tries again
      job.fail(error);
    }
  }
}

/** Whether it takes longer than so many milliseconds. */
async function lasts(work: Promise<void>, milliseconds: number): Promise<boolean> {
  if (milliseconds <= 0) return true;
  if (!Number.isFinite(milliseconds)) return false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(true), milliseconds);
  });
  const isLate = await Promise.race([late, work.then(() => false)]);
  clearTimeout(timer);
  return isLate;
}

/** The kernel on another device. */
function translated(
  gpu: GPUDevice,
  { label, code, descriptor, bindings }: CompiledKernel,
): Promise<GPUComputePipeline> {
  const group = gpu.createBindGroupLayout({ entries: [...bindings] });
  const layout = gpu.createPipelineLayout({ bindGroupLayouts: [group] });
  const module = gpu.createShaderModule({ code, label });
  return gpu.createComputePipelineAsync({ label, layout, compute: { ...descriptor.compute, module } });
}

function runner({ gpu, pipeline, wait }: Worker) {
  const buffers: GPUBuffer[] = [];
  const uniforms = gpu.createBuffer({ size: MOST_UNIFORMS, usage: GPUBufferUsage.UNIFORM });
  const buffer = (i: number) => {
    buffers[i] ??= gpu.createBuffer({ size: DUMMY, usage: GPUBufferUsage.STORAGE });
    return buffers[i];
  };
  return {
    async run(kernel: CompiledKernel): Promise<void> {
      const compiled = await pipeline(kernel);
      const entries = kernel.bindings.map(({ binding }) => ({
        binding,
        resource: { buffer: binding === 0 ? uniforms : buffer(binding - 1) },
      }));
      const group = gpu.createBindGroup({ layout: compiled.getBindGroupLayout(0), entries });
      const encoder = gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(compiled);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(1);
      pass.end();
      gpu.queue.submit([encoder.finish()]);
      await wait(gpu.queue.onSubmittedWorkDone());
    },
    close(): void {
      for (const each of [uniforms, ...buffers]) each.destroy();
    },
  };
}
