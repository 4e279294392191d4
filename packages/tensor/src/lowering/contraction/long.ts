import * as wgsl from '@tapegrad/shaders';
import { shader } from '../launch.ts';
import { cyclesOfAdding, cyclesOfLaunch } from './estimate.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, flagsOf } from './layout.ts';
import { tiling } from './split.ts';
import { flopsOf, isProduct, isWhole, outputsOf, product, type Task } from './task.ts';
import { hasSums, type Plan, type Variant } from './variant.ts';

const kernel = shader(wgsl.contractionLong, { ...addressing, ...tiling });

const THREADS = 64;
/** Sums of a thread, in registers; rows of a task at most, for each of which a tile would do. */
const [MOST_SUMS, MOST_ROWS] = [32, 4];
/** Summed elements of a part at least. */
const SHORTEST = 8 * THREADS;
/** Instructions for the digits of a summed element, and for each column's element besides the multiply-adds. */
const [AN_ELEMENT, A_COLUMN] = [70, 5];

interface LongPlan extends Plan {
  /** Of a workgroup. */
  readonly rows: number;
  readonly cycles: number;
}

function planOf(task: Task, asked: number): LongPlan {
  const [columns, sums] = [product(task.columns), product(task.sums)];
  const rows = Math.min(task.rows, Math.floor(MOST_SUMS / columns));
  const parts = isWhole(task) ? Math.min(asked, sums) : 1;
  const length = Math.ceil(sums / parts);
  const groups = Math.ceil(task.rows / rows) * task.batch * parts;
  const launch = cyclesOfLaunch({
    groups,
    threads: THREADS,
    turns: Math.ceil(length / THREADS),
    instructions: AN_ELEMENT + columns * (A_COLUMN + rows),
    bytes: 4 * groups * length * (rows + columns),
  });
  return {
    task,
    rows,
    // None of them empty.
    parts: Math.ceil(sums / length),
    cycles: launch + cyclesOfAdding(parts, outputsOf(task)),
  };
}

/** `contraction_long.wgsl`: threads that divide a long sum among them, for windows with few results, on GPUs. */
export const long: Variant<LongPlan> = {
  name: 'long',
  plan(task, _, parts) {
    const columns = product(task.columns);
    if (!hasSums(task) || isProduct(task) || task.rows > MOST_ROWS || columns > MOST_SUMS) return undefined;
    if (parts !== undefined) return planOf(task, parts);
    let best = planOf(task, 1);
    for (let asked = 2; product(task.sums) / asked >= SHORTEST; asked *= 2) {
      const one = planOf(task, asked);
      if (one.cycles < best.cycles) best = one;
    }
    return best;
  },
  launch({ task, rows, parts }, [a, b, c]) {
    const down = Math.ceil(task.rows / rows);
    const groups = down * task.batch * parts;
    return launchOf({
      shader: kernel,
      constants: {
        THREADS,
        ROWS: rows,
        COLUMNS: product(task.columns),
        COLUMNS1: task.columns[1],
        COLUMNS2: task.columns[2],
        ...flagsOf(task),
        FUSED: false,
      },
      fusion: { role: 'producer', vectors: false },
      outputs: [c],
      inputs: [a, b],
      uniforms: {
        ...addressesOf(task),
        across: 1,
        down,
        groups,
        parts,
        part_length: Math.ceil(product(task.sums) / parts),
        part_elements: task.sizes[2],
      },
      flops: flopsOf(task),
      workgroups: groups,
    });
  },
};
