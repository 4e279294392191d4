import type { RecordedLaunch } from '../dispatch.ts';
import type { GpuStorage } from '../memory.ts';
import { elideCopies } from './elide-copies.ts';
import { mergeChains } from './merge-chains.ts';
import { mergeEnds } from './merge-ends.ts';
import { mergedLaunch } from './merged-launch.ts';
import { ProgramIndex } from './program-index.ts';

export interface OptimizedLaunches {
  readonly launches: readonly RecordedLaunch[];
  /** Elementwise launches that were merged into the kernels before or after them. */
  readonly fused: number;
  /** Copies that were dropped because their source is now written where it belongs. */
  readonly elided: number;
  /** The launches as they were merged, by what they define and use. */
  readonly index: ProgramIndex;
}

/** Makes the list of a program's launches shorter. What they compute stays the same, bit for bit. */
export function optimize(
  launches: readonly RecordedLaunch[],
  isTemporary: (storage: GpuStorage) => boolean,
  /** Elements from which elementwise launches are merged. */
  fuseFrom: number,
): OptimizedLaunches {
  const index = new ProgramIndex(launches, isTemporary);
  mergeEnds(index, fuseFrom);
  mergeChains(index, fuseFrom);
  const merged = index.nodes().length;
  elideCopies(index);
  const nodes = index.nodes();
  return {
    launches: nodes.map(mergedLaunch),
    fused: launches.length - merged,
    elided: merged - nodes.length,
    index,
  };
}
