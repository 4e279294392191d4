import * as wgsl from '@tapegrad/shaders';
import { shader } from '../launch.ts';
import { cyclesOfLaunch } from './estimate.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, flagsOf } from './layout.ts';
import { flopsOf, isProduct, product, type Task } from './task.ts';
import { hasSums, type Plan, type Variant } from './variant.ts';

const kernel = shader(wgsl.contractionThin, {
  ...addressing,
  /** Workgroups along the columns, and in all. */
  across: 'i32',
  groups: 'i32',
});

const THREADS = 64;
/** More rows fill half a tile. */
const MOST_ROWS = 8;
/** Elements of A for all rows: what fits the shared memory that every device has. */
const MOST_WEIGHTS = 4096;
/** Elements of B that a thread has on their way at a time. */
const MOST_STEP = 16;
/** Instructions for each tap besides those for its elements, and for each element of B besides the multiply-adds. */
const [A_TAP, AN_ELEMENT] = [16, 1.3];

/** Of i0, how many a turn takes: by fours if it can be, as many as possible. */
function stepOf(i0: number): number {
  const divisors = Array.from({ length: MOST_STEP }, (_, i) => MOST_STEP - i).filter(
    (step) => i0 % step === 0,
  );
  return divisors.find((step) => step % 4 === 0) ?? divisors[0]!;
}

/** Neighbouring taps of a turn: all of a row, where all of their elements are few. */
const tapsOf = ({ sums }: Task) =>
  stepOf(sums[0]) === sums[0] && sums[0] * sums[2] <= MOST_STEP ? sums[2] : 1;

const acrossOf = (task: Task) => Math.ceil(product(task.columns) / THREADS);

/** `contraction_thin.wgsl`: a thread for each column, for windows with few rows, on GPUs. */
export const thin: Variant<Plan & { readonly cycles: number }> = {
  name: 'thin',
  plan(task) {
    const { rows, sums, batch } = task;
    if (!hasSums(task) || isProduct(task)) return undefined;
    if (rows > MOST_ROWS || rows * product(sums) > MOST_WEIGHTS) return undefined;
    const groups = acrossOf(task) * batch;
    const step = stepOf(sums[0]);
    const elements = step * tapsOf(task);
    const turns = product(sums) / elements;
    const instructions = A_TAP + elements * (AN_ELEMENT + rows * (step % 4 === 0 ? 1.25 : 2));
    const bytes = 4 * groups * (THREADS + rows) * product(sums);
    return {
      task,
      parts: 1,
      cycles: cyclesOfLaunch({ groups, threads: THREADS, turns, instructions, bytes }),
    };
  },
  launch({ task }, [a, b, c]) {
    const step = stepOf(task.sums[0]);
    const FOURS = step % 4 === 0;
    const groups = acrossOf(task) * task.batch;
    return launchOf({
      shader: kernel,
      constants: {
        THREADS,
        ROWS: task.rows,
        STEP: step,
        FOURS,
        ACROSS: tapsOf(task),
        WEIGHTS: (task.rows * product(task.sums)) / (FOURS ? 4 : 1),
        B_GAP: task.b.i0,
        B_TAP: task.b.w.sum * task.b.w.stride,
        ...flagsOf(task),
        FUSED: false,
      },
      fusion: { role: 'producer', vectors: false },
      outputs: [c],
      inputs: [a, b],
      uniforms: { ...addressesOf(task), across: acrossOf(task), groups },
      flops: flopsOf(task),
      workgroups: groups,
    });
  },
};
