import * as wgsl from '@tapegrad/shaders';
import { MOST_GROUPS, shader } from '../launch.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, fours } from './layout.ts';
import { type Contraction, flopsOf } from './task.ts';
import { hasSums, lanesOf, type Plan, type Variant } from './variant.ts';

/** Pixels of a lane, multiply-adds for a row of C, which are unrolled, and elements of B that a lane keeps, at most. */
const MOST_PIXELS = 32;
const MOST_WORK = 512;
const MOST_PATCH = 256;
/** Workgroups that are enough, and rows that a patch is worth fetching for. */
const ENOUGH_GROUPS = 16;
const LEAST_ROWS = 8;

/** What a lane keeps of B for some rows of an image, in `contraction_patches.wgsl` and `contraction_pixels.wgsl`. */
export interface Patch {
  /** The rows: of C's image, or of A's. */
  readonly band: number;
  /** Rows of B's image that they see, and where the first tap's is among them. */
  readonly height: number;
  readonly first: number;
}

/** An image whose pixels lanes share out by rows, and the taps that each pixel has in B. */
interface Sharing {
  readonly image: readonly [rows: number, columns: number];
  readonly taps: readonly [rows: number, columns: number];
  /** Channels of B that a lane keeps. */
  readonly channels: number;
  /** Of B's image: its width, and its rows from one tap to the next, and from one row of the image shared out to the next. */
  readonly width: number;
  readonly tapStep: number;
  readonly rowStep: number;
}

/** What a lane may have, the largest first: as many rows as it has room for. */
export function patchesFor({ image, taps, channels, width, tapStep, rowStep }: Sharing): Patch[] {
  const reach = tapStep * (taps[0] - 1);
  const work = channels * taps[0] * taps[1];
  return [4, 3, 2, 1]
    .filter((band) => image[0] % band === 0 && band * image[1] <= MOST_PIXELS)
    .filter((band) => band * image[1] * work <= MOST_WORK)
    .map((band) => ({
      band,
      height: Math.abs(reach) + rowStep * (band - 1) + 1,
      first: Math.max(0, -reach),
    }))
    .filter(({ height }) => channels * height * width <= MOST_PATCH);
}

/** The cuts for a task, or nothing where a lane has no room for a row of C's image. */
function patchesOf(task: Contraction): Patch | undefined {
  const { columns, sums, a, b } = task;
  const [, N1, N2] = columns;
  const [K0, K1, K2] = sums;
  if (task.grid || b.w.stride !== 1 || b.h.stride !== b.w.extent || b.h.column < 1) return undefined;
  if (a.sums[2] !== 1 || (K1 > 1 && a.sums[1] !== K2) || (K0 > 1 && a.sums[0] !== K1 * K2)) return undefined;
  if (N1 * N2 * b.w.extent === 0) return undefined;
  const cuts = patchesFor({
    ...{ image: [N1, N2], taps: [K1, K2], channels: K0 },
    ...{ width: b.w.extent, tapStep: b.h.sum, rowStep: b.h.column },
  });
  return cuts.find(({ band }) => storesFours(task, band)) ?? cuts[0];
}

/** Whether a lane's columns are neighbours in C, from a multiple of four on. */
function storesFours({ batch, rows, columns: [N0, N1, N2], c, phases }: Contraction, band: number): boolean {
  const dense = c.columns[2] === 1 && (band === 1 || c.columns[1] === N2);
  const apart = [
    N0 > 1 ? c.columns[0] : 0,
    N1 > band ? band * c.columns[1] : 0,
    rows > 1 ? c.row : 0,
    batch > 1 ? c.batch : 0,
  ];
  return dense && !phases && fours(band * N2, c.offset, ...apart);
}

const kernel = shader(wgsl.contractionPatches, {
  ...addressing,
  /** Bands of an image, and of all images. */
  image_groups: 'i32',
  groups: 'i32',
  /** Of C, for which a workgroup fetches patches once. */
  slice_rows: 'i32',
});

interface PatchesPlan extends Plan {
  readonly lanes: number;
  /** Workgroups for the bands of all images. */
  readonly across: number;
  readonly patch: Patch;
}

/** `contraction_patches.wgsl`: a lane keeps what its columns see of B. Fits small images of few channels. */
export const patches: Variant<PatchesPlan> = {
  name: 'patches',
  plan(task, adapter) {
    const lanes = lanesOf(adapter, true);
    const patch = lanes && hasSums(task) ? patchesOf(task) : undefined;
    if (!lanes || !patch) return undefined;
    const across = Math.ceil((task.columns[0] * task.columns[1]) / (patch.band * lanes));
    return Math.max(across, task.batch) > MOST_GROUPS ? undefined : { task, parts: 1, lanes, across, patch };
  },
  launch({ task, lanes, across, patch: { band, height, first } }, [a, b, c]) {
    const { batch, rows, columns, sums } = task;
    const { h, w, offset, d0, i0 } = task.b;
    const image_groups = columns[1] / band;
    const groups = columns[0] * image_groups;
    const slices = Math.max(
      1,
      Math.min(Math.ceil(ENOUGH_GROUPS / (across * batch)), Math.floor(rows / LEAST_ROWS)),
    );
    const slice_rows = Math.ceil(rows / slices);
    const C_4 = storesFours(task, band);
    return launchOf({
      shader: kernel,
      constants: {
        ...{ LANES: lanes, BAND: band, COLS: columns[2], WIDTH: w.extent, HEIGHT: height },
        ...{ CHANNELS: sums[0], TAPS_H: sums[1], TAPS_W: sums[2] },
        ...{
          FIRST_H: first,
          STEP_H: h.column,
          SUM_H: h.sum,
          FIRST_W: w.start,
          STEP_W: w.column,
          SUM_W: w.sum,
        },
        B_4: fours(w.extent, offset, d0, sums[0] > 1 ? i0 : 0, batch > 1 ? task.b.batch : 0),
        C_4,
        PHASES: task.phases !== undefined,
        GRID: false,
        FUSED: false,
      },
      fusion: { role: 'producer', vectors: C_4 },
      outputs: [c],
      inputs: [a, b],
      uniforms: { ...addressesOf(task), h_start: h.start - first, image_groups, groups, slice_rows },
      flops: flopsOf(task),
      workgroups: [across, Math.ceil(rows / slice_rows), batch],
    });
  },
};
