/*
 * Which kernel computes a task on a GPU follows from an estimate of the cycles that a launch takes on a large one, an H100: 132
 * multiprocessors of 4 schedulers, each a warp's instruction a cycle. The rest is rough: it has to tell a GPU that is full from
 * one that is idle, not one good kernel from another.
 */
const MULTIPROCESSORS = 132;
const SCHEDULERS = 4;
const WARP = 32;
/** What the way from memory and back takes at least, with a block's barriers; a launch, with its beginning and the stores. */
const ROUND_TRIP = 700;
const LAUNCH = 5000;
/** Bytes that all multiprocessors together get in a cycle from the second cache. */
const TRAFFIC = 3000;

/** A launch as the estimate sees it. */
interface Shape {
  readonly groups: number;
  readonly threads: number;
  /** Turns of each workgroup's loop, each a round trip to memory, and a thread's instructions in one. */
  readonly turns: number;
  readonly instructions: number;
  /** From the second cache, all in all. */
  readonly bytes: number;
}

/** Estimated cycles of a launch. */
export function cyclesOfLaunch({ groups, threads, turns, instructions, bytes }: Shape): number {
  const warps = Math.ceil(threads / WARP);
  const alone = Math.max(ROUND_TRIP, instructions * Math.ceil(warps / SCHEDULERS));
  const crowded = (Math.ceil(groups / MULTIPROCESSORS) * instructions * warps) / SCHEDULERS;
  return LAUNCH + Math.max(turns * Math.max(alone, crowded), bytes / TRAFFIC);
}

/** Of the launch that adds up the parts of so many results. */
export const cyclesOfAdding = (parts: number, outputs: number) =>
  parts > 1 ? LAUNCH + (2 * 4 * parts * outputs) / TRAFFIC : 0;
