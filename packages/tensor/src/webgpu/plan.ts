/** Where bindings of a WebGPU buffer may start, on every device. */
const ALIGNMENT = 256;

/** A piece of memory that a list of launches needs for a while. */
export interface Lifetime {
  readonly bytes: number;
  /** The launches that bind it, ascending. Nothing is kept before the first, nor after the last. */
  readonly uses: readonly { readonly at: number; readonly writes: boolean }[];
}

export interface MemoryPlan {
  /** For every lifetime, the buffer and the byte that it starts at. */
  readonly placements: readonly { readonly buffer: number; readonly offset: number }[];
  /** Bytes of each buffer. */
  readonly buffers: readonly number[];
  /** All buffers together. */
  readonly planned: number;
  /** The most that is alive during one launch: no plan needs less. */
  readonly liveSet: number;
}

interface Placed {
  readonly first: number;
  readonly last: number;
  readonly offset: number;
  readonly end: number;
}

interface Arena {
  bytes: number;
  readonly placed: Placed[];
  readonly reads: Set<number>;
  readonly writes: Set<number>;
}

const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
const firstOf = ({ uses }: Lifetime) => uses[0]!.at;
const lastOf = ({ uses }: Lifetime) => uses.at(-1)!.at;

/**
 * Packs lifetimes into few bytes: two share memory only if no launch is in both, first and last included. A launch may
 * not bind one buffer for reading and for writing, wherever in it, so such a pair is put into different buffers.
 *
 * Greedy, largest first (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020), into
 * the gap that fits best, else where a buffer has to grow least, else into a new buffer. As no order is always the
 * best, three are tried.
 */
export function planMemory(lifetimes: readonly Lifetime[], maxBuffer: number): MemoryPlan {
  const duration = (item: Lifetime) => lastOf(item) - firstOf(item) + 1;
  const orders: ((a: Lifetime, b: Lifetime) => number)[] = [
    (a, b) => b.bytes - a.bytes || firstOf(a) - firstOf(b),
    (a, b) => b.bytes * duration(b) - a.bytes * duration(a) || firstOf(a) - firstOf(b),
    (a, b) => firstOf(a) - firstOf(b) || b.bytes - a.bytes,
  ];
  const plans = orders.map((order) => place(lifetimes, order, maxBuffer));
  const best = plans.reduce((least, plan) => (plan.planned < least.planned ? plan : least));
  return { ...best, liveSet: largestLiveSet(lifetimes) };
}

function place(
  lifetimes: readonly Lifetime[],
  order: (a: Lifetime, b: Lifetime) => number,
  maxBuffer: number,
): Omit<MemoryPlan, 'liveSet'> {
  const arenas: Arena[] = [];
  const placements = new Array<{ buffer: number; offset: number }>(lifetimes.length);
  const indices = lifetimes.map((_, i) => i).sort((a, b) => order(lifetimes[a]!, lifetimes[b]!) || a - b);
  for (const index of indices) {
    const item = lifetimes[index]!;
    // A new buffer costs all of its bytes; growing one that exists may cost less, a gap in one nothing.
    let best = { buffer: arenas.length, offset: 0, growth: item.bytes, waste: 0 };
    arenas.forEach((arena, buffer) => {
      if (conflicts(arena, item)) return;
      for (const spot of gaps(arena, item)) {
        if (spot.offset + item.bytes > maxBuffer) continue;
        if (spot.growth < best.growth || (spot.growth === best.growth && spot.waste < best.waste)) {
          best = { buffer, ...spot };
        }
      }
    });
    arenas[best.buffer] ??= { bytes: 0, placed: [], reads: new Set(), writes: new Set() };
    const arena = arenas[best.buffer]!;
    const end = best.offset + item.bytes;
    arena.bytes = Math.max(arena.bytes, end);
    arena.placed.push({ first: firstOf(item), last: lastOf(item), offset: best.offset, end });
    for (const { at, writes } of item.uses) (writes ? arena.writes : arena.reads).add(at);
    placements[index] = { buffer: best.buffer, offset: best.offset };
  }
  const buffers = arenas.map(({ bytes }) => bytes);
  return { placements, buffers, planned: buffers.reduce((sum, bytes) => sum + bytes, 0) };
}

/** Whether some launch would bind the buffer for writing and once more. */
const conflicts = (arena: Arena, { uses }: Lifetime) =>
  uses.some(({ at, writes }) => arena.writes.has(at) || (writes && arena.reads.has(at)));

/** The places in a buffer that are free all the while: what growing and what leaving a gap would cost. */
function gaps(arena: Arena, item: Lifetime): { offset: number; growth: number; waste: number }[] {
  const [first, last] = [firstOf(item), lastOf(item)];
  const taken = arena.placed
    .filter((other) => other.first <= last && first <= other.last)
    .sort((a, b) => a.offset - b.offset);
  const found: { offset: number; growth: number; waste: number }[] = [];
  let offset = 0;
  for (const other of taken) {
    const gap = other.offset - offset;
    if (gap >= item.bytes) found.push({ offset, growth: 0, waste: gap - item.bytes });
    offset = Math.max(offset, aligned(other.end));
  }
  const rest = arena.bytes - offset - item.bytes;
  found.push({ offset, growth: Math.max(0, -rest), waste: Math.max(0, rest) });
  return found;
}

function largestLiveSet(lifetimes: readonly Lifetime[]): number {
  const change = new Map<number, number>();
  const add = (at: number, bytes: number) => change.set(at, (change.get(at) ?? 0) + bytes);
  for (const item of lifetimes) {
    add(firstOf(item), item.bytes);
    add(lastOf(item) + 1, -item.bytes);
  }
  let [live, most] = [0, 0];
  for (const at of [...change.keys()].sort((a, b) => a - b)) {
    live += change.get(at)!;
    most = Math.max(most, live);
  }
  return most;
}
