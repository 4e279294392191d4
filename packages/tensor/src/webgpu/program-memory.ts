import { bytesPerElement } from '../dtype.ts';
import type { Span } from '../writes.ts';
import type { Backend } from './backend.ts';
import type { RecordedLaunch } from './dispatch.ts';
import { type Block, byteLength, type GpuStorage } from './memory.ts';
import { UNIFORM_SLOT } from './pipelines.ts';
import type { Lifetime } from './plan.ts';

/** The places of a program's launches in memory: what the plan is made from, and what it becomes. */

export interface Range {
  readonly block: Block;
  readonly offset: number;
  readonly size: number;
}

/** Memory of a captured program, in bytes. */
export interface ProgramMemory {
  /** Bytes of the buffers that temporaries share. */
  readonly planned: number;
  /** The most bytes of temporaries that are in use at once: no plan needs fewer. */
  readonly liveSet: number;
  /** How many buffers there are. */
  readonly buffers: number;
  /** Bytes of memory that is not shared: arguments, results, constants, uniforms. */
  readonly own: number;
}

/** Buffers of these sizes, all or none. */
export function createAll({ pool }: Backend, sizes: readonly number[]): Block[] {
  const blocks: Block[] = [];
  try {
    for (const bytes of sizes) blocks.push(pool.create(bytes));
  } catch (error) {
    for (const block of blocks) pool.destroy(block);
    throw error;
  }
  return blocks;
}

/** When each temporary is used, counted by the launches that are left, in the order of their first uses. */
export function lifetimesOf(
  launches: readonly RecordedLaunch[],
  isTemporary: (storage: GpuStorage) => boolean,
): Map<GpuStorage, Lifetime> {
  const lifetimes = new Map<GpuStorage, { bytes: number; uses: { at: number; writes: boolean }[] }>();
  for (const [at, { bindings, outputs }] of launches.entries())
    for (const [slot, { storage }] of bindings.entries()) {
      if (!isTemporary(storage)) continue;
      const lifetime = lifetimes.get(storage) ?? { bytes: byteLength(storage.dtype, storage.size), uses: [] };
      lifetime.uses.push({ at, writes: slot < outputs });
      lifetimes.set(storage, lifetime);
    }
  return lifetimes;
}

/** What the launches write of memory that is there after them, each part once. */
export function spansWritten(
  launches: readonly RecordedLaunch[],
  isTemporary: (storage: GpuStorage) => boolean,
): Span[] {
  const spans = new Map<GpuStorage, Map<string, Span>>();
  for (const { bindings, outputs } of launches)
    for (const { storage, offset, bytes } of bindings.slice(0, outputs)) {
      if (isTemporary(storage)) continue;
      const width = bytesPerElement[storage.dtype];
      const own = spans.get(storage) ?? new Map<string, Span>();
      own.set(`${offset} ${bytes}`, { storage, offset: offset / width, size: bytes / width });
      spans.set(storage, own);
    }
  return [...spans.values()].flatMap((own) => [...own.values()]);
}

/** Bytes of the slots that so many words of uniforms take. */
export const slotBytes = (words: Uint32Array) =>
  Math.max(1, Math.ceil(words.byteLength / UNIFORM_SLOT)) * UNIFORM_SLOT;

/** All uniforms of a program in one buffer, equal ones in one place. */
export class UniformSlots {
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
