import {
  type CapturedFunction,
  capture,
  empty,
  type NumericArray,
  reshape,
  scope,
  sizeOf,
  type Tensor,
  TensorTooLargeError,
  tensor,
} from '@tapegrad/tensor';
import { inBatches } from '../batches.ts';
import { type Autoencoder, evaluating } from '../models/model.ts';

/**
 * Rows of a batch. Batches are padded to one of these sizes, so that there are few programs and few kernels; sizes are smaller
 * where a tensor would be larger than the device takes.
 */
export const BATCH = 256;
export const ROWS = 64;

/** The functions of a model that pictures show, row by row: their input, and how many numbers they return. */
const functions = {
  /** The code of an image: the mean, where it has one. */
  encode: { of: (model, x) => model.encode(x).mean, shape: 'imageShape', size: 'latentSize' },
  /** A code's image: pixels in [0, 1]. */
  decode: { of: (model, z) => model.pixels(model.decode(z)), shape: 'latentShape', size: 'pixelCount' },
  /** An image's reconstruction: pixels in [0, 1]. */
  forward: { of: (model, x) => model.pixels(model.forward(x)), shape: 'imageShape', size: 'pixelCount' },
} as const satisfies Record<
  string,
  {
    of: (model: Autoencoder, x: Tensor) => Tensor;
    shape: 'imageShape' | 'latentShape';
    size: 'latentSize' | 'pixelCount';
  }
>;
type FunctionName = keyof typeof functions;

/** A model's functions on any number of rows. Each is captured once, for all pictures. */
export class ModelFunctions {
  readonly #model: Autoencoder;
  readonly #captured = new Map<FunctionName, CapturedFunction<[x: Tensor], Tensor>>();
  #isStochastic?: boolean;

  constructor(model: Autoencoder) {
    this.#model = model;
  }

  /**
   * Compiles the kernels of what every run shows, in parallel.
   * @throws TensorTooLargeError where smaller batches will be taken
   */
  async prepare(): Promise<void> {
    const ofVectors = [
      ['decode', BATCH],
      ['decode', ROWS],
      ['encode', ROWS],
    ] as const;
    const needs = [['forward', ROWS] as const, ...(this.#model.isVector ? ofVectors : [])];
    await Promise.all(
      needs.map(async ([name, rows]) => {
        const x = empty([rows, ...this.#model[functions[name].shape]], { device: this.#model.device });
        try {
          await this.#capturedOf(name).prepare(x);
        } finally {
          x.dispose();
        }
      }),
    );
  }

  /** Frees the memory of what was captured. It is captured again when it is needed. */
  dispose(): void {
    for (const captured of this.#captured.values()) captured.dispose();
    this.#captured.clear();
  }

  /** Most of these kernels are also those of an evaluation. */
  #capturedOf(name: FunctionName): CapturedFunction<[x: Tensor], Tensor> {
    let captured = this.#captured.get(name);
    if (!captured) {
      const model = this.#model;
      captured = capture(
        (x: Tensor) => evaluating(model, () => reshape(functions[name].of(model, x), [x.shape[0]!, -1])),
        { device: model.device },
      );
      this.#captured.set(name, captured);
    }
    return captured;
  }

  /** The results of a function for rows of values, one after the other. */
  async map(name: FunctionName, values: Float32Array): Promise<Float32Array> {
    const { device, [functions[name].shape]: shape, [functions[name].size]: size } = this.#model;
    const width = sizeOf(shape);
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
        fills = false; // no more than needed, on a device this small
        await part(start, rows, rows);
      }
    });
    return result;
  }

  /** The values of a tensor that is computed from the model, once. */
  async read(make: () => Tensor): Promise<Float32Array> {
    const output = evaluating(this.#model, () => scope(() => reshape(make(), [-1])));
    const values: NumericArray = await output.data();
    output.dispose();
    return Float32Array.from(values);
  }

  /** Whether the encoder gives a distribution of codes. */
  get isStochastic(): boolean {
    this.#isStochastic ??= this.#hasDeviation(ROWS);
    return this.#isStochastic;
  }

  /** Encodes a batch of the size that `map` uses, with any content, to see whether codes have a deviation. */
  #hasDeviation(rows: number): boolean {
    const { device, imageShape } = this.#model;
    const encode = capture((x: Tensor) => evaluating(this.#model, () => this.#model.encode(x)), { device });
    const x = empty([rows, ...imageShape], { device });
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
}
