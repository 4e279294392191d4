import {
  type CapturedFunction,
  capture,
  Generator,
  keep,
  scope,
  type Tensor,
  writeTo,
  zeros,
} from '@tapegrad/tensor';
import { normalized } from './gallery/subject.ts';
import { type Autoencoder, evaluating } from './models/model.ts';
import { randomStreams } from './random-streams.ts';

/** A model for interactive use: it encodes and decodes a few images at a time. */
export class LiveModel {
  readonly model: Autoencoder;
  /** A captured decoder for each number of codes. */
  readonly #decoders = new Map<number, { codes: Tensor; run: CapturedFunction<[], Tensor> }>();

  constructor(model: Autoencoder) {
    this.model = model;
  }

  /** Decodes codes [count, latentSize] to pixels in [0, 1]. */
  async decode(codes: Float32Array): Promise<Float32Array> {
    const { model } = this;
    const { device } = model;
    const count = codes.length / model.latentSize;
    let decoder = this.#decoders.get(count);
    if (!decoder) {
      const input = keep(zeros([count, ...model.latentShape], { device }));
      const run = capture(() => evaluating(model, () => model.pixels(model.decode(input))), { device });
      decoder = { codes: input, run };
      this.#decoders.set(count, decoder);
      await run.prepare();
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

  /** Draws from the prior, [count, latentSize]. */
  async draw(count: number, seed: number): Promise<Float32Array> {
    const noise = new Generator(seed, { stream: randomStreams.pictures, device: this.model.device });
    const codes = evaluating(this.model, () => scope(() => this.model.samplePrior(count, noise)));
    const values = Float32Array.from(await codes.data());
    codes.dispose();
    return values;
  }

  /** Frees the memory of the decoders. */
  dispose(): void {
    for (const { codes, run } of this.#decoders.values()) {
      run.dispose();
      codes.dispose();
    }
    this.#decoders.clear();
  }
}
