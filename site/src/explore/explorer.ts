import { type Device, Generator } from '@tapegrad/tensor';
import {
  type Autoencoder,
  codeMoments,
  descending,
  encodeAll,
  heldOutDigits,
  LiveModel,
  latentStatistics,
  type ModelOptions,
  models,
  type SubjectData,
  settingsOf,
} from '@tapegrad/vae';
import type { ImageSet } from '../data/images.ts';
import { bytesOf } from '../train/looks.ts';
import type { RunFiles } from '../train/protocol.ts';
import { configOf, fileNames } from '../train/run-config.ts';
import { stateOf } from '../train/run-files.ts';

/** What is known of a model once it is open. */
export interface Opened {
  readonly model: string;
  readonly size: number;
  /** Whether a code is a vector, and not a map. */
  readonly isVector: boolean;
  readonly latentShape: readonly number[];
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Dimensions by what they tell of an image, the most first; and how much that is. */
  readonly order: readonly number[];
  readonly weights: readonly number[];
  /** `KL, nats`, or what stands for it. */
  readonly weightName: string;
  /** Where a code is 0, and what a step of 1 is: those of the prior, or of the codes where there is none. */
  readonly center: readonly number[];
  readonly scale: readonly number[];
  /** Codes of the first test images, [count, size]. */
  readonly codes: Float32Array;
  readonly labels: Uint8Array | null;
  readonly images: Uint8Array;
  readonly heldOut: readonly number[];
}

export interface Encoded {
  readonly code: Float32Array;
  readonly reconstruction: Uint8Array;
  /** Test images by the distance of their codes, the nearest first. */
  readonly neighbours: readonly number[];
  readonly sigma: Float32Array | undefined;
}

/** A trained model to be looked at: codes become images and images codes. Knows nothing of pages. */
export class Explorer {
  readonly #live: LiveModel;
  readonly #data: SubjectData;
  #codes: Float32Array = new Float32Array(0);

  private constructor(model: Autoencoder, data: SubjectData) {
    this.#live = new LiveModel(model);
    this.#data = data;
  }

  /** Builds the model of a run and loads its weights; encodes the first `count` test images. */
  static async open(
    files: RunFiles,
    data: ImageSet,
    device: Device,
    count: number,
  ): Promise<{ explorer: Explorer; opened: Opened }> {
    const config = files[fileNames.config] && configOf(files[fileNames.config]!);
    if (!config)
      throw new Error('a run needs its config.json beside weights.safetensors: drop both, or the zip');
    const spec = models.get(config.model);
    if (!spec) throw new Error(`no model is named '${config.model}'`);
    if (!files[fileNames.weights]) throw new Error('the run has no weights.safetensors');
    const shape = (config.imageShape ?? [1, 28, 28]) as ImageSet['shape'];
    if (shape.join() !== data.shape.join())
      throw new Error(
        `the run is on images of ${shape.join('×')}, and this page has MNIST's digits, ${data.shape.join('×')}`,
      );
    const model = spec.build(
      shape,
      settingsOf(spec, optionsIn(config, spec.defaults)),
      new Generator(0, { device }),
    );
    model.loadStateDict(stateOf(files[fileNames.weights]!).tensors);
    const explorer = new Explorer(model, data);
    return { explorer, opened: await explorer.#encodeTests(config.model, count) };
  }

  async #encodeTests(name: string, wanted: number): Promise<Opened> {
    const { model } = this.#live;
    const { isVector } = model;
    const { test } = this.#data;
    const count = Math.min(wanted, test.count);
    const images = test.images.subarray(0, count * model.pixelCount);
    const size = model.latentSize;
    const codes = await encodeAll(model, { images, count }, model.device);
    const { means } = codes;
    this.#codes = means;
    const statistics = latentStatistics(codes);
    const moments = isVector ? codeMoments(codes) : { mean: [], std: [] };
    const weights = statistics?.kl ?? moments.std;
    return {
      model: name,
      size,
      isVector,
      latentShape: model.latentShape,
      shape: model.imageShape,
      order: isVector ? descending(weights) : [],
      weights,
      weightName: statistics ? 'nats of KL' : 'standard deviation',
      center: statistics ? new Array(size).fill(0) : moments.mean,
      scale: statistics ? new Array(size).fill(1) : moments.std,
      codes: isVector ? means : new Float32Array(0),
      labels: test.labels?.subarray(0, count) ?? null,
      images,
      heldOut: heldOutDigits(this.#data).filter((index) => index < count),
    };
  }

  /** Images of codes [count, size], bytes. One captured program for each count. */
  async decode(codes: Float32Array): Promise<Uint8Array> {
    return bytesOf(await this.#live.decode(codes));
  }

  /** The code of an image, what becomes of it, and the test images whose codes are nearest. */
  async encode(pixels: Uint8Array, neighbours = 8): Promise<Encoded> {
    const { mean: code, sigma } = await this.#live.encode(pixels);
    const distances = Float64Array.from({ length: this.#codes.length / code.length }, (_, i) => {
      let sum = 0;
      for (let d = 0; d < code.length; d++) sum += (this.#codes[i * code.length + d]! - code[d]!) ** 2;
      return sum;
    });
    return {
      code,
      sigma,
      reconstruction: await this.decode(code),
      neighbours: [...distances.keys()].sort((a, b) => distances[a]! - distances[b]!).slice(0, neighbours),
    };
  }

  /** Draws from the prior. */
  async draw(seed: number): Promise<Float32Array> {
    return this.#live.draw(1, seed);
  }

  dispose(): void {
    this.#live.dispose();
  }
}

/** The part of a configuration that a model is built from. */
const optionsIn = (config: Readonly<Record<string, unknown>>, defaults: object) =>
  Object.fromEntries(Object.entries(config).filter(([name]) => name in defaults)) as Partial<ModelOptions>;
