import { Linear, ReLU, Sequential } from '@tapegrad/nn';
import { add, type Generator, log, mul, reshape, square, type Tensor, tanh } from '@tapegrad/tensor';
import type { Metrics } from '../metrics.ts';
import { klFromLogSigma } from '../objectives.ts';
import { usualTraining } from './defaults.ts';
import type { ImageShape, ModelSpec, Nats, Objective, TrainingContext } from './model.ts';
import type { ModelOptions } from './options.ts';
import { type GaussianCode, VariationalAutoencoder } from './vae.ts';

/** Added to std², so that its logarithm is bounded and has a gradient where the tanh crosses 0. */
const GUARD = 1e-8;

/**
 * The VAE of a blog post, with the post's equations: pixels are black or white, μ and std come from a tanh, and
 *
 *     loss = cross-entropy + 5 · ½ Σ_d (μ² + std² − log std²)
 *
 * in which the KL divergence lacks its constant: it is d/2 nats too large. `kl` is the post's; `nats` takes the
 * constant into account. A std from tanh may be negative; N(μ, std²) does not change, so σ = |std|.
 *
 * As a PyTorch module: `encoder` = Sequential(Linear, ReLU, Linear, ReLU), `mean` and `std` = Linear, `decoder` =
 * Sequential(Linear, ReLU, Linear, ReLU, Linear), whose logits go to the Bernoulli likelihood. It has 872,616
 * parameters for MNIST. The post draws one ε for all dimensions of a sample; this draws one for each.
 */
export class BlogVAE extends VariationalAutoencoder {
  /** Means come from a tanh, and the post's picture shows no values outside its range. */
  override readonly gridRange = 1;
  readonly encoder: Sequential;
  readonly mean: Linear;
  readonly std: Linear;
  readonly decoder: Sequential;

  constructor(imageShape: ImageShape, options: ModelOptions, generator: Generator) {
    super(imageShape, options, generator);
    const { latent } = options;
    const linear = (from: number, to: number) => new Linear(from, to, { generator });
    this.encoder = new Sequential(linear(this.pixelCount, 512), new ReLU(), linear(512, 64), new ReLU());
    this.mean = linear(64, latent);
    this.std = linear(64, latent);
    this.decoder = new Sequential(
      linear(latent, 64),
      new ReLU(),
      linear(64, 512),
      new ReLU(),
      linear(512, this.pixelCount),
    );
  }

  encode(x: Tensor): GaussianCode {
    const hidden = this.encoder.forward(reshape(x, [x.shape[0]!, -1]));
    const std = tanh(this.std.forward(hidden));
    return { mean: tanh(this.mean.forward(hidden)), logSigma: mul(log(add(square(std), GUARD)), 0.5) };
  }

  decode(z: Tensor): Tensor {
    return reshape(this.decoder.forward(z), [z.shape[0]!, ...this.imageShape]);
  }

  override objective(x: Tensor, context: TrainingContext): Objective {
    const { mean, logSigma, z } = this.samplePosterior(this.posteriorParameters(x), context.noise);
    // ½(μ² + std² − log std²) is the divergence without its −½.
    const kl = add(klFromLogSigma(mean, logSigma), 0.5);
    return this.assemble(this.reconstruction(this.decode(z), x), kl, context);
  }

  override nats(parts: Metrics): Nats {
    return super.nats({ ...parts, kl: parts.kl! - this.latent / 2 });
  }
}

/** `BlogVAE` by name. */
export const vaeBlog: ModelSpec = {
  name: 'vae-blog',
  summary: "a blog post's VAE: binarized pixels, tanh mean and std, cross-entropy + 5 · KL",
  defaults: {
    latent: 12,
    beta: 5,
    terms: 'both',
    ...usualTraining,
    batchSize: 32,
    epochs: 15,
    binarize: 'threshold',
  },
  units: ({ beta, terms }) => {
    const kl = `${beta} · (KL + d/2)`;
    if (terms === 'kl') return kl;
    return terms === 'reconstruction' ? 'nats per image' : `nats per image + ${kl}`;
  },
  build: (imageShape, options, generator) =>
    new BlogVAE(imageShape, { ...options, likelihood: 'bernoulli', reduction: 'sum' }, generator),
};
