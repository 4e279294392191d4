import * as wgsl from '@tapegrad/shaders';
import { MOST_GROUPS, shader } from '../launch.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, flagsOf, fours } from './layout.ts';
import { partsOf } from './split.ts';
import { type Contraction, flopsOf, type Task } from './task.ts';
import { hasSums, lanesOf, type Plan, type Variant } from './variant.ts';

/** How `contraction_slides.wgsl` cuts a convolution up: what its head calls by the same names in capitals. */
interface Slides {
  /** Neighbouring columns of a lane; how many such groups a row of C has, and all of C. */
  readonly cols: number;
  readonly groups: number;
  readonly all: number;
  /** Summed elements of a turn: rows of the window, and elements of each. */
  readonly turns: number;
  readonly taps: number;
  /** Elements of a row of B that they read. */
  readonly span: number;
}

/** Summed elements of one row of the window that a turn takes at most, and from which on it takes one row only. */
const MOST_TAPS = 8;
const ENOUGH = 4;
/** Lanes of the smallest workgroup. */
const LEAST_LANES = 4;
/** A batch, which with its parts is one dimension of workgroups. */
const MOST_BATCH = 512;

/** The largest divisor of n up to `most`. */
const divisor = (n: number, most: number) => {
  let best = Math.min(n, most);
  while (n % best !== 0) best--;
  return best;
};

/**
 * The cuts for a task, or nothing where columns and sums do not slide along a row of B, or where that saves less than a
 * fifth of the loads.
 */
function slidesOf({ batch, columns, sums, b }: Contraction): Slides | undefined {
  const [, N1, N2] = columns;
  const [K0, K1, K2] = sums;
  if (b.w.stride !== 1 || b.w.column < 1 || b.w.sum < 1 || K0 * K1 * K2 === 0) return undefined;
  const cols = N2 % 4 === 0 ? 4 : (([7, 6, 5] as const).find((width) => N2 % width === 0) ?? 4);
  const groups = Math.ceil(N2 / cols);
  const taps = divisor(K2, MOST_TAPS);
  const turns = taps === K2 ? divisor(K1, Math.max(1, Math.floor(ENOUGH / taps))) : 1;
  const span = (cols - 1) * b.w.column + (taps - 1) * b.w.sum + 1;
  const used = N2 / (cols * groups);
  const all = columns[0] * N1 * groups;
  if (span >= 0.8 * used * cols * taps || all > LEAST_LANES * MOST_GROUPS || batch > MOST_BATCH)
    return undefined;
  return { cols, groups, all, turns, taps, span };
}

/** The same task with the last summed digit counted the other way where it walks backwards. */
function forwards(task: Task): Task {
  const { a, b, sums } = task;
  if (b.w.sum >= 0) return task;
  const last = sums[2] - 1;
  return {
    ...task,
    a: { ...a, offset: a.offset + last * a.sums[2], sums: [a.sums[0], a.sums[1], -a.sums[2]] },
    b: { ...b, w: { ...b.w, start: b.w.start + last * b.w.sum, sum: -b.w.sum } },
  };
}

/** What the kernel has unrolled. */
function slidesConstants(task: Contraction, { cols, turns, taps, span }: Slides) {
  const { batch, rows, a, b, sums, columns, grid } = task;
  const neighbours = a.sums[2] === 1 && (turns === 1 || a.sums[1] === sums[2]);
  const byFours =
    fours(turns * taps, a.offset, ...(grid?.a ?? [])) &&
    (batch === 1 || fours(a.batch)) &&
    (rows === 1 || fours(a.row)) &&
    (sums[0] === 1 || fours(a.sums[0])) &&
    (sums[1] === turns || fours(turns * a.sums[1]));
  return {
    COLS: cols,
    COLUMN: b.w.column,
    SUM: b.w.sum,
    TURNS: turns,
    TAPS: taps,
    SPAN: span,
    WHOLE: taps === sums[2],
    FULL: columns[2] % cols === 0,
    A_K4: neighbours && byFours,
  };
}

const kernel = shader(wgsl.contractionSlides, {
  ...addressing,
  /** Groups of neighbouring columns in a row of C, and in all of it. */
  row_groups: 'i32',
  groups: 'i32',
  /** Into which the sums are cut, of so many values of i0 each; elements of C in each. */
  parts: 'i32',
  part_length: 'i32',
  part_elements: 'i32',
});

interface SlidesPlan extends Plan {
  readonly lanes: number;
  readonly slides: Slides;
}

interface Options {
  /** Rows of C that a lane makes. */
  readonly rows: 4 | 8 | 16;
  /** Whether lanes exchange what they load. */
  readonly subgroups: boolean;
}

/** `contraction_slides.wgsl`: neighbouring columns share what they load. Fits convolutions that slide along rows of B. */
export const slides = (name: string, { rows, subgroups }: Options): Variant<SlidesPlan> => ({
  name,
  plan(asked, adapter, parts) {
    const lanes = lanesOf(adapter, subgroups);
    if (!lanes || !hasSums(asked)) return undefined;
    const task = forwards(asked);
    const slides = slidesOf(task);
    if (!slides) return undefined;
    const count = Math.ceil(task.rows / rows) * Math.ceil(slides.all / lanes) * task.batch;
    return {
      task,
      lanes,
      slides,
      turn: slides.taps,
      parts: Math.min(partsOf(task, parts, count), task.sums[0]),
    };
  },
  launch({ task, lanes, slides, parts }, [a, b, c]) {
    return launchOf({
      shader: kernel,
      constants: {
        ROWS: rows,
        LANES: lanes,
        SUBGROUPS: subgroups,
        QUADS: subgroups && lanes === 4,
        VECTORS: subgroups ? Math.ceil(rows / lanes) : rows,
        ...slidesConstants(task, slides),
        ...flagsOf(task),
        FUSED: false,
      },
      fusion: { role: 'producer', vectors: false },
      outputs: [c],
      inputs: [a, b],
      uniforms: {
        ...addressesOf(task),
        row_groups: slides.groups,
        groups: slides.all,
        parts,
        part_length: Math.ceil(task.sums[0] / parts),
        part_elements: task.sizes[2],
      },
      flops: flopsOf(task),
      workgroups: [Math.ceil(slides.all / lanes), Math.ceil(task.rows / rows), parts * task.batch],
    });
  },
});
