import * as wgsl from '@tapegrad/shaders';
import { shader } from '../launch.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, fours } from './layout.ts';
import { type Contraction, flopsOf, isWhole } from './task.ts';
import { hasSums, lanesOf, type Plan, type Variant } from './variant.ts';

/** Multiply-adds of a turn, which are unrolled, and elements of a plane, at most. */
const MOST_WORK = 800;
const MOST_PLANE = 400;
/** Workgroups that are enough, and images of each at least. */
const ENOUGH_GROUPS = 32;
const LEAST_IMAGES = 4;

const kernel = shader(wgsl.contractionPlanes, {
  ...addressing,
  channels: 'i32',
  /** Into which the images are cut, of so many each; elements of C in each. */
  parts: 'i32',
  part_length: 'i32',
  part_elements: 'i32',
});

interface PlanesPlan extends Plan {
  readonly lanes: number;
  /** Images of a part. */
  readonly length: number;
}

/** Whether a task sums over the pixels of small images, and has channels for most lanes and taps that are stored by fours. */
function fits({ columns, sums, a, b, c, phases, grid }: Contraction, lanes: number): boolean {
  const [channels, TAPS_H, TAPS_W] = columns;
  const [, OUT_H, OUT_W] = sums;
  const [taps, plane] = [TAPS_H * TAPS_W, b.h.extent * b.w.extent];
  const still = !phases && !grid && b.w.stride === 1 && b.h.stride === b.w.extent;
  const dense = a.sums[2] === 1 && a.sums[1] === OUT_W && c.columns[2] === 1 && c.columns[1] === TAPS_W;
  const short = taps * OUT_H * OUT_W <= MOST_WORK && plane <= MOST_PLANE;
  const byFours = fours(taps, c.offset, c.batch, c.row, c.columns[0]);
  const busy = channels >= 0.75 * lanes * Math.ceil(channels / lanes);
  return still && dense && short && byFours && busy;
}

/** `contraction_planes.wgsl`: a lane keeps a channel of an image. Fits weight gradients of small images and windows. */
export const planes: Variant<PlanesPlan> = {
  name: 'planes',
  plan(task, adapter, asked) {
    const lanes = lanesOf(adapter, true);
    if (!lanes || !hasSums(task) || !isWhole(task) || !fits(task, lanes)) return undefined;
    const images = task.sums[0];
    const groups = Math.ceil(task.columns[0] / lanes) * task.batch;
    const enough = Math.max(2, Math.min(ENOUGH_GROUPS / groups, images / LEAST_IMAGES));
    const length = Math.ceil(images / (asked ?? enough));
    const parts = Math.ceil(images / length);
    // The sums go on in memory for the parts: C may be a tensor of halves, or have more done to what is stored.
    return parts > 1 ? { task, lanes, length, parts } : undefined;
  },
  launch({ task, lanes, length, parts }, [a, b, c]) {
    const { columns, sums, batch } = task;
    const { h, w, offset, d0, i0 } = task.b;
    return launchOf({
      shader: kernel,
      constants: {
        ...{ LANES: lanes, OUT_H: sums[1], OUT_W: sums[2], IN_H: h.extent, IN_W: w.extent },
        ...{ TAPS: columns[1] * columns[2], TAPS_W: columns[2], TAP_H: h.column, TAP_W: w.column },
        ...{ FIRST_H: h.start, STEP_H: h.sum, FIRST_W: w.start, STEP_W: w.sum },
        B_4: fours(h.extent * w.extent, offset, d0, i0, batch === 1 ? 0 : task.b.batch),
        PHASES: false,
        GRID: false,
      },
      outputs: [c],
      inputs: [a, b],
      uniforms: {
        ...addressesOf(task),
        channels: columns[0],
        parts,
        part_length: length,
        part_elements: task.sizes[2],
      },
      flops: flopsOf(task),
      workgroups: [Math.ceil(columns[0] / lanes), 1, parts * batch],
    });
  },
};
