import {
  accumulate,
  add,
  apply,
  cast,
  type Device,
  effects,
  type Generator,
  keep,
  less,
  mul,
  type NumericArray,
  ops,
  reshape,
  run,
  slice,
  type Tensor,
  tensor,
  zeros,
} from '@tapegrad/tensor';
import type { Autoencoder, Objective } from './models/model.ts';

/** Images as bytes, row-major, one after the other. */
export interface Images {
  readonly images: Uint8Array;
  readonly count: number;
}

/** Figures of a step or their averages: `loss` and the objective's parts. */
export type Figures = Readonly<Record<string, number>>;

export interface PassOptions {
  /** Rows of the ring: steps whose figures are kept. */
  readonly rows: number;
  readonly noise: Generator;
  /** Draws each pixel as 0 or 1, with its value as the probability, whenever it is taken. */
  readonly binarize?: boolean;
  readonly device: Device;
  /** The most bytes of images in one tensor, if not what the device allows. */
  readonly maxBytes?: number;
}

/**
 * A set of images on the device and what a model's pass over it needs there: the order, the place in it, random numbers,
 * a ring of the steps' figures, and counts. Taking a batch and recording a row is all done on the device.
 */
export class Pass {
  readonly count: number;
  /** uint8, in as many tensors as the device needs for them. */
  readonly images: readonly Tensor[];
  /** uint32 [N]: image i of the pass is number order[i]. */
  readonly order: Tensor;
  /** uint32 [2]: the next place in the order, a 64-bit count. */
  readonly cursor: Tensor;
  /** uint32 [2]: steps recorded. */
  readonly steps: Tensor;
  readonly ring: Tensor;
  /** Of the pass, as `Autoencoder.tallies` names them. */
  readonly counts: ReadonlyMap<string, Tensor>;
  readonly noise: Generator;
  readonly #model: Autoencoder;
  /** Names of the figures that a step records. */
  readonly #names: readonly string[];
  readonly #binarize: boolean;

  constructor(model: Autoencoder, { images, count }: Images, options: PassOptions) {
    const { device } = options;
    const shape = model.imageShape;
    this.#model = model;
    this.#names = ['loss', ...model.figures];
    this.#binarize = options.binarize ?? false;
    const pixels = shape[0] * shape[1] * shape[2];
    const most = Math.min(count, Math.floor((options.maxBytes ?? device.maxTensorBytes) / pixels));
    const parts = Array.from({ length: Math.ceil(count / most) }, (_, i) => {
      const [from, to] = [i * most, Math.min(count, (i + 1) * most)];
      return tensor(images.subarray(from * pixels, to * pixels), { shape: [to - from, ...shape], device });
    });
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    this.count = count;
    this.images = parts.map(keep);
    this.order = keep(tensor(order, { device }));
    this.cursor = keep(tensor(new Uint32Array(2), { device }));
    this.steps = keep(tensor(new Uint32Array(2), { device }));
    this.ring = keep(zeros([options.rows, this.#names.length], { device }));
    this.counts = new Map(
      Object.entries(model.tallies).map(([name, length]) => [name, keep(zeros([length], { device }))]),
    );
    this.noise = options.noise;
  }

  /** Steps recorded, as a number on the device: float32 []. */
  stepCount(): Tensor {
    return reshape(cast(slice(this.steps, [0, 1]), 'float32'), []);
  }

  /** The next `count` images, normalized: [count, c, h, w]. `record` moves on. */
  batch(count: number): Tensor {
    const { imageShape, normalization } = this.#model;
    const shape = [count, ...imageShape];
    const take = (attributes: { scale: number; shift: number }) =>
      apply(ops.batch, [this.order, this.cursor, ...this.images], { shape, ...attributes });
    if (!this.#binarize) return take(normalization);
    const bits = less(this.noise.uniform(shape), take({ scale: 1 / 255, shift: 0 }));
    const { scale, shift } = normalization;
    return scale === 1 / 255 && shift === 0 ? bits : add(mul(bits, 255 * scale), shift);
  }

  /** Notes a step's figures in the ring and moves on by `count` images. */
  record({ loss, parts, tallies = {} }: Objective, count: number): void {
    const reported = this.#model.figures.map((name) => parts[name]!);
    for (const [name, tally] of Object.entries(tallies)) accumulate(this.counts.get(name)!, tally.detach());
    const figures = [loss, ...reported].map((figure) => figure.detach());
    run(effects.record, [this.ring, this.steps, this.cursor, ...figures], { images: count });
  }

  /** Moves on by `count` images. */
  advance(count: number): void {
    run(effects.advance, [this.cursor], { index: 0, by: count });
  }

  /** A row of the ring as it was read back. */
  figures(values: NumericArray, row: number): Figures {
    const names = this.#names;
    return Object.fromEntries(names.map((name, k) => [name, values[row * names.length + k]!]));
  }
}

/** The epoch's figures that come from counts, which begin anew. */
export async function takeCounts(pass: Pass, model: Autoencoder): Promise<Figures> {
  const counts: Record<string, NumericArray> = {};
  for (const [name, t] of pass.counts) {
    counts[name] = await t.data();
    writeTo(t, new Float32Array(t.size));
  }
  return model.tallied(counts);
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
