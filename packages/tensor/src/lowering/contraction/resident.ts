import * as wgsl from '@tapegrad/shaders';
import { MOST_GROUPS, shader } from '../launch.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, fours, storesVectors, vectorModes } from './layout.ts';
import { turningGroups } from './split.ts';
import { exchanged, flopsOf, isProduct, isWhole, product } from './task.ts';
import { hasSums, lanesOf, type Plan, type Variant } from './variant.ts';

/** Rows that a block of B is fetched for at least, and workgroups that are worth fetching it more than once. */
const LEAST_ROWS = 128;
const ENOUGH_GROUPS = 16;
/** Summed elements of a block, at most 2 KiB for each lane. Few depths, since each is a kernel to compile. */
const DEPTHS = [128, 112, 64, 32] as const;
/** The depth of what runs briefly: a quarter to a third more time for a product, a third of the time to compile. */
const BRIEF_DEPTH = 32;

/**
 * The depth by which a row costs least. A summed element costs lavapipe about 17 instructions (6 to fetch A's, 3 to hand
 * it round, 8 to multiply and add), and that a block ends 350: the sums are fetched and stored.
 */
function depthFor(sums: number): number {
  const cost = (depth: number) => Math.ceil(sums / depth) * (17 * depth + 350);
  return DEPTHS.reduce<number>((best, depth) => (cost(depth) < cost(best) ? depth : best), DEPTHS[0]);
}

const kernel = shader(wgsl.contractionResident, {
  ...addressing,
  /** Tiles along the columns, slices along the rows, workgroups in all; rows of a slice. */
  across: 'i32',
  slices: 'i32',
  groups: 'i32',
  slice_rows: 'i32',
});

interface ResidentPlan extends Plan {
  readonly lanes: number;
  /** Summed elements of a block. Sums are added up in the same order whatever it is. */
  readonly depth: number;
}

/** `contraction_resident.wgsl`: B stays, A passes by. Fits products; its partial sums lie in C, so C is float32. */
export const resident: Variant<ResidentPlan> = {
  name: 'resident',
  plan(task, adapter) {
    const lanes = lanesOf(adapter, true);
    const fits = isProduct(task) && !task.grid && !task.phases && hasSums(task) && !task.half;
    if (!lanes || !fits) return undefined;
    return { task, parts: 1, lanes, depth: adapter.brief ? BRIEF_DEPTH : depthFor(product(task.sums)) };
  },
  launch({ task, lanes, depth }, [a, b, c]) {
    const sums = product(task.sums);
    const columns = product(task.columns);
    const across = Math.ceil(columns / (4 * lanes));
    const most = Math.ceil(ENOUGH_GROUPS / (across * task.batch));
    const slices = Math.min(most, Math.max(1, Math.floor(task.rows / LEAST_ROWS)));
    const rows = Math.ceil(task.rows / slices);
    const groups = across * slices * task.batch;
    const { A_K4, B_N4, B_K4 } = vectorModes(task);
    const C_N4 = storesVectors(task);
    return launchOf({
      shader: kernel,
      constants: {
        LANES: lanes,
        DEPTH: depth,
        VECTORS: Math.ceil(depth / (4 * lanes)),
        TAIL: sums % depth !== 0,
        ...{ A_K4, B_N4, B_K4, C_N4 },
        PHASES: false,
        GRID: false,
        FUSED: false,
      },
      fusion: { role: 'producer', vectors: C_N4 },
      outputs: [c],
      inputs: [a, b],
      uniforms: { ...addressesOf(task), across, slices, groups, slice_rows: rows },
      flops: flopsOf(task),
      workgroups: groups,
    });
  },
};

/**
 * The same for the layers of a small batch: the batch stays, as one tile of columns, and weights that lie along the sum
 * pass by. So C is made transposed, and turned by a second launch.
 */
export const turned: Variant<ResidentPlan> = {
  name: 'turned',
  plan(task, adapter) {
    const lanes = lanesOf(adapter, true);
    const { rows, batch, c } = task;
    const columns = product(task.columns);
    const isMatrix = isProduct(task) && batch === 1 && isWhole(task) && c.offset === 0 && c.row === columns;
    if (!lanes || !isMatrix || rows > 4 * lanes || columns < 2 * LEAST_ROWS || !fours(rows, columns))
      return undefined;
    if (turningGroups(columns) > MOST_GROUPS) return undefined;
    const across = { ...exchanged(task), c: { offset: 0, batch: 0, row: rows, columns: [0, 0, 1] as const } };
    const plan = vectorModes(across).A_K4 && resident.plan(across, adapter);
    return plan ? { ...plan, turned: true } : undefined;
  },
  launch: (plan, [a, b, c]) => resident.launch(plan, [b, a, c]),
};
