import { bytesPerElement } from '../dtype.ts';
import type { Span } from '../writes.ts';
import type { Backend } from './backend.ts';
import type { Binding, RecordedLaunch } from './dispatch.ts';
import { type Block, byteLength, type GpuStorage } from './memory.ts';
import { type Lifetime, type MemoryPlan, planMemory } from './plan.ts';

/* The memory of a program's launches: what the plan is made from, and what it becomes. */

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

/** Temporaries in buffers that they share, and where each binding lies then. */
export interface PlacedTemporaries {
  readonly plan: MemoryPlan;
  readonly blocks: readonly Block[];
  rangeOf(binding: Binding): Range;
}

/** Plans the memory of temporaries by their lifetimes, in buffers of `most` bytes at most, and creates these. */
export function placeTemporaries(
  backend: Backend,
  launches: readonly RecordedLaunch[],
  isTemporary: (storage: GpuStorage) => boolean,
  most: number,
): PlacedTemporaries {
  const lifetimes = lifetimesOf(launches, isTemporary);
  const plan = planMemory([...lifetimes.values()], most);
  const blocks = createAll(backend, plan.buffers);
  const places = new Map([...lifetimes.keys()].map((storage, i) => [storage, plan.placements[i]!]));
  return {
    plan,
    blocks,
    rangeOf({ storage, offset, bytes }) {
      const place = places.get(storage);
      const block = place ? blocks[place.buffer]! : storage.block!;
      return { block, offset: offset + (place?.offset ?? 0), size: bytes };
    },
  };
}

/** Buffers of these sizes, all or none. */
function createAll({ pool }: Backend, sizes: readonly number[]): Block[] {
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
function lifetimesOf(
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
