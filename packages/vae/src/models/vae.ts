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
import type { Metrics } from '../metrics.ts';
import { klFromLogSigma, klPenalty, LOG_SIGMA } from '../objectives.ts';
import { courseTraining, imageOptions, klOptions } from './defaults.ts';
import {
  Autoencoder,
  type ImageShape,
  type ModelSpec,
  type Nats,
  type Objective,
  type TrainingContext,
} from './model.ts';
import { decoderNetwork, encoderNetwork } from './networks.ts';
import type { ModelOptions } from './options.ts';
import { elboUnits } from './units.ts';

/** The code of a stochastic model, N(mean, exp(2·logSigma)), both [B, d]. */
export interface GaussianCode {
  readonly mean: Tensor;
  readonly logSigma: Tensor;
}

/**
 * The variational autoencoder (Kingma and Welling 2014): q(z | x) = N(μ, σ²), p(z) = N(0, 1), and
 *
 *     loss = −log p(x | z) + penalty(KL(q(z | x) ‖ p(z))),    z ~ q(z | x)
 *
 * for any networks, likelihood and penalty (`klPenalty`). The option `terms` can leave one of the two out.
 */
export abstract class VariationalAutoencoder extends Autoencoder {
  readonly metricNames: readonly string[] = ['reconstruction', 'kl'];
  readonly options: ModelOptions;

  constructor(imageShape: ImageShape, options: ModelOptions, generator: Generator) {
    super(imageShape, options, generator);
    this.options = options;
  }

  abstract override encode(x: Tensor): GaussianCode;

  /**
   * The parameters of q(z | x) for a batch: what the encoder gives, before any noise. By default μ and log σ, both
   * [B, d].
   */
  posteriorParameters(x: Tensor): readonly Tensor[] {
    const { mean: mu, logSigma } = this.encode(x);
    return [mu, logSigma];
  }

  /** Draws z from q(z | x), `samples` times for each image: rows b·samples to (b + 1)·samples − 1 are image b's. */
  protected samplePosterior(posterior: readonly Tensor[], noise: Generator, samples = 1): Draw {
    const [mu, logSigma] = posterior.map((t) => repeatRows(t, samples)) as [Tensor, Tensor];
    const epsilon = noise.normal(mu.shape);
    return { mean: mu, logSigma, epsilon, z: add(mu, mul(exp(logSigma), epsilon)) };
  }

  objective(x: Tensor, context: TrainingContext): Objective {
    const { mean: mu, logSigma, z } = this.samplePosterior(this.posteriorParameters(x), context.noise);
    const reconstruction = this.reconstruction(this.decode(z), x);
    return this.assemble(reconstruction, klFromLogSigma(mu, logSigma), context);
  }

  /** The loss from the reconstruction, [], and the KL divergence of each image and dimension, [B, d]. */
  protected assemble(reconstruction: Tensor, kl: Tensor, context: TrainingContext): Objective {
    const scale = this.reduction === 'mean' ? 1 / kl.size : 1 / kl.shape[0]!;
    const parts = { reconstruction, kl: mul(sum(kl), scale) };
    const { terms } = this.options;
    if (terms === 'reconstruction') return { loss: reconstruction, parts };
    const penalty = klPenalty(kl, this.options, context);
    return { loss: terms === 'kl' ? penalty : add(reconstruction, penalty), parts };
  }

  override nats(parts: Metrics): Nats {
    const reconstruction = this.reconstructionNats(parts.reconstruction!);
    const kl = parts.kl! * (this.reduction === 'mean' ? this.latent : 1);
    return { elbo: -(reconstruction + kl), reconstruction, kl };
  }

  override get effectiveBeta(): number | undefined {
    const { beta, gamma, terms } = this.options;
    if (gamma > 0 || terms !== 'both') return undefined;
    return this.reduction === 'mean' ? (beta * this.pixelCount * this.likelihood.nats) / this.latent : beta;
  }

  /**
   * log p(x, z) − log q(z | x) in nats, including constants, for `samples` draws of z for each image: [B, samples].
   * With z = μ + σ·ε the constants of the two Gaussians cancel: log p(z) − log q(z | x) = Σ_d (ε² − z²)/2 + log σ.
   */
  logWeights(x: Tensor, samples: number, noise: Generator, posterior = this.posteriorParameters(x)): Tensor {
    const draw = this.samplePosterior(posterior, noise, samples);
    return add(this.logLikelihoods(this.decode(draw.z), x), logRatios(draw, x.shape[0]!));
  }

  /** log p(x | z), including constants, for several outputs of each image: [B·samples, c, h, w] → [B, samples]. */
  protected logLikelihoods(outputs: Tensor, x: Tensor): Tensor {
    const [batch, pixels] = [x.shape[0]!, this.pixelCount];
    const each = [batch, outputs.shape[0]! / batch, pixels];
    const losses = this.likelihood.loss(reshape(outputs, each), reshape(x, [batch, 1, pixels]));
    const { nats, constant } = this.likelihood;
    return sub(mul(sum(losses, 2), -nats), pixels * constant);
  }
}

/** A draw from the approximate posterior: z = μ + σ·ε, all [rows, d]. */
export interface Draw extends GaussianCode {
  readonly epsilon: Tensor;
  readonly z: Tensor;
}

/** log p(z) − log q(z | x) of draws: [B·samples, d] → [B, samples]. */
export function logRatios({ z, epsilon, logSigma }: Draw, batch: number): Tensor {
  const perDimension = add(mul(sub(square(epsilon), square(z)), 0.5), logSigma);
  return reshape(sum(perDimension, 1), [batch, z.shape[0]! / batch]);
}

/** Repeats every row `times` times in place: [B, d] → [B·times, d]. */
export function repeatRows(t: Tensor, times: number): Tensor {
  if (times === 1) return t;
  const [rows, d] = [t.shape[0]!, t.shape[1]!];
  return reshape(expand(reshape(t, [rows, 1, d]), [rows, times, d]), [rows * times, d]);
}

/** A VAE with one encoder that gives μ and log σ side by side, and a decoder that mirrors it. */
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

/** `PlainVAE` by name. */
export const vae: ModelSpec = {
  name: 'vae',
  summary: 'variational autoencoder, mean squared error + β · mean KL',
  defaults: { ...imageOptions, hidden: 100, ...klOptions, beta: 0.1, ...courseTraining },
  units: elboUnits,
  build: (imageShape, options, generator) => new PlainVAE(imageShape, options, generator),
};
