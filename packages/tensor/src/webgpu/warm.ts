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
  /** Told of each kernel that has been run. */
  onDone?(): void;
  /** Milliseconds from which a kernel's first run shows that it was compiled, not found in the driver's cache. */
  readonly compiled?: number;
}

/** Bytes of a stand-in for a buffer. */
const DUMMY = 1024;

/**
 * Makes the driver compile kernels before they are needed, on several devices at once. Mesa's lavapipe compiles a
 * kernel when it first runs, one after the other in a device's queue, and keeps the result in a cache on disk, where the
 * other devices find it. So each kernel is run once by one of the devices, on memory of no concern and with all uniforms
 * 0, which means: with nothing to do. Where the cache knew them already, no second device is opened.
 */
export async function warm(kernels: readonly CompiledKernel[], options: WarmOptions): Promise<void> {
  // The longest text first: what takes long should not come last.
  const waiting = [...new Set(kernels)].sort((a, b) => b.code.length - a.code.length);
  const first = waiting.shift();
  if (!first) return;
  const own = runner(options);
  const started = performance.now();
  await own.run(first);
  options.onDone?.();
  const work = async (run: (kernel: CompiledKernel) => Promise<void>) => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await run(next);
      options.onDone?.();
    }
  };
  const help = async () => {
    const gpu = await options.another();
    if (!gpu) return;
    const helper = runner({ gpu, pipeline: (kernel) => translated(gpu, kernel), wait: options.wait });
    try {
      await work(helper.run);
    } finally {
      helper.close();
      gpu.destroy();
    }
  };
  const slow = performance.now() - started >= (options.compiled ?? 150);
  const helpers = slow ? Math.min(options.workers - 1, waiting.length) : 0;
  await Promise.all([work(own.run), ...Array.from({ length: helpers }, help)]);
  own.close();
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
      pass.setBindGroup(0, group, [0]);
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
