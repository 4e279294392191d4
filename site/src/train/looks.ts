import {
  type Autoencoder,
  codeMoments,
  descending,
  heldOutDigits,
  NoPicture,
  normalized,
  Subject,
  type SubjectData,
} from '@tapegrad/vae';
import { gradientNorms, layerNames, viewOf } from './layers.ts';
import type { LayerSubject, LayerWish, Look, Scatter, Tiles } from './protocol.ts';

/** Decoded draws, and points of the scatter. */
const SAMPLES = 30;
const POINTS = 500;

/** What there is to see of a model while it learns: everything is small enough to be made again and again. */
export class Looks {
  readonly #model: Autoencoder;
  readonly #subject: Subject;
  readonly #data: SubjectData;
  readonly #seed: number;
  readonly #points: number[];
  /** The first held-out image alone, for activations. */
  readonly #first;

  constructor(model: Autoencoder, data: SubjectData, seed: number) {
    this.#model = model;
    this.#data = data;
    this.#seed = seed;
    this.#subject = new Subject(model, data, { heldOut: heldOutDigits(data) });
    this.#points = Array.from({ length: Math.min(POINTS, data.test.count) }, (_, i) => i);
    this.#first = normalized(model, this.#subject.testImages([this.#subject.heldOut[0]!]));
  }

  get names(): Readonly<Record<LayerSubject, readonly string[]>> {
    const parameters = [...this.#model.namedParameters().keys()];
    return {
      activations: layerNames(this.#model, this.#first),
      weights: parameters,
      gradients: parameters,
    };
  }

  async look(step: number, wish: LayerWish | undefined): Promise<Look> {
    const scatter = await this.#scatter();
    return {
      step,
      reconstructions: await this.#reconstructions(),
      samples: this.#tiles(await this.#subject.draw(SAMPLES, this.#seed), 10),
      ...(typeof scatter === 'string' ? { noScatter: scatter } : { scatter }),
      norms: await gradientNorms(this.#model),
      layer: wish && (await this.layer(wish)),
    };
  }

  /** Gives the memory of what was captured back. */
  dispose(): void {
    this.#subject.dispose();
  }

  layer(wish: LayerWish) {
    return viewOf(this.#model, this.#first, wish);
  }

  #tiles(pixels: Float32Array, columns: number): Tiles {
    return { pixels: bytesOf(pixels), shape: this.#model.imageShape, columns };
  }

  async #reconstructions(): Promise<Tiles> {
    const { heldOut } = this.#subject;
    const { decoded, corrupted } = await this.#subject.reconstruct(heldOut);
    const rows = [
      this.#subject.testImages(heldOut),
      ...(corrupted ? [bytesOf(corrupted)] : []),
      bytesOf(decoded),
    ];
    const pixels = new Uint8Array(rows.length * rows[0]!.length);
    for (const [i, row] of rows.entries()) pixels.set(row, i * row.length);
    return { pixels, shape: this.#model.imageShape, columns: heldOut.length };
  }

  /** Codes of test images in the two dimensions that differ most among them; or why there is no such picture. */
  async #scatter(): Promise<Scatter | string> {
    if (!this.#subject.isVector)
      return `a code of this model is a map of ${this.#model.latentShape.join('×')} numbers, not a vector`;
    try {
      const codes = await this.#subject.encode(this.#points);
      const { size } = this.#subject;
      const { std } = codeMoments({ means: codes, count: this.#points.length, size });
      const [first = 0, second] = descending(std)
        .slice(0, 2)
        .sort((a, b) => a - b);
      const points = Float32Array.from({ length: 2 * this.#points.length }, (_, k) => {
        const row = (k >> 1) * size;
        return k % 2 === 0 ? codes[row + first]! : second === undefined ? 0 : codes[row + second]!;
      });
      const labels = this.#data.test.labels?.subarray(0, this.#points.length) ?? null;
      return { points, labels, dimensions: [first, second] };
    } catch (error) {
      if (error instanceof NoPicture) return error.message;
      throw error;
    }
  }
}

/** Pixels in [0, 1] as bytes. */
export const bytesOf = (pixels: Float32Array): Uint8Array =>
  Uint8Array.from(pixels, (value) => Math.round(255 * Math.min(1, Math.max(0, value))));
