import type { Binding, Dispatch } from './dispatch.ts';
import { type CompiledKernel, type PipelineCache, UNIFORM_SLOT } from './pipelines.ts';
import type { DeviceStats } from './stats.ts';

/** Launches that are encoded before they are submitted, unless something asks for results earlier. */
const BATCH = 256;
/** Bind groups that are kept. */
const MOST_GROUPS = 4096;

/**
 * Launches on their way to the queue: each is encoded into one open compute pass, which is submitted when it is full, or
 * when somebody asks. Their uniforms lie in slots of one buffer, written together at the submit.
 */
export class CommandStream {
  /** Counts submits. Memory that the open pass uses has this number: see `Block.batch`. */
  batch = 0;
  readonly #gpu: GPUDevice;
  readonly #pipelines: PipelineCache;
  readonly #stats: DeviceStats;
  readonly #uniforms: GPUBuffer;
  readonly #words = new Uint32Array((BATCH * UNIFORM_SLOT) / 4);
  readonly #groups = new Map<string, GPUBindGroup>();
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #pending = 0;

  constructor(gpu: GPUDevice, pipelines: PipelineCache, stats: DeviceStats) {
    this.#gpu = gpu;
    this.#pipelines = pipelines;
    this.#stats = stats;
    this.#uniforms = gpu.createBuffer({
      size: BATCH * UNIFORM_SLOT,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  encode({ kernel, bindings, uniforms, workgroups }: Dispatch): void {
    const pipeline = this.#pipelines.ready(kernel);
    const group = this.#groupOf(kernel, bindings);
    if (this.#pending === BATCH) this.flush();
    this.#encoder ??= this.#gpu.createCommandEncoder();
    this.#pass ??= this.#encoder.beginComputePass();
    const slot = this.#pending++ * UNIFORM_SLOT;
    this.#words.set(uniforms, slot / 4);
    for (const { storage } of bindings) storage.block!.batch = this.batch;
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, group, [slot]);
    this.#pass.dispatchWorkgroups(...workgroups);
    this.#stats.launches++;
  }

  #groupOf(kernel: CompiledKernel, bindings: readonly Binding[]): GPUBindGroup {
    let key = `${kernel.id}`;
    for (const { storage, offset, bytes } of bindings) key += `|${storage.block!.id},${offset},${bytes}`;
    let group = this.#groups.get(key);
    if (!group) {
      if (this.#groups.size > MOST_GROUPS) this.#groups.clear();
      const ranges = bindings.map(({ storage, offset, bytes }) => ({
        buffer: storage.block!.buffer,
        offset,
        size: bytes,
      }));
      group = this.createBindGroup(kernel, { buffer: this.#uniforms, size: UNIFORM_SLOT }, ranges);
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Binds a slot of uniforms, or the first of all that dynamic offsets find, and a kernel's outputs and inputs. */
  createBindGroup(
    kernel: CompiledKernel,
    slot: GPUBufferBinding,
    ranges: readonly GPUBufferBinding[],
  ): GPUBindGroup {
    this.#stats.bindGroups++;
    return this.#gpu.createBindGroup({
      layout: kernel.layout,
      entries: [slot, ...ranges].map((resource, binding) => ({
        binding,
        resource,
      })),
    });
  }

  /** Submits what has been encoded. */
  flush(): void {
    this.batch++;
    if (!this.#encoder) return;
    this.#pass!.end();
    this.#gpu.queue.writeBuffer(this.#uniforms, 0, this.#words, 0, (this.#pending * UNIFORM_SLOT) / 4);
    this.#gpu.queue.submit([this.#encoder.finish()]);
    this.#stats.uploads++;
    this.#stats.submits++;
    this.#encoder = undefined;
    this.#pass = undefined;
    this.#pending = 0;
  }

  /** Submits the commands that `encode` adds, after all that was encoded before. */
  submit(encode: (encoder: GPUCommandEncoder) => void): void {
    this.flush();
    const encoder = this.#gpu.createCommandEncoder();
    encode(encoder);
    this.#gpu.queue.submit([encoder.finish()]);
    this.#stats.submits++;
  }

  /** Forgets bind groups, which keep the buffers that they refer to. */
  forgetBindGroups(): void {
    this.#groups.clear();
  }
}
