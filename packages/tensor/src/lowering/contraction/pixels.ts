import * as wgsl from '@tapegrad/shaders';
import { MOST_GROUPS, shader } from '../launch.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, fours } from './layout.ts';
import { type Patch, patchesFor } from './patches.ts';
import { type Contraction, flopsOf, isWhole } from './task.ts';
import { hasSums, lanesOf, type Plan, type Variant } from './variant.ts';

/** Rows of C of a workgroup, at most. */
const SLICE = 32;
/** Channels at most: for each A is loaded anew. */
const MOST_CHANNELS = 3;
/** Workgroups that are enough, and turns of each at least. */
const ENOUGH_GROUPS = 32;
const LEAST_TURNS = 2;

const kernel = shader(wgsl.contractionPixels, {
  ...addressing,
  /** Bands of an image, and of all images. */
  image_groups: 'i32',
  groups: 'i32',
  /** Into which C's rows are cut. */
  slices: 'i32',
  /** Bands of a part of the sums, and elements of C in each. */
  part_length: 'i32',
  part_elements: 'i32',
});

interface PixelsPlan extends Plan {
  readonly lanes: number;
  readonly patch: Patch;
  /** Bands of a part: as many as the lanes, or twice as many, and so on. */
  readonly length: number;
  /** Into which C's rows are cut. */
  readonly slices: number;
}

/** How many rows of A's image a lane has, or nothing where it has no room for one. */
function bandOf({ batch, rows, columns, sums, a, b, c, phases, grid }: Contraction): Patch | undefined {
  const [, TAPS_H, TAPS_W] = columns;
  const [, OUT_H, OUT_W] = sums;
  // Images are summed over, not channels: else it is no weight gradient, whatever its extents.
  if (b.i0 < b.d0 || b.w.extent === 0) return undefined;
  if (phases || grid || b.w.stride !== 1 || b.h.stride !== b.w.extent || b.h.sum < 1) return undefined;
  if (a.sums[2] !== 1 || (OUT_H > 1 && a.sums[1] !== OUT_W)) return undefined;
  if (c.columns[2] !== 1 || (TAPS_H > 1 && c.columns[1] !== TAPS_W)) return undefined;
  const cuts = patchesFor({
    ...{ image: [OUT_H, OUT_W], taps: [TAPS_H, TAPS_W], channels: 1 },
    ...{ width: b.w.extent, tapStep: b.h.column, rowStep: b.h.sum },
  });
  return cuts.find(({ band }) => loadsFours({ batch, rows, sums, a }, band)) ?? cuts[0];
}

/** Whether a lane's pixels are neighbours in A from a multiple of four on. */
function loadsFours(
  { batch, rows, sums, a }: Pick<Contraction, 'batch' | 'rows' | 'sums' | 'a'>,
  band: number,
) {
  const apart = [rows > 1 ? a.row : 0, sums[0] > 1 ? a.sums[0] : 0, batch > 1 ? a.batch : 0];
  return fours(band * sums[2], a.offset, ...apart);
}

/** `contraction_pixels.wgsl`: the lanes divide the pixels. Fits weight gradients of few channels. */
export const pixels: Variant<PixelsPlan> = {
  name: 'pixels',
  plan(task, adapter, asked) {
    const lanes = lanesOf(adapter, true);
    const patch = lanes && hasSums(task) && isWhole(task) ? bandOf(task) : undefined;
    if (!lanes || !patch) return undefined;
    const groups = (task.sums[0] * task.sums[1]) / patch.band;
    const slices = Math.ceil(task.rows / SLICE);
    const down = task.columns[0] * slices;
    if (groups < lanes || task.columns[0] > MOST_CHANNELS) return undefined;
    if (Math.max(down, task.batch) > MOST_GROUPS) return undefined;
    const turns = Math.ceil(groups / lanes);
    const enough = Math.max(1, Math.min(ENOUGH_GROUPS / (down * task.batch), turns / LEAST_TURNS));
    const length = Math.ceil(turns / (asked ?? enough));
    return { task, parts: Math.ceil(turns / length), lanes, patch, length: lanes * length, slices };
  },
  launch({ task, lanes, length, slices, parts, patch: { band, height, first } }, [a, b, c]) {
    const { batch, columns, sums } = task;
    const { h, w, offset, d0, i0 } = task.b;
    const image_groups = sums[1] / band;
    return launchOf({
      shader: kernel,
      constants: {
        ...{ LANES: lanes, SLICE, BAND: band, OUT_W: sums[2], WIDTH: w.extent, HEIGHT: height },
        ...{ TAPS_H: columns[1], TAPS_W: columns[2], TAP_H: h.column, TAP_W: w.column },
        ...{ FIRST_H: first, STEP_H: h.sum, FIRST_W: w.start, STEP_W: w.sum },
        A_4: loadsFours(task, band),
        B_4: fours(w.extent, offset, columns[0] > 1 ? d0 : 0, i0, batch > 1 ? task.b.batch : 0),
        PHASES: false,
        GRID: false,
        FUSED: false,
      },
      fusion: { role: 'producer', vectors: false },
      outputs: [c],
      inputs: [a, b],
      uniforms: {
        ...addressesOf(task),
        h_start: h.start - first,
        image_groups,
        groups: sums[0] * image_groups,
        slices,
        part_length: length,
        part_elements: task.sizes[2],
      },
      flops: flopsOf(task),
      workgroups: [parts, columns[0] * slices, batch],
    });
  },
};
