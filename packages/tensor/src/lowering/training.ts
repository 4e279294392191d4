import * as wgsl from '@tapegrad/shaders';
import { logStep as logStepUpdate, startsOf, trainingOps } from '../ops/training.ts';
import { sizeOf } from '../shape.ts';
import { type LoweringOf, MOST_GROUPS, shader } from './launch.ts';
import { entered, enteredUpdates } from './table.ts';

const WORKGROUP = 64;

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
  batch: shader({ ...wgsl.training, entry: 'batch' }, taking),
  batchFours: shader({ ...wgsl.training, entry: 'batch_fours' }, taking),
  logStep: shader(wgsl.logStep, {
    rows: 'u32',
    columns: 'u32',
    /** The column of the first metric. */
    first: 'u32',
    /** What the counters move on by. */
    steps: 'u32',
    images: 'u32',
  }),
};

const batch: LoweringOf<typeof trainingOps.batch> = (
  gpu,
  [order, cursor, ...images],
  { shape, scale, shift },
  output,
) => {
  const [size, pixels] = [shape[0]!, sizeOf(shape.slice(1))];
  const layers = Math.ceil(size / MOST_GROUPS);
  const starts = startsOf(images);
  const fours = pixels % 4 === 0;
  const ITEMS = fours && gpu.kind !== 'gpu' ? 4 : 1;
  for (const [part, bytes] of images.entries()) {
    gpu.launch({
      shader: fours ? shaders.batchFours : shaders.batch,
      constants: { WORKGROUP, ITEMS },
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
      workgroups: [Math.ceil(pixels / (fours ? 4 : 1) / ITEMS / WORKGROUP), Math.ceil(size / layers), layers],
    });
  }
};

/** Metrics of one launch: with the ring and two counters as many buffers as WebGPU guarantees a kernel, 8. */
const METRICS = 5;

const logStep: LoweringOf<typeof logStepUpdate> = (gpu, [ring, steps, cursor, ...metrics], { images }) => {
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

export const training = entered(trainingOps, { batch });
export const bookkeeping = enteredUpdates({ logStep: logStepUpdate }, { logStep });
