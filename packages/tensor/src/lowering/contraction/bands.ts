import * as wgsl from '@tapegrad/shaders';
import { MOST_GROUPS, shader } from '../launch.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, fours } from './layout.ts';
import { type Contraction, flopsOf } from './task.ts';
import { hasSums, lanesOf, type Plan, type Variant } from './variant.ts';

/** How `contraction_bands.wgsl` cuts a convolution up: what its head calls by the same names in capitals. */
export interface Bands {
  /** Rows of C's image in a band; lanes that have an image, and images of a workgroup. */
  readonly band: number;
  readonly lines: number;
  readonly images: number;
  /** Sums that a lane keeps for each row of A. */
  readonly sums: number;
  /** Rows needed of the band above and of the one below. */
  readonly up: number;
  readonly down: number;
  /** A's elements for a row and an i0 begin here, and the first tap's is so far from there. */
  readonly begin: number;
  readonly first: number;
}

/** Sums that a lane keeps at most, over all rows of A, and columns and taps that are unrolled. */
const MOST_SUMS = 224;
const MOST_COLUMNS = 16;
const MOST_TAPS = 16;
const ONE = { counts: [1, 1], a: [0, 0], starts: [0, 0], c: [0, 0] } as const;

/** The cuts for a task, or nothing where the images do not fit `lanes`, or A's elements are not neighbours. */
export function bandsOf(task: Contraction, lanes: number): Bands | undefined {
  const { batch, rows, columns, sums, a, b, phases, grid = ONE } = task;
  const [N0, N1, N2] = columns;
  const [K0, K1, K2] = sums;
  const [PH, PW] = grid.counts;
  const taps = PH * PW * K1 * K2;
  const still = batch === PH * PW && !phases && b.w.stride === 1 && b.h.stride === b.w.extent;
  if (!still || N1 * N2 === 0 || N2 > MOST_COLUMNS || taps > MOST_TAPS || taps % 4 !== 0) return undefined;
  // Every row of B's image is under one of C's.
  if (b.h.column < 1 || b.h.extent !== b.h.column * N1) return undefined;
  const band = [1, 2].find((each) => N1 % each === 0 && N1 / each <= lanes);
  if (!band || band * PH * PW * N2 > MOST_SUMS) return undefined;
  const lines = N1 / band;
  const images = Math.floor(lanes / lines);
  if (images * lines < 0.75 * lanes || N0 > MOST_GROUPS * images) return undefined;
  // The window's rows are the lane's own or a neighbour's.
  const own = b.h.column * band;
  const ends = (starts: number, sum: number, count: number) => [
    0,
    starts,
    sum * (count - 1),
    starts + sum * (count - 1),
  ];
  const reach = ends(grid.starts[0] * (PH - 1), b.h.sum, K1).map((o) => b.h.start + o);
  const up = Math.max(0, -Math.min(...reach));
  const down = Math.max(0, Math.max(...reach) + (band - 1) * b.h.column - own + 1);
  if (up > own || down > own) return undefined;
  // A's elements: all different, and without a gap.
  const places = new Set<number>();
  for (let ph = 0; ph < PH; ph++)
    for (let pw = 0; pw < PW; pw++)
      for (let i1 = 0; i1 < K1; i1++)
        for (let i2 = 0; i2 < K2; i2++)
          places.add(a.offset + ph * grid.a[0] + pw * grid.a[1] + i1 * a.sums[1] + i2 * a.sums[2]);
  const begin = Math.min(...places);
  if (places.size !== taps || Math.max(...places) - begin !== taps - 1) return undefined;
  if (!fours(begin) || (rows > 1 && !fours(a.row)) || (K0 > 1 && !fours(a.sums[0]))) return undefined;
  return { band, lines, images, sums: PH * PW * band * N2, up, down, begin, first: a.offset - begin };
}

/** Rows of A that a workgroup takes: as many as the sums that a lane keeps allow. */
function bandRows(rows: number, { sums }: Bands): number {
  const most = Math.floor(MOST_SUMS / sums);
  return [32, 16, 8, 4, 2, 1].find((tile) => tile <= most && tile < 2 * rows) ?? 1;
}

const kernel = shader(wgsl.contractionBands, {
  ...addressing,
  images: 'i32',
  /** Where A's elements begin. */
  a_begin: 'i32',
});

interface BandsPlan extends Plan {
  readonly lanes: number;
  readonly bands: Bands;
}

/** `contraction_bands.wgsl`: each lane has a band of the image. Fits convolutions whose images fit a subgroup. */
export const bands: Variant<BandsPlan> = {
  name: 'bands',
  plan(task, adapter) {
    const lanes = lanesOf(adapter, true);
    const bands = lanes && hasSums(task) ? bandsOf(task, lanes) : undefined;
    return bands && { task, parts: 1, lanes: lanes!, bands };
  },
  launch({ task, lanes, bands }, [a, b, c]) {
    const { grid = ONE } = task;
    const [N0, , COLS] = task.columns;
    const [, TAPS_H, TAPS_W] = task.sums;
    const [PHASES_H, PHASES_W] = grid.counts;
    const TAPS = PHASES_H * PHASES_W * TAPS_H * TAPS_W;
    const OWN = task.b.h.column * bands.band;
    const WIDTH = task.b.w.extent;
    const rows = bandRows(task.rows, bands);
    return launchOf({
      shader: kernel,
      constants: {
        ...{
          ROWS: rows,
          LANES: lanes,
          LINES: bands.lines,
          IMAGES: bands.images,
          BAND: bands.band,
          COLS,
          OWN,
          WIDTH,
        },
        ...{ PHASES_H, PHASES_W, TAPS_H, TAPS_W, TAPS, UP: bands.up, DOWN: bands.down },
        ...{ FIRST_H: task.b.h.start, STEP_H: task.b.h.column, SUM_H: task.b.h.sum, GRID_H: grid.starts[0] },
        ...{ FIRST_W: task.b.w.start, STEP_W: task.b.w.column, SUM_W: task.b.w.sum, GRID_W: grid.starts[1] },
        ...{
          A_FIRST: bands.first,
          A_PH: grid.a[0],
          A_PW: grid.a[1],
          A_I1: task.a.sums[1],
          A_I2: task.a.sums[2],
        },
        VECTORS: Math.ceil((rows * TAPS) / 4 / lanes),
        B_4: fours(OWN * WIDTH, task.b.offset, task.b.d0, task.b.i0),
        PHASES: false,
        GRID: false,
        FUSED: false,
      },
      fusion: { role: 'producer', vectors: false },
      outputs: [c],
      inputs: [a, b],
      uniforms: { ...addressesOf(task), images: N0, a_begin: bands.begin },
      flops: flopsOf(task),
      workgroups: [Math.ceil(N0 / bands.images), Math.ceil(task.rows / rows), 1],
    });
  },
};
