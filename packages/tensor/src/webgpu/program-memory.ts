import type { Backend } from './backend.ts';
import { type Block, byteLength, type GpuStorage } from './memory.ts';
import type { ProgramIndex } from './passes/program-index.ts';
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
export function lifetimesOf(index: ProgramIndex): Map<GpuStorage, Lifetime> {
  const nodes = index.nodes();
  const positions = new Map(nodes.map(({ at }, position) => [at, position]));
  const lifetimes = new Map<GpuStorage, Lifetime>();
  for (const { storage } of nodes.flatMap(({ bindings }) => bindings)) {
    if (lifetimes.has(storage) || !index.isTemporary(storage)) continue;
    const uses = index
      .usersOf(storage)
      .flatMap(({ at, bindings, outputs }) =>
        bindings.flatMap((binding, slot) =>
          binding.storage === storage ? [{ at: positions.get(at)!, writes: slot < outputs }] : [],
        ),
      );
    lifetimes.set(storage, { bytes: byteLength(storage.dtype, storage.size), uses });
  }
  return lifetimes;
}

/** All uniforms of a program in one buffer, equal ones in one slot. */
export class UniformSlots {
  readonly #slots = new Map<string, number>();
  readonly #words: Uint32Array[] = [];

  slotOf(words: Uint32Array): number {
    const key = words.join();
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = this.#words.push(words) - 1;
      this.#slots.set(key, slot);
    }
    return slot * UNIFORM_SLOT;
  }

  upload({ gpu, stats }: Backend): GPUBuffer | undefined {
    if (this.#words.length === 0) return undefined;
    const all = new Uint32Array((this.#words.length * UNIFORM_SLOT) / 4);
    this.#words.forEach((words, slot) => {
      all.set(words, (slot * UNIFORM_SLOT) / 4);
    });
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
