import {
  type CapturedFunction,
  capture,
  type Device,
  Generator,
  keep,
  openBrowserDevice,
  scope,
  sizeOf,
  type Tensor,
  writeTo,
  zeros,
} from '@tapegrad/tensor';
import { type Autoencoder, evaluating, models, normalized, randomStreams, settingsOf } from '@tapegrad/vae';
import { inflated } from '../inflate.ts';
import { unpackedHalves } from './halves.ts';
import type { LivingData } from './types.ts';

/** The model of a report, on the browser's GPU. */
export class LivingModel {
  readonly model: Autoencoder;
  readonly #device: Device;
  /** A captured decoder for each number of codes. */
  readonly #decoders = new Map<number, { codes: Tensor; run: CapturedFunction<[], Tensor> }>();

  private constructor(model: Autoencoder, device: Device) {
    this.model = model;
    this.#device = device;
  }

  /** @throws if there is no WebGPU, or the weights are not whole */
  static async open(data: LivingData): Promise<LivingModel> {
    const spec = models.get(data.model);
    if (!spec) throw new Error(`no model is named '${data.model}'`);
    const device = await openBrowserDevice();
    const model = spec.build(data.imageShape, settingsOf(spec, data.options), new Generator(0, { device }));
    const values = unpackedHalves(await inflated(data.weights));
    let at = 0;
    const tensors = new Map(
      data.tensors.map(([name, shape]) => {
        const size = sizeOf(shape);
        const entry = { dtype: 'float32' as const, shape, data: values.subarray(at, at + size) };
        at += size;
        return [name, entry] as const;
      }),
    );
    model.loadStateDict(tensors);
    return new LivingModel(model, device);
  }

  get size(): number {
    return this.model.latentSize;
  }

  /** Pixels of codes [count, size], in [0, 1]. */
  async decode(codes: Float32Array): Promise<Float32Array> {
    const count = codes.length / this.size;
    let decoder = this.#decoders.get(count);
    if (!decoder) {
      const input = keep(zeros([count, ...this.model.latentShape], { device: this.#device }));
      const { model } = this;
      const run = capture(() => evaluating(model, () => model.pixels(model.decode(input))), {
        device: this.#device,
      });
      await run.prepare();
      decoder = { codes: input, run };
      this.#decoders.set(count, decoder);
    }
    writeTo(decoder.codes, codes);
    return Float32Array.from(await decoder.run().data());
  }

  /** The code of an image's bytes, and its deviation if the encoder is stochastic. */
  async encode(bytes: Uint8Array): Promise<{ mean: Float32Array; sigma?: Float32Array }> {
    const { mean, logSigma } = evaluating(this.model, () =>
      scope(() => {
        const code = this.model.encode(normalized(this.model, bytes));
        return { mean: code.mean, ...(code.logSigma && { logSigma: code.logSigma }) };
      }),
    );
    const read = async (tensor: Tensor, of: (value: number) => number) => {
      const values = Float32Array.from(await tensor.data(), of);
      tensor.dispose();
      return values;
    };
    return {
      mean: await read(mean, (value) => value),
      ...(logSigma && { sigma: await read(logSigma, Math.exp) }),
    };
  }

  /** Draws from the prior, [count, size]. */
  async draw(count: number, seed: number): Promise<Float32Array> {
    const noise = new Generator(seed, { stream: randomStreams.pictures, device: this.#device });
    const codes = evaluating(this.model, () => scope(() => this.model.samplePrior(count, noise)));
    const values = Float32Array.from(await codes.data());
    codes.dispose();
    return values;
  }
}
