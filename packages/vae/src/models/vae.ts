import type { Sequential } from '@tapegrad/nn';
import {
  add,
  clamp,
  exp,
  expand,
  type Generator,
  mul,
  reshape,
  slice,
  square,
  sub,
  sum,
  type Tensor,
} from '@tapegrad/tensor';
import { klFromLogSigma, klPenalty, LOG_SIGMA, reparameterize } from '../objectives.ts';
import type { Figures } from '../pass.ts';
import { courseTraining, imageOptions, reconstructionUnits } from './ae.ts';
import {
  Autoencoder,
  type Context,
  type ImageShape,
  type ModelSpec,
  type Nats,
  type Objective,
} from './model.ts';
import { decoderNetwork, encoderNetwork } from './networks.ts';
import type { ModelOptions } from './options.ts';

/** The code of a model that is stochastic. */
export interface GaussianCode {
  readonly mean: Tensor;
  readonly logSigma: Tensor;
}

/**
 * The variational autoencoder (Kingma and Welling 2014): q(z | x) = N(μ, σ²), p(z) = N(0, 1), and
 *
 *     loss = −log p(x | z) + penalty(KL(q(z | x) ‖ p(z))),    z ~ q(z | x)
 *
 * whatever the networks, the likelihood and the penalty (`klPenalty`) are. `terms` leaves one of the two out.
 */
export abstract class VariationalAutoencoder extends Autoencoder {
  readonly figures: readonly string[] = ['reconstruction', 'kl'];
  readonly options: ModelOptions;

  constructor(imageShape: ImageShape, options: ModelOptions, generator: Generator) {
    super(imageShape, options, generator);
    this.options = options;
  }

  abstract override encode(x: Tensor): GaussianCode;

  objective(x: Tensor, context: Context): Objective {
    const { mean: mu, logSigma } = this.encode(x);
    const reconstruction = this.reconstruction(this.decode(reparameterize(mu, logSigma, context.noise)), x);
    const perDimension = klFromLogSigma(mu, logSigma);
    const scale = this.reduction === 'mean' ? 1 / perDimension.size : 1 / x.shape[0]!;
    const parts = { reconstruction, kl: mul(sum(perDimension), scale) };
    const { terms } = this.options;
    if (terms === 'reconstruction') return { loss: reconstruction, parts };
    const penalty = klPenalty(perDimension, this.options, context);
    return { loss: terms === 'kl' ? penalty : add(reconstruction, penalty), parts };
  }

  override nats(parts: Figures): Nats {
    const reconstruction = this.reconstructionNats(parts.reconstruction!);
    const kl = parts.kl! * (this.reduction === 'mean' ? this.latent : 1);
    return { elbo: -(reconstruction + kl), reconstruction, kl };
  }

  override get effectiveBeta(): number | undefined {
    const { beta, gamma, terms } = this.options;
    if (gamma > 0 || terms !== 'both') return undefined;
    return this.reduction === 'mean' ? (beta * this.pixelCount * this.likelihood.nats) / this.latent : beta;
  }

  override logWeights(x: Tensor, samples: number, noise: Generator): Tensor {
    const [batch, d] = [x.shape[0]!, this.latent];
    const { mean: mu, logSigma } = this.encode(x);
    const each = (t: Tensor) => expand(reshape(t, [batch, 1, d]), [batch, samples, d]);
    const epsilon = noise.normal([batch, samples, d]);
    const z = reparameterizeWith(each(mu), each(logSigma), epsilon);
    const output = this.decode(reshape(z, [batch * samples, d]));
    return add(
      this.logLikelihood(output, x, samples),
      // log p(z) − log q(z | x): the constants of the two Gaussians cancel.
      sum(add(mul(sub(square(epsilon), square(z)), 0.5), each(logSigma)), 2),
    );
  }

  /** log p(x | output) of `samples` outputs for each image, constants included: [B·samples, …] → [B, samples]. */
  protected logLikelihood(output: Tensor, x: Tensor, samples: number): Tensor {
    const [batch, pixels] = [x.shape[0]!, this.pixelCount];
    const images = expand(reshape(x, [batch, 1, pixels]), [batch, samples, pixels]);
    const losses = this.likelihood.loss(reshape(output, images.shape), images);
    const { nats, constant } = this.likelihood;
    return sub(mul(sum(losses, 2), -nats), pixels * constant);
  }
}

const reparameterizeWith = (mu: Tensor, logSigma: Tensor, epsilon: Tensor) =>
  add(mu, mul(exp(logSigma), epsilon));

/** One encoder that gives μ and log σ side by side, and the decoder that mirrors it. */
export class PlainVAE extends VariationalAutoencoder {
  readonly encoder: Sequential;
  readonly decoder: Sequential;

  constructor(imageShape: ImageShape, options: ModelOptions, generator: Generator) {
    super(imageShape, options, generator);
    const { network, hidden, latent } = options;
    this.encoder = encoderNetwork(network, imageShape, hidden, 2 * latent, generator);
    this.decoder = decoderNetwork(network, imageShape, hidden, latent, generator);
  }

  encode(x: Tensor): GaussianCode {
    const both = this.encoder.forward(x);
    return {
      mean: slice(both, null, [0, this.latent]),
      logSigma: clamp(slice(both, null, [this.latent]), LOG_SIGMA),
    };
  }

  decode(z: Tensor): Tensor {
    return this.decoder.forward(z);
  }
}

/** What a VAE's loss is measured in. */
export function elboUnits(options: ModelOptions): string {
  if (options.terms === 'reconstruction') return reconstructionUnits(options);
  const { reduction, beta, gamma, terms } = options;
  if (terms === 'both' && reduction === 'sum' && beta === 1 && gamma === 0)
    return reconstructionUnits(options);
  const perWhat = reduction === 'mean' ? 'mean KL per dimension' : 'KL';
  const penalty = gamma > 0 ? `${gamma} · |KL − C|` : `${beta} · ${perWhat}`;
  return terms === 'kl' ? penalty : `${reconstructionUnits(options)} + ${penalty}`;
}

/** Options of the penalty on the KL divergence. */
export const klOptions = {
  beta: 1,
  terms: 'both',
  warmup: 'none',
  warmupEpochs: 5,
  freeBits: 0,
} as const;

export const vae: ModelSpec = {
  name: 'vae',
  summary: 'variational autoencoder, mean squared error + β · mean KL',
  defaults: { ...imageOptions, hidden: 100, ...klOptions, beta: 0.1, ...courseTraining },
  units: elboUnits,
  build: (imageShape, options, generator) => new PlainVAE(imageShape, options, generator),
};
