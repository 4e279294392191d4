import {
  apply,
  type Device,
  effects,
  type Generator,
  keep,
  type NumericArray,
  ops,
  reshape,
  run,
  stack,
  type Tensor,
  tensor,
  zeros,
} from '@tapegrad/tensor';
import type { ImageShape, Normalization, Objective } from './models/model.ts';

/** Images as bytes, row-major, one after the other. */
export interface Images {
  readonly images: Uint8Array;
  readonly count: number;
}

/** Figures of a step or their averages: `loss` and the objective's parts. */
export type Figures = Readonly<Record<string, number>>;

export interface PassOptions {
  readonly shape: ImageShape;
  readonly normalization: Normalization;
  /** Names of the figures that a step records. */
  readonly names: readonly string[];
  /** Rows of the ring: steps whose figures are kept. */
  readonly rows: number;
  readonly noise: Generator;
  readonly device: Device;
}

/**
 * A set of images on the device and what a pass over it needs there: the order, the place in it, random numbers, and a
 * ring of the steps' figures. Taking a batch and recording a row is all done on the device.
 */
export class Pass {
  readonly count: number;
  readonly images: Tensor;
  /** uint32 [N]: image i of the pass is images[order[i]]. */
  readonly order: Tensor;
  /** uint32 [2]: the next place in the order, a 64-bit count. */
  readonly cursor: Tensor;
  /** uint32 [2]: steps recorded. */
  readonly steps: Tensor;
  readonly ring: Tensor;
  readonly noise: Generator;
  readonly #options: PassOptions;

  constructor({ images, count }: Images, options: PassOptions) {
    const { shape, device } = options;
    const bytes = images.subarray(0, count * shape[0] * shape[1] * shape[2]);
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    this.count = count;
    this.images = keep(tensor(bytes, { shape: [count, ...shape], device }));
    this.order = keep(tensor(order, { device }));
    this.cursor = keep(tensor(new Uint32Array(2), { device }));
    this.steps = keep(tensor(new Uint32Array(2), { device }));
    this.ring = keep(zeros([options.rows, options.names.length], { device }));
    this.noise = options.noise;
    this.#options = options;
  }

  /** The next `count` images, normalized: [count, c, h, w]. `record` moves on. */
  batch(count: number): Tensor {
    return apply(ops.batch, [this.images, this.order, this.cursor], {
      shape: [count, ...this.#options.shape],
      ...this.#options.normalization,
    });
  }

  /** Notes a step's figures in the ring and moves on by `count` images. */
  record({ loss, parts }: Objective, count: number): void {
    const figures = stack([loss, ...Object.values(parts)].map((figure) => reshape(figure.detach(), [])));
    run(effects.record, [this.ring, figures, this.steps], null);
    run(effects.advance, [this.steps], { index: 0, by: 1 });
    run(effects.advance, [this.cursor], { index: 0, by: count });
  }

  /** A row of the ring as it was read back. */
  figures(values: NumericArray, row: number): Figures {
    const { names } = this.#options;
    return Object.fromEntries(names.map((name, k) => [name, values[row * names.length + k]!]));
  }
}

/** Averages of figures, weighted by the images that each stands for. */
export function averageOf(rows: readonly { figures: Figures; images: number }[]): Figures {
  const total = rows.reduce((sum, { images }) => sum + images, 0);
  const names = Object.keys(rows[0]?.figures ?? {});
  return Object.fromEntries(
    names.map((name) => [
      name,
      rows.reduce((sum, { figures, images }) => sum + figures[name]! * images, 0) / total,
    ]),
  );
}

export function writeTo(t: Tensor, values: NumericArray, offset = 0): void {
  t.device.write(t.storage, t.offset + offset, values);
}
