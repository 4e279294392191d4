import * as wgsl from '@tapegrad/shaders';
import { MOST_GROUPS, shader } from '../launch.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, flagsOf, vectorModes } from './layout.ts';
import { exchanged, flopsOf, isProduct, product, type Task } from './task.ts';
import { hasSums, lanesOf, type Plan, type Variant } from './variant.ts';

/** Rows of a lane, and summed elements of a block, at most: the product of the two is unrolled. */
const MOST_GROUP = 8;
const MOST_DEPTH = 128;
/**
 * Columns that A's block is fetched for at least, which costs as much as 25 of them, and workgroups that are worth fetching it
 * more than once.
 */
const LEAST_COLUMNS = 128;
const ENOUGH_GROUPS = 8;

/** Summed elements of a block: a multiple of `step` that divides the sums, if there is one that is not much smaller. */
function depthFor(sums: number, step: number): number {
  const even = step * Math.ceil(sums / Math.ceil(sums / MOST_DEPTH) / step);
  for (let depth = MOST_DEPTH; depth >= 0.75 * MOST_DEPTH; depth -= step)
    if (sums % depth === 0) return depth;
  return even;
}

const kernel = shader(wgsl.contractionQuads, {
  ...addressing,
  /** Columns of a workgroup. */
  slice: 'i32',
});

interface QuadsPlan extends Plan {
  /** Whether A and B have changed places in `task`. */
  readonly exchanged: boolean;
}

/** Whether A is to pass by, since there is more of it. */
const isTall = (task: Task) =>
  isProduct(task) && !task.phases && !task.grid && task.rows > product(task.columns);

/** `contraction_quads.wgsl`: A stays, B passes by, on four lanes. Its partial sums lie in C, so C is float32. */
export const quads: Variant<QuadsPlan> = {
  name: 'quads',
  plan(asked, adapter) {
    const fits = lanesOf(adapter, true) === 4 && hasSums(asked) && !asked.half;
    if (!fits || asked.batch > MOST_GROUPS) return undefined;
    const tall = isTall(asked);
    return { task: tall ? exchanged(asked) : asked, parts: 1, exchanged: tall };
  },
  launch({ task, exchanged }, [a, b, c]) {
    const { rows, batch, padded } = task;
    const sums = product(task.sums);
    const columns = product(task.columns);
    const { B_K4 } = vectorModes(task);
    const tall = Math.ceil(rows / (4 * MOST_GROUP));
    const GROUP = Math.ceil(rows / (4 * tall));
    const DEPTH = depthFor(sums, B_K4 ? 16 : 4);
    const most = Math.ceil(ENOUGH_GROUPS / (tall * batch));
    const slices = Math.min(most, Math.max(1, Math.floor(columns / LEAST_COLUMNS)));
    const slice = Math.ceil(columns / slices);
    return launchOf({
      shader: kernel,
      constants: {
        GROUP,
        DEPTH,
        B_K4,
        ...flagsOf(task),
        BLOCKS: sums > DEPTH,
        CHECKED: padded || sums % DEPTH !== 0,
        FUSED: false,
      },
      fusion: { role: 'producer', vectors: false },
      outputs: [c],
      inputs: exchanged ? [b, a] : [a, b],
      uniforms: { ...addressesOf(task), slice },
      flops: flopsOf(task),
      workgroups: [Math.ceil(columns / slice), tall, batch],
    });
  },
};
