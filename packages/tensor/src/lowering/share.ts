import type { LaunchContext } from './launch.ts';

/** How a launch whose threads do not meet is shared out: a workgroup covers neighbours, each thread every WORKGROUP-th of them. */
export interface Share {
  /** Threads. */
  readonly WORKGROUP: number;
  /** Elements that a thread does, or vectors of four. */
  readonly ITEMS: number;
}

/**
 * As many items a thread as is said, on a GPU. To begin a thread costs a software adapter as much as two vectors, most of it
 * for a thread's place in a workgroup of several subgroups.
 */
export const shareOf = ({ kind }: Pick<LaunchContext, 'kind'>, items = 1): Share =>
  kind === 'gpu' ? { WORKGROUP: 64, ITEMS: items } : { WORKGROUP: 8, ITEMS: 32 };

/** Workgroups for so many items. */
export const workgroupsOf = ({ WORKGROUP, ITEMS }: Share, items: number): number =>
  Math.ceil(items / (WORKGROUP * ITEMS));
