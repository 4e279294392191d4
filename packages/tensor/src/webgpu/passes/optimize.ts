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
  /** Launches that run as part of another that does not depend on them. */
  readonly joined: number;
}

/** Makes the list of a program's launches shorter. What they compute stays the same, bit for bit. */
export function optimize(
  recorded: readonly RecordedLaunch[],
  isTemporary: (storage: GpuStorage) => boolean,
  /** Elements from which elementwise launches are merged. */
  fuseFrom: number,
  /** Given where launches that do not wait for each other are to run as one. */
  join?: (launches: readonly RecordedLaunch[]) => RecordedLaunch[],
): OptimizedLaunches {
  const index = new ProgramIndex(recorded, isTemporary);
  mergeEnds(index, fuseFrom);
  mergeChains(index, fuseFrom);
  const left = index.nodes().length;
  elideCopies(index);
  const nodes = index.nodes();
  const merged = nodes.map(mergedLaunch);
  const launches = join ? join(merged) : merged;
  return {
    launches,
    fused: recorded.length - left,
    elided: left - nodes.length,
    joined: merged.length - launches.length,
  };
}
