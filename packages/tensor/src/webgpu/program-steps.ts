import type { Backend } from './backend.ts';
import type { Binding, Dispatch } from './dispatch.ts';
import { UNIFORM_SLOT } from './pipelines.ts';
import type { Range } from './program-memory.ts';

/** One launch of a program, ready to be encoded. */
export interface Step {
  readonly dispatch: Dispatch;
  readonly group: GPUBindGroup;
}

/** Binds launches to their memory. Those that bind the same share a bind group, and equal uniforms have one place. */
export function bindSteps(
  backend: Backend,
  dispatches: readonly Dispatch[],
  rangeOf: (binding: Binding) => Range,
): { steps: Step[]; uniforms: GPUBuffer | undefined } {
  const slots = new UniformSlots();
  const starts = dispatches.map((dispatch) => slots.slotOf(dispatch.uniforms));
  const uniforms = slots.upload(backend);
  const groups = new Map<string, GPUBindGroup>();
  const steps = dispatches.map((dispatch, i) => {
    const ranges = dispatch.bindings.map(rangeOf);
    const slot = { offset: starts[i]!, size: slotBytes(dispatch.uniforms) };
    const bound = ranges.map(({ block, offset, size }) => `${block.id},${offset},${size}`).join('|');
    const key = `${dispatch.outputs},${slot.offset}|${bound}`;
    let group = groups.get(key);
    if (!group) {
      const resources = ranges.map(({ block, offset, size }) => ({ buffer: block.buffer, offset, size }));
      group = backend.stream.createBindGroup(dispatch.kernel, { buffer: uniforms!, ...slot }, resources);
      groups.set(key, group);
    }
    return { dispatch, group };
  });
  return { steps, uniforms };
}

/** Bytes of the slots that so many words of uniforms take. */
const slotBytes = (words: Uint32Array) =>
  Math.max(1, Math.ceil(words.byteLength / UNIFORM_SLOT)) * UNIFORM_SLOT;

/** All uniforms of a program in one buffer, equal ones in one place. */
class UniformSlots {
  readonly #starts = new Map<string, number>();
  readonly #words: { readonly start: number; readonly words: Uint32Array }[] = [];
  #bytes = 0;

  slotOf(words: Uint32Array): number {
    const key = words.join();
    let start = this.#starts.get(key);
    if (start === undefined) {
      start = this.#bytes;
      this.#bytes += slotBytes(words);
      this.#starts.set(key, start);
      this.#words.push({ start, words });
    }
    return start;
  }

  upload({ gpu, stats }: Backend): GPUBuffer | undefined {
    if (this.#words.length === 0) return undefined;
    const all = new Uint32Array(this.#bytes / 4);
    for (const { start, words } of this.#words) all.set(words, start / 4);
    const buffer = gpu.createBuffer({
      size: all.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    gpu.queue.writeBuffer(buffer, 0, all);
    stats.buffers++;
    stats.bufferBytes += all.byteLength;
    stats.uploads++;
    return buffer;
  }
}
