import {
  add,
  apply,
  type Device,
  type Generator,
  keep,
  less,
  mul,
  ops,
  run,
  type Tensor,
  tensor,
  updates,
  writeTo,
} from '@tapegrad/tensor';
import type { Autoencoder } from './models/model.ts';

/** Images as bytes, [count, c, h, w] row-major. */
export interface Images {
  readonly images: Uint8Array;
  readonly count: number;
}

/** Options of `DeviceDataset`. */
export interface DatasetOptions {
  /**
   * If given: whenever an image is taken, this generator draws each pixel as 0 or 1, with its value as the probability.
   */
  readonly binarize?: Generator;
  readonly device: Device;
  /** The most bytes of images in one tensor. Default: what the device allows. */
  readonly maxBytes?: number;
}

/**
 * Images on the device, the order in which they are taken, and the current place in it. Taking a batch needs nothing
 * from the host, so a step that does so can be captured.
 */
export class DeviceDataset {
  readonly count: number;
  /** uint8 [n, c, h, w], in several tensors where one would exceed the device's largest size. */
  readonly images: readonly Tensor[];
  /** uint32 [N]: the i-th image to be taken is number order[i]. */
  readonly order: Tensor;
  /** uint32 [2]: the next place in the order, a 64-bit count. */
  readonly cursor: Tensor;
  readonly #model: Pick<Autoencoder, 'imageShape' | 'normalization'>;
  readonly #binarize: Generator | undefined;

  /** @param model says what shape the images have, and how their bytes become numbers */
  constructor(
    model: Pick<Autoencoder, 'imageShape' | 'normalization'>,
    { images, count }: Images,
    { device, binarize, maxBytes = device.maxTensorBytes }: DatasetOptions,
  ) {
    const shape = model.imageShape;
    const pixels = shape[0] * shape[1] * shape[2];
    const most = Math.min(count, Math.floor(maxBytes / pixels));
    const parts = Array.from({ length: Math.ceil(count / most) }, (_, i) => {
      const [from, to] = [i * most, Math.min(count, (i + 1) * most)];
      return tensor(images.subarray(from * pixels, to * pixels), { shape: [to - from, ...shape], device });
    });
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    this.#model = model;
    this.#binarize = binarize;
    this.count = count;
    this.images = parts.map(keep);
    this.order = keep(tensor(order, { device }));
    this.cursor = keep(tensor(new Uint32Array(2), { device }));
  }

  /** The next `count` images, normalized: [count, c, h, w]. The cursor stays where it is. */
  batch(count: number): Tensor {
    const { imageShape, normalization } = this.#model;
    const shape = [count, ...imageShape];
    const take = (attributes: { scale: number; shift: number }) =>
      apply(ops.batch, [this.order, this.cursor, ...this.images], { shape, ...attributes });
    if (!this.#binarize) return take(normalization);
    const bits = less(this.#binarize.uniform(shape), take({ scale: 1 / 255, shift: 0 }));
    const { scale, shift } = normalization;
    return scale === 1 / 255 && shift === 0 ? bits : add(mul(bits, 255 * scale), shift);
  }

  /** Moves on by `count` images. */
  advance(count: number): void {
    run(updates.advance, [this.cursor], { index: 0, by: count });
  }

  /** Moves to a place in the order; called from the host. */
  seek(position: number): void {
    writeTo(this.cursor, Uint32Array.of(position, 0));
  }
}
