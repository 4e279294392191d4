import {
  type CapturedFunction,
  capture,
  empty,
  Generator,
  type NumericArray,
  reshape,
  scope,
  type Tensor,
  TensorTooLargeError,
  tensor,
} from '@tapegrad/tensor';
import { inBatches } from '../batches.ts';
import type { Images } from '../device-dataset.ts';
import { type Autoencoder, evaluating, type ImageShape } from '../models/model.ts';
import { randomStreams } from '../random-streams.ts';
import { type Codes, encodeAll, type LatentStatistics, latentStatistics } from '../statistics.ts';
import type { Frame } from './codes.ts';
import { NoPicture } from './picture.ts';

/** How many training images the pictures of the latent space show. */
export const SHOWN = 5000;
/**
 * Rows of a batch, filled up to the one or the other, so that there are few programs and few kernels; fewer where a tensor
 * would be larger than the device takes.
 */
const BATCH = 256;
const ROWS = 64;

/** What pictures show of a model, row by row. */
const functions = {
  /** The code of an image: the mean, where it has one. */
  encode: (model: Autoencoder, x: Tensor) => model.encode(x).mean,
  /** Pixels in [0, 1] of a code. */
  decode: (model: Autoencoder, z: Tensor) => model.pixels(model.decode(z)),
  /** Pixels in [0, 1] of an image's reconstruction. */
  forward: (model: Autoencoder, x: Tensor) => model.pixels(model.forward(x)),
} as const;
type FunctionName = keyof typeof functions;

/** Images and their classes, if they have any. */
export interface LabelledImages extends Images {
  readonly labels: Uint8Array | null;
}

/** The data that a model is shown with. */
export interface SubjectData {
  readonly shape: ImageShape;
  readonly train: LabelledImages;
  readonly test: LabelledImages;
}

/** An autoencoder that corrupts what it sees of an image. */
type Corrupting = Autoencoder & { corrupt?(x: Tensor, noise: Generator): Tensor };

/** The codes of the images whose codes are finite. */
export interface ShownCodes extends Codes {
  /** Indices of those training images. */
  readonly images: Uint32Array;
}

/** What is kept of the codes of the training images: enough to draw what needs no image itself. */
export interface CodeSummary {
  /** Mean and standard deviation of each dimension's codes. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Where the encoder is stochastic. */
  readonly statistics?: LatentStatistics;
}

/** What the pictures of a run show. */
export interface SubjectOptions {
  /** Images of the test set that every picture of a run shows, by index. */
  readonly heldOut?: readonly number[];
  /** As `Subject.summary` gave it, of the same weights. */
  readonly summary?: CodeSummary;
}

/**
 * A model and the images with which it is looked at. What several pictures need is computed once. Without images there
 * are those pictures that need none.
 */
export class Subject {
  readonly model: Autoencoder;
  readonly #data: SubjectData | undefined;
  /** Images of the test set that every picture of a run shows, by index. */
  readonly heldOut: readonly number[];
  /** Numbers per code. */
  readonly size: number;
  /** Whether a code is a vector, whose dimensions can be looked at one by one, rather than a map. */
  readonly isVector: boolean;
  #codes?: Promise<ShownCodes>;
  #isStochastic?: boolean;
  readonly #captured = new Map<FunctionName, CapturedFunction<[x: Tensor], Tensor>>();
  readonly #summary: CodeSummary | undefined;

  constructor(
    model: Autoencoder,
    data: SubjectData | undefined,
    { heldOut = [], summary }: SubjectOptions = {},
  ) {
    this.model = model;
    this.#data = data;
    this.#summary = summary;
    this.heldOut = heldOut;
    this.size = model.latentShape.reduce((product, extent) => product * extent, 1);
    this.isVector = model.latentShape.length === 1;
  }

  /**
   * Compiles the kernels of what every run shows, in parallel, long before it is shown.
   * @throws TensorTooLargeError where smaller batches will be taken
   */
  async prepare(): Promise<void> {
    const { imageShape, latentShape } = this.model;
    const needs: readonly (readonly [FunctionName, rows: number, shape: readonly number[]])[] = [
      ['forward', ROWS, imageShape],
      ...(this.isVector
        ? ([
            ['decode', BATCH, latentShape],
            ['decode', ROWS, latentShape],
            ['encode', ROWS, imageShape],
          ] as const)
        : []),
    ];
    await Promise.all(
      needs.map(async ([name, rows, shape]) => {
        const x = empty([rows, ...shape], { device: this.#device });
        try {
          await this.#capturedOf(name).prepare(x);
        } finally {
          x.dispose();
        }
      }),
    );
  }

  /** Gives the memory of what was captured back. It is captured anew if it is asked for again. */
  dispose(): void {
    for (const captured of this.#captured.values()) captured.dispose();
    this.#captured.clear();
  }

  /** @throws NoPicture where there are none */
  get data(): SubjectData {
    if (!this.#data) throw new NoPicture('it takes images, and there are none');
    return this.#data;
  }

  /** Whether anything is known of the codes of images. */
  get hasCodes(): boolean {
    return this.#data !== undefined || this.#summary !== undefined;
  }

  /** Bytes of images of the test set, one after the other. */
  testImages(indices: readonly number[]): Uint8Array {
    const { images, count } = this.data.test;
    const size = this.model.pixelCount;
    const bytes = new Uint8Array(indices.length * size);
    indices.forEach((index, k) => {
      if (!(index >= 0 && index < count))
        throw new NoPicture(`there is no test image ${index}: there are ${count}`);
      bytes.set(images.subarray(index * size, (index + 1) * size), k * size);
    });
    return bytes;
  }

  /** What images of the test set are called: their class if they have one, otherwise their place in `indices`. */
  names(indices: readonly number[]): string[] {
    const { labels } = this.data.test;
    return indices.map((index, k) => `${labels?.[index] ?? k}`);
  }

  /** The codes of images of the test set, [indices.length, size]: the means, where a code has one. */
  async encode(indices: readonly number[]): Promise<Float32Array> {
    return this.#map('encode', this.#normalized(indices), this.model.imageShape, this.size);
  }

  /** The codes of images of the test set, with their deviations if the encoder is stochastic. */
  async encodeFully(indices: readonly number[]): Promise<Codes> {
    // Filled up as other batches are.
    const count = indices.length <= ROWS ? ROWS : indices.length;
    const images = new Uint8Array(count * this.model.pixelCount);
    images.set(this.testImages(indices));
    const { size, means, logSigmas, errors } = await encodeAll(this.model, { images, count }, this.#device);
    const first = (values: Float32Array, width: number) => values.subarray(0, indices.length * width);
    return {
      count: indices.length,
      size,
      means: first(means, size),
      errors: first(errors, 1),
      ...(logSigmas && { logSigmas: first(logSigmas, size) }),
    };
  }

  /** Pixels in [0, 1] of codes [n, size]. */
  async decode(codes: Float32Array): Promise<Float32Array> {
    return this.#map('decode', codes, this.model.latentShape, this.model.pixelCount);
  }

  /** Whether the encoder gives a distribution of codes, so that codes have a prior. */
  get isStochastic(): boolean {
    this.#isStochastic ??= this.#hasDeviation(ROWS);
    return this.#isStochastic;
  }

  /** Encodes so many images of no concern, as `#map` does, to see what comes. */
  #hasDeviation(rows: number): boolean {
    const encode = capture((x: Tensor) => evaluating(this.model, () => this.model.encode(x)), {
      device: this.#device,
    });
    const x = empty([rows, ...this.model.imageShape], { device: this.#device });
    try {
      const { mean, logSigma } = encode(x);
      mean.dispose();
      logSigma?.dispose();
      return logSigma !== undefined;
    } catch (error) {
      if (rows === 1 || !(error instanceof TensorTooLargeError)) throw error;
      return this.#hasDeviation(1);
    } finally {
      x.dispose();
      encode.dispose();
    }
  }

  /** Pixels of draws from the prior. */
  async draw(count: number, seed: number): Promise<Float32Array> {
    const noise = new Generator(seed, { stream: randomStreams.pictures, device: this.#device });
    const codes = new Float32Array(count * this.size);
    await inBatches(count, BATCH, async (start, rows) => {
      codes.set(await this.#read(() => this.model.samplePrior(rows, noise)), start * this.size);
    });
    return this.decode(codes);
  }

  /** Reconstructions of test images, and what the model was shown if it corrupts them. */
  async reconstruct(
    indices: readonly number[],
  ): Promise<{ decoded: Float32Array; corrupted?: Float32Array }> {
    const model: Corrupting = this.model;
    const { scale, shift } = model.normalization;
    const { imageShape, pixelCount } = model;
    const images = this.#normalized(indices);
    const corrupted = model.corrupt && new Float32Array(images.length);
    if (corrupted) {
      const noise = new Generator(0, { stream: randomStreams.pictures, device: this.#device });
      await inBatches(indices.length, BATCH, async (start, rows) => {
        const [first, end] = [start * pixelCount, (start + rows) * pixelCount];
        const shape = [rows, ...imageShape];
        const x = () => tensor(images.subarray(first, end), { shape, device: this.#device });
        corrupted.set(await this.#read(() => model.corrupt!(x(), noise)), first);
      });
    }
    const decoded = await this.#map('forward', corrupted ?? images, imageShape, pixelCount);
    return {
      decoded,
      ...(corrupted && { corrupted: corrupted.map((value) => (value - shift) / (255 * scale)) }),
    };
  }

  /** The codes of the first training images. */
  codes(): Promise<ShownCodes> {
    this.#codes ??= this.#encodeShown();
    return this.#codes;
  }

  #assertVector(): void {
    if (!this.isVector) throw new NoPicture(`a code is ${this.model.latentShape.join('x')}, not a vector`);
  }

  async #encodeShown(): Promise<ShownCodes> {
    this.#assertVector();
    const { images, count } = this.data.train;
    const shown = { images, count: Math.min(SHOWN, count) };
    const codes = finiteOf(await encodeAll(this.model, shown, this.#device));
    if (codes.count === 0) throw new NoPicture('the codes are not finite: the training has failed');
    return codes;
  }

  /** Statistics of those codes; undefined if the encoder is not stochastic. */
  async statistics(): Promise<LatentStatistics | undefined> {
    return this.#summary ? this.#summary.statistics : latentStatistics(await this.codes());
  }

  /** What `SubjectOptions` takes. */
  async summary(): Promise<CodeSummary> {
    return { ...(await this.moments()), statistics: await this.statistics() };
  }

  /** Mean and standard deviation of each dimension's codes. */
  async moments(): Promise<Pick<CodeSummary, 'mean' | 'std'>> {
    if (this.#summary) return this.#summary;
    const { means, count, size } = await this.codes();
    const mean = new Array<number>(size).fill(0);
    const square = new Array<number>(size).fill(0);
    for (let i = 0; i < means.length; i++) mean[i % size]! += means[i]! / count;
    for (let i = 0; i < means.length; i++) square[i % size]! += (means[i]! - mean[i % size]!) ** 2 / count;
    return { mean, std: square.map(Math.sqrt) };
  }

  /**
   * Latent dimensions, the most informative first: by KL, or by the variance of the codes if there is no KL; in their own
   * order if no codes are known.
   */
  async dimensions(): Promise<number[]> {
    this.#assertVector();
    if (!this.hasCodes) return Array.from({ length: this.size }, (_, d) => d);
    const statistics = await this.statistics();
    const weight: readonly number[] = statistics?.kl ?? (await this.moments()).std;
    return [...weight.keys()].sort((a, b) => weight[b]! - weight[a]!);
  }

  /** The prior's frame, or the codes' own if there is no prior. */
  async frame(): Promise<Frame> {
    if (this.isStochastic) return origin(this.size);
    const { mean, std } = await this.moments();
    return { center: mean, scale: std };
  }

  get #device() {
    return this.model.parameters()[0]!.device;
  }

  /** Images of the test set as the model sees them. */
  #normalized(indices: readonly number[]): Float32Array {
    const { scale, shift } = this.model.normalization;
    return Float32Array.from(this.testImages(indices), (byte) => byte * scale + shift);
  }

  /** Captured once for all pictures: its kernels are compiled together, and most of them are those of an evaluation. */
  #capturedOf(name: FunctionName): CapturedFunction<[x: Tensor], Tensor> {
    let captured = this.#captured.get(name);
    if (!captured) {
      const fn = functions[name];
      captured = capture(
        (x: Tensor) => evaluating(this.model, () => reshape(fn(this.model, x), [x.shape[0]!, -1])),
        { device: this.#device },
      );
      this.#captured.set(name, captured);
    }
    return captured;
  }

  /** A function of rows of `shape`, of which it makes `size` numbers each. */
  async #map(
    name: FunctionName,
    values: Float32Array,
    shape: readonly number[],
    size: number,
  ): Promise<Float32Array> {
    const device = this.#device;
    const width = shape.reduce((product, extent) => product * extent, 1);
    const count = values.length / width;
    const result = new Float32Array(count * size);
    const run = this.#capturedOf(name);
    const part = async (start: number, rows: number, padded: number) => {
      const filled = new Float32Array(padded * width);
      filled.set(values.subarray(start * width, (start + rows) * width));
      const x = tensor(filled, { shape: [padded, ...shape], device });
      try {
        await run.prepare(x);
        const output = run(x);
        result.set((await output.data()).subarray(0, rows * size), start * size);
        output.dispose();
      } finally {
        x.dispose();
      }
    };
    let fills = true;
    await inBatches(count, BATCH, async (start, rows) => {
      const padded = rows <= ROWS ? ROWS : BATCH;
      try {
        await part(start, rows, fills ? padded : rows);
      } catch (error) {
        if (!fills || padded === rows || !(error instanceof TensorTooLargeError)) throw error;
        fills = false; // no more than is needed, on a device that is so small
        await part(start, rows, rows);
      }
    });
    return result;
  }

  async #read(make: () => Tensor): Promise<Float32Array> {
    const output = evaluating(this.model, () => scope(() => reshape(make(), [-1])));
    const values: NumericArray = await output.data();
    output.dispose();
    return Float32Array.from(values);
  }
}

/** Bytes as a model sees them: [n, c, h, w]. */
export function normalized(model: Autoencoder, bytes: Uint8Array): Tensor {
  const { scale, shift } = model.normalization;
  const values = Float32Array.from(bytes, (byte) => byte * scale + shift);
  const shape = [bytes.length / model.pixelCount, ...model.imageShape];
  return tensor(values, { shape, device: model.parameters()[0]!.device });
}

/** The frame of N(0, 1). */
export const origin = (size: number): Frame => ({
  center: new Float64Array(size),
  scale: new Float64Array(size).fill(1),
});

/** Leaves out images whose codes are not finite. */
function finiteOf({ count, size, means, logSigmas, errors }: Codes): ShownCodes {
  const allFinite = (values: Float32Array, row: number) =>
    values.subarray(row * size, (row + 1) * size).every(Number.isFinite);
  const images = Uint32Array.from({ length: count }, (_, i) => i).filter(
    (row) => allFinite(means, row) && (!logSigmas || allFinite(logSigmas, row)),
  );
  const kept = (values: Float32Array, width: number) =>
    images.length === count
      ? values
      : Float32Array.from({ length: images.length * width }, (_, i) => {
          return values[images[Math.floor(i / width)]! * width + (i % width)]!;
        });
  return {
    count: images.length,
    size,
    images,
    means: kept(means, size),
    errors: kept(errors, 1),
    ...(logSigmas && { logSigmas: kept(logSigmas, size) }),
  };
}
