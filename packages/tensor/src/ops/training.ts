import type { InPlaceUpdate, Op, TensorView } from '../contracts.ts';
import { type Shape, show, sizeOf } from '../shape.ts';
import { advance } from './random.ts';

export interface BatchAttributes {
  /** [images in the batch, ...extents of one image]. */
  readonly shape: Shape;
  /** A byte b becomes b·scale + shift. */
  readonly scale: number;
  readonly shift: number;
}

type BatchInputs = readonly [order: TensorView, cursor: TensorView, ...images: TensorView[]];

/**
 * Takes the next images of a dataset that stays on the device: (order uint32 [N], cursor uint32[2], images uint8
 * [n, …] …) → float32, image i being number order[cursor + i] of all the images, which may lie in several tensors, N in
 * all: an adapter binds only so many bytes at once. The cursor is on the device too, so that a captured step needs nothing
 * from the host; `advance` moves it.
 */
const batch: Op<BatchAttributes, BatchInputs> = {
  name: 'batch',
  infer([order, cursor, ...images], { shape }) {
    if (
      images.some(({ dtype }) => dtype !== 'uint8') ||
      order.dtype !== 'uint32' ||
      cursor.dtype !== 'uint32'
    ) {
      throw new Error('batch: expects uint32 order, uint32 cursor and uint8 images');
    }
    const wrong = images.find((t) => sizeOf(shape.slice(1)) !== sizeOf(t.shape.slice(1)));
    if (order.size === 0 || images.length === 0 || wrong) {
      throw new Error(
        `batch: images of ${show((wrong ?? order).shape)} do not make a batch of ${show(shape)}`,
      );
    }
    return { shape, dtype: 'float32' };
  },
  reference([order, cursor, ...images], { shape, scale, shift }, output) {
    const pixels = sizeOf(shape.slice(1));
    const starts = startsOf(images);
    for (let i = 0; i < output.data.length; i++) {
      const at = (cursor.data[0]! + Math.floor(i / pixels)) % order.data.length;
      const image = order.data[at]!;
      const part = starts.findLastIndex((start) => image >= start);
      output.data[i] = images[part]!.data[(image - starts[part]!) * pixels + (i % pixels)]! * scale + shift;
    }
  },
};

/** The number of the first image in each tensor. */
export function startsOf(images: readonly { readonly shape: Shape }[]): number[] {
  let next = 0;
  return images.map(({ shape }) => {
    const start = next;
    next += shape[0]!;
    return start;
  });
}

export const trainingOps = { batch };

export interface LogStepAttributes {
  /** What the cursor moves on by. */
  readonly images: number;
}

type LogStepTensors = readonly [
  ring: TensorView,
  steps: TensorView,
  cursor: TensorView,
  ...metrics: TensorView[],
];

/**
 * A step's bookkeeping: (ring float32 [rows, n], steps uint32 [2], cursor uint32 [2], n metrics of one float32 each). The
 * metrics go to row `steps` modulo `rows`; then `steps` moves on by one and `cursor` by `images`, both 64-bit counts.
 */
export const logStep: InPlaceUpdate<LogStepAttributes, LogStepTensors> = {
  name: 'logStep',
  writes: [0, 1, 2],
  check([ring, steps, cursor, ...metrics]) {
    if (ring.rank !== 2 || ring.shape[1] !== metrics.length || metrics.some(({ size }) => size !== 1)) {
      const shapes = metrics.map(({ shape }) => show(shape)).join(', ');
      throw new Error(`logStep: a ring of ${show(ring.shape)} does not take metrics of ${shapes}`);
    }
    if (
      [ring, ...metrics].some(({ dtype }) => dtype !== 'float32') ||
      [steps, cursor].some(({ dtype, size }) => dtype !== 'uint32' || size !== 2)
    ) {
      throw new Error('logStep: expects a float32 ring and metrics, and counters of two uint32');
    }
  },
  reference([ring, steps, cursor, ...metrics], { images }) {
    const [rows, columns] = ring.shape as [number, number];
    const start = (steps.data[0]! % rows) * columns;
    for (const [i, metric] of metrics.entries()) ring.data[start + i] = metric.data[0]!;
    advance.reference([steps], { index: 0, by: 1 });
    advance.reference([cursor], { index: 0, by: images });
  },
};
