import type { TensorView } from '../contracts.ts';
import {
  type accumulate as accumulateUpdate,
  type assign as assignUpdate,
  type logStep as logStepUpdate,
  startsOf,
  type trainingOps,
} from '../ops/training.ts';
import { sizeOf } from '../shape.ts';
import { copyWhole } from './copy.ts';
import { type LaunchContext, type LoweringOf, shader } from './launch.ts';

const WORKGROUP = 64;
/** Workgroups that WebGPU allows in one dimension. */
const MAX_ROWS = 65_535;

const taking = {
  /** Images of the batch, and pixels of one. */
  size: 'u32',
  pixels: 'u32',
  /** Images in all; number of the first in this tensor, and how many it has. */
  images: 'u32',
  first: 'u32',
  count: 'u32',
  scale: 'f32',
  shift: 'f32',
} as const;
const shaders = {
  batch: shader('training.batch', taking),
  batchFours: shader('training.batch_fours', taking),
  accumulate: shader('training.accumulate', { size: 'u32' }),
  logStep: shader('log_step', {
    rows: 'u32',
    columns: 'u32',
    /** The column of the first metric. */
    first: 'u32',
    /** What the counters move on by. */
    steps: 'u32',
    images: 'u32',
  }),
};

export const batch: LoweringOf<typeof trainingOps.batch> = (
  gpu,
  [order, cursor, ...images],
  { shape, scale, shift },
  output,
) => {
  const [size, pixels] = [shape[0]!, sizeOf(shape.slice(1))];
  const layers = Math.ceil(size / MAX_ROWS);
  const starts = startsOf(images);
  const fours = pixels % 4 === 0;
  for (const [part, bytes] of images.entries()) {
    gpu.launch({
      shader: fours ? shaders.batchFours : shaders.batch,
      constants: { WORKGROUP },
      outputs: [output],
      inputs: [bytes, order, cursor],
      uniforms: {
        size,
        pixels,
        images: order.size,
        first: starts[part]!,
        count: bytes.shape[0]!,
        scale,
        shift,
      },
      workgroups: [Math.ceil(pixels / (fours ? 4 : 1) / WORKGROUP), Math.ceil(size / layers), layers],
    });
  }
};

/** The source, or a copy where it lies in the target's buffer: a launch may not write a buffer that it reads. */
function apart(gpu: LaunchContext, source: TensorView, target: TensorView): TensorView {
  if (source.storage !== target.storage) return source;
  const copy = gpu.scratch(source.dtype, source.size);
  copyWhole(gpu, source, copy);
  return copy;
}

export const assign: LoweringOf<typeof assignUpdate> = (gpu, [target, source]) =>
  copyWhole(gpu, apart(gpu, source, target), target);

export const accumulate: LoweringOf<typeof accumulateUpdate> = (gpu, [target, source]) =>
  gpu.launch({
    shader: shaders.accumulate,
    constants: { WORKGROUP },
    outputs: [target],
    inputs: [apart(gpu, source, target)],
    uniforms: { size: target.size },
    workgroups: Math.ceil(target.size / WORKGROUP),
  });

/** Figures of one launch: with the ring and two counters as many buffers as WebGPU guarantees a kernel, 8. */
const METRICS = 5;

export const logStep: LoweringOf<typeof logStepUpdate> = (
  gpu,
  [ring, steps, cursor, ...metrics],
  { images },
) => {
  const [rows, columns] = ring.shape as [number, number];
  for (let first = 0; first < columns; first += METRICS) {
    const some = metrics.slice(first, first + METRICS);
    const last = first + METRICS >= columns;
    gpu.launch({
      shader: shaders.logStep,
      constants: { METRICS: some.length },
      outputs: [ring, steps, cursor],
      inputs: some,
      // The counters move on when all is noted.
      uniforms: { rows, columns, first, steps: last ? 1 : 0, images: last ? images : 0 },
      workgroups: 1,
    });
  }
};
