import { Generator, type Tensor, tensor } from '@tapegrad/tensor';
import { inBatches } from '../batches.ts';
import type { Images } from '../device-dataset.ts';
import type { Autoencoder, ImageShape } from '../models/model.ts';
import { randomStreams } from '../random-streams.ts';
import {
  type CodeMoments,
  type Codes,
  codeMoments,
  descending,
  encodeAll,
  type LatentStatistics,
  latentStatistics,
} from '../statistics.ts';
import type { Frame } from './codes.ts';
import { BATCH, ModelFunctions, ROWS } from './model-functions.ts';
import { NoPicture } from './picture.ts';

/** How many training images the pictures of the latent space show. */
export const SHOWN = 5000;
/** Images and their classes, if they have any. */
export interface LabelledImages extends Images {
  readonly labels: Uint8Array | null;
}

/** The data that pictures of a model show. */
export interface SubjectData {
  readonly shape: ImageShape;
  readonly train: LabelledImages;
  readonly test: LabelledImages;
}

/** An autoencoder that corrupts the images it sees. */
type Corrupting = Autoencoder & { corrupt?(x: Tensor, noise: Generator): Tensor };

/** The codes of the images whose codes are finite. */
export interface ShownCodes extends Codes {
  /** Indices of those training images. */
  readonly images: Uint32Array;
}

/** Statistics of the training images' codes: enough for pictures that need no images. */
export interface CodeSummary extends CodeMoments {
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
 * A model, and the images to look at it with. What several pictures need is computed once. Without images, only the
 * pictures that need none can be made.
 */
export class Subject {
  readonly model: Autoencoder;
  readonly #functions: ModelFunctions;
  readonly #data: SubjectData | undefined;
  /** Images of the test set that every picture of a run shows, by index. */
  readonly heldOut: readonly number[];
  /** Numbers per code. */
  readonly size: number;
  /** Whether a code is a vector, whose dimensions can be looked at one by one, rather than a map. */
  readonly isVector: boolean;
  #codes?: Promise<ShownCodes>;
  readonly #summary: CodeSummary | undefined;

  constructor(
    model: Autoencoder,
    data: SubjectData | undefined,
    { heldOut = [], summary }: SubjectOptions = {},
  ) {
    this.model = model;
    this.#functions = new ModelFunctions(model);
    this.#data = data;
    this.#summary = summary;
    this.heldOut = heldOut;
    this.size = model.latentSize;
    this.isVector = model.isVector;
  }

  /**
   * Compiles the kernels for the pictures of every run, in parallel, long before they are drawn.
   * @throws TensorTooLargeError where smaller batches will be taken
   */
  prepare(): Promise<void> {
    return this.#functions.prepare();
  }

  /** Frees the memory of what was captured. It is captured again when it is needed. */
  dispose(): void {
    this.#functions.dispose();
  }

  /** @throws NoPicture where there are none */
  get data(): SubjectData {
    if (!this.#data) throw new NoPicture('it needs images, and there are none');
    return this.#data;
  }

  /** Whether anything is known about the codes of images. */
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
    return this.#functions.map('encode', this.#normalized(indices));
  }

  /** The codes of images of the test set, with their deviations if the encoder is stochastic. */
  async encodeFully(indices: readonly number[]): Promise<Codes> {
    // Padded as other batches are.
    const count = indices.length <= ROWS ? ROWS : indices.length;
    const images = new Uint8Array(count * this.model.pixelCount);
    images.set(this.testImages(indices));
    const { size, means, logSigmas, errors } = await encodeAll(
      this.model,
      { images, count },
      this.model.device,
    );
    const first = (values: Float32Array, width: number) => values.subarray(0, indices.length * width);
    return {
      count: indices.length,
      size,
      means: first(means, size),
      errors: first(errors, 1),
      ...(logSigmas && { logSigmas: first(logSigmas, size) }),
    };
  }

  /** Decodes codes [n, size] to pixels in [0, 1]. */
  async decode(codes: Float32Array): Promise<Float32Array> {
    return this.#functions.map('decode', codes);
  }

  /** Whether the encoder gives a distribution of codes, so that codes have a prior. */
  get isStochastic(): boolean {
    return this.#functions.isStochastic;
  }

  /** Decodes draws from the prior to pixels. */
  async draw(count: number, seed: number): Promise<Float32Array> {
    const noise = new Generator(seed, { stream: randomStreams.pictures, device: this.model.device });
    const codes = new Float32Array(count * this.size);
    await inBatches(count, BATCH, async (start, rows) => {
      codes.set(await this.#functions.read(() => this.model.samplePrior(rows, noise)), start * this.size);
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
      const noise = new Generator(0, { stream: randomStreams.pictures, device: this.model.device });
      await inBatches(indices.length, BATCH, async (start, rows) => {
        const [first, end] = [start * pixelCount, (start + rows) * pixelCount];
        const shape = [rows, ...imageShape];
        const x = () => tensor(images.subarray(first, end), { shape, device: this.model.device });
        corrupted.set(await this.#functions.read(() => model.corrupt!(x(), noise)), first);
      });
    }
    const decoded = await this.#functions.map('forward', corrupted ?? images);
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
    const codes = finiteOf(await encodeAll(this.model, shown, this.model.device));
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
  async moments(): Promise<CodeMoments> {
    return this.#summary ?? codeMoments(await this.codes());
  }

  /**
   * Latent dimensions, the most informative first: by KL, or by the variance of the codes if there is no KL; in their own
   * order if no codes are known.
   */
  async dimensions(): Promise<number[]> {
    this.#assertVector();
    if (!this.hasCodes) return Array.from({ length: this.size }, (_, d) => d);
    const statistics = await this.statistics();
    return descending(statistics?.kl ?? (await this.moments()).std);
  }

  /** The prior's frame, or the codes' own if there is no prior. */
  async frame(): Promise<Frame> {
    if (this.isStochastic) return origin(this.size);
    const { mean, std } = await this.moments();
    return { center: mean, scale: std };
  }

  /** Images of the test set as the model sees them. */
  #normalized(indices: readonly number[]): Float32Array {
    return numbersOf(this.model, this.testImages(indices));
  }
}

/**
 * Indices into the test set of the images that every run shows: the first of each class, in order of class, at most
 * ten; or the first ten images if there are no labels.
 */
export function heldOutDigits({ test }: Pick<SubjectData, 'test'>): number[] {
  const { labels, count } = test;
  if (!labels) return Array.from({ length: Math.min(10, count) }, (_, i) => i);
  const classes = [...new Set(labels)].sort((a, b) => a - b);
  return classes.slice(0, 10).map((label) => labels.indexOf(label));
}

/** Bytes as a model sees them: [n, c, h, w]. */
export function normalized(model: Autoencoder, bytes: Uint8Array): Tensor {
  const shape = [bytes.length / model.pixelCount, ...model.imageShape];
  return tensor(numbersOf(model, bytes), { shape, device: model.device });
}

const numbersOf = ({ normalization: { scale, shift } }: Autoencoder, bytes: Uint8Array) =>
  Float32Array.from(bytes, (byte) => byte * scale + shift);

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
