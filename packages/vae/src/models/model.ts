import { noGrad } from '@tapegrad/autograd';
import { Module } from '@tapegrad/nn';
import {
  type Device,
  type Generator,
  mul,
  type NumericArray,
  type Shape,
  sizeOf,
  sum,
  type Tensor,
} from '@tapegrad/tensor';
import type { Metrics } from '../metrics.ts';
import { type Likelihood, likelihoodOf, type Normalization } from './likelihoods.ts';
import { type ModelOptions, optionValues, type TrainingOptions } from './options.ts';

/** [channels, height, width] of one image. */
export type ImageShape = readonly [number, number, number];

/** What an objective may need besides the batch. All of it is on the device, so that a step can be captured. */
export interface TrainingContext {
  /** Draws ε and everything else that is random, new for every sample and dimension. */
  readonly noise: Generator;
  /** Epochs trained so far, including a fraction: float32 []. Schedules are computed from it. */
  epoch(): Tensor;
}

/** What `objective` returns: the scalar to be minimized, and the scalars that are reported along with it. */
export interface Objective {
  readonly loss: Tensor;
  /** By name, in the objective's own units: `reconstruction`, `kl` … */
  readonly parts: Readonly<Record<string, Tensor>>;
  /** What this step adds to the model's counters, in the lengths that `Autoencoder.counters` gives. */
  readonly counters?: Readonly<Record<string, Tensor>>;
}

/** The ELBO and its parts per image, in nats, including constants. */
export interface Nats {
  readonly elbo: number;
  readonly reconstruction: number;
  readonly kl: number;
}

/** A latent code: its mean and, if the model is stochastic, the logarithm of its standard deviation, both [B, d]. */
export interface Code {
  readonly mean: Tensor;
  readonly logSigma?: Tensor;
}

/** The options from which every `Autoencoder` is made, in addition to those of its layers. */
export type Common = Pick<ModelOptions, 'latent' | 'likelihood' | 'reduction' | 'pixelMean' | 'pixelStd'>;

/** An autoencoder as the trainer, the metrics and the pictures see it. Images go in as [B, c, h, w], normalized. */
export abstract class Autoencoder extends Module {
  readonly imageShape: ImageShape;
  /** Where its parameters are, and where it computes. */
  readonly device: Device;
  /** Numbers per image: c · h · w. */
  readonly pixelCount: number;
  readonly latent: number;
  readonly likelihood: Likelihood;
  readonly reduction: ModelOptions['reduction'];
  /** Names of the parts that `objective` reports. */
  abstract readonly metricNames: readonly string[];
  /** How far from 0 the picture of the latent grid extends along each dimension. */
  readonly gridRange: number = 3;
  /** Names and lengths of the counters that `objective` adds to over an epoch. */
  readonly counters: Readonly<Record<string, number>> = {};

  constructor(imageShape: ImageShape, options: Common, generator: Generator) {
    super();
    this.imageShape = imageShape;
    this.device = generator.state.device;
    this.pixelCount = sizeOf(imageShape);
    this.latent = options.latent;
    this.likelihood = likelihoodOf(options, this.device);
    this.reduction = options.reduction;
  }

  /** How bytes become the numbers the model sees. */
  get normalization(): Normalization {
    return this.likelihood.normalization;
  }

  /** The shape of one code that `decode` takes. */
  get latentShape(): Shape {
    return [this.latent];
  }

  /** Numbers per code. */
  get latentSize(): number {
    return sizeOf(this.latentShape);
  }

  /** Whether a code is a vector, whose dimensions can be looked at one by one, rather than a map. */
  get isVector(): boolean {
    return this.latentShape.length === 1;
  }

  /** Reconstructions from the mean of the code: [B, c, h, w] → the likelihood's parameters, in the same shape. */
  forward(x: Tensor): Tensor {
    return this.decode(this.encode(x).mean);
  }

  /** Images [B, c, h, w] → their codes. */
  abstract encode(x: Tensor): Code;
  /** [B, ...latentShape] → the parameters of the likelihood: normalized pixels, logits … as [B, c, h, w]. */
  abstract decode(z: Tensor): Tensor;
  /** The loss of a batch [B, c, h, w], with its parts; all scalars. */
  abstract objective(x: Tensor, context: TrainingContext): Objective;

  /** Codes drawn from the prior, or from what replaces it: [count, ...latentShape]. */
  samplePrior(count: number, noise: Generator): Tensor {
    return noise.normal([count, ...this.latentShape]);
  }

  /** The decoder's output as pixels in [0, 1]. */
  pixels(output: Tensor): Tensor {
    return this.likelihood.pixels(output);
  }

  /**
   * How badly `output` explains `x`, []: the mean over pixels and batch, or the sum over pixels in nats without
   * constants.
   */
  protected reconstruction(output: Tensor, x: Tensor): Tensor {
    const loss = this.likelihood.loss(output, x);
    const scale = this.reduction === 'mean' ? 1 / this.pixelCount : this.likelihood.nats;
    return mul(sum(loss), scale / x.shape[0]!);
  }

  /** A reconstruction loss as −log p(x | z) per image in nats, including constants. */
  protected reconstructionNats(reconstruction: number): number {
    const { nats, constant } = this.likelihood;
    const sum = this.reduction === 'mean' ? reconstruction * this.pixelCount * nats : reconstruction;
    return sum + this.pixelCount * constant;
  }

  /** The averaged parts of `objective` in nats per image; undefined if they have no such meaning. */
  nats(_parts: Metrics): Nats | undefined {
    return undefined;
  }

  /** Metrics of an epoch, computed from the sums of its counters. */
  metricsOfCounters(_counters: Readonly<Record<string, NumericArray>>): Metrics {
    return {};
  }

  /** The weight of the KL divergence against a likelihood in nats. Means over pixels and dimensions hide it. */
  get effectiveBeta(): number | undefined {
    return undefined;
  }
}

/** Runs `fn` without gradients and in evaluation mode (batch statistics, codebooks), then returns to training mode. */
export function evaluating<T>(model: Autoencoder, fn: () => T): T {
  model.eval();
  try {
    return noGrad(fn);
  } finally {
    model.train();
  }
}

/** A model that `tapegrad train` can train by name. */
export interface ModelSpec {
  readonly name: string;
  readonly summary: string;
  /** The options it takes, with their default values. */
  readonly defaults: Partial<ModelOptions> & TrainingOptions;
  /** What the metrics are measured in. */
  units(options: ModelOptions): string;
  /** @throws OptionError if the options do not go together, or do not suit the images */
  build(imageShape: ImageShape, options: ModelOptions, generator: Generator): Autoencoder;
}

/** All options of a model: the chosen ones, its defaults for the rest, and any value for options that it does not take. */
export const settingsOf = <C extends Partial<ModelOptions & TrainingOptions>>(
  { defaults }: Pick<ModelSpec, 'defaults'>,
  chosen?: C,
): ModelOptions & TrainingOptions & C => ({ ...optionValues, ...defaults, ...(chosen as C) });
