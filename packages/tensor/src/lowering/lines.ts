import { type LaunchContext, subgroupSize } from './launch.ts';

/* Reductions, scans and softmax go along lines: a long one is shared by lanes that work together, any other has one thread. */

/** How many lanes share a line, and whether they are exactly a subgroup. */
export function lineLanes(gpu: LaunchContext): { LANES: number; SUBGROUPS: boolean } {
  const size = subgroupSize(gpu);
  return { LANES: size ?? (gpu.kind === 'gpu' ? 64 : 8), SUBGROUPS: size !== undefined };
}

/** Whether lines of `extent` values, `stride` apart, are shared; and a workgroup's lanes, which are `workgroup` threads if not. */
export function lineMode(gpu: LaunchContext, extent: number, stride: number, workgroup: number) {
  const lanes = lineLanes(gpu);
  const isShared = stride === 1 && extent >= 4 * lanes.LANES;
  return { isShared, lanes: isShared ? lanes : { LANES: workgroup, SUBGROUPS: false } };
}
