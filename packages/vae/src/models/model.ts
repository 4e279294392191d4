import { Module } from '@tapegrad/nn';
import type { Generator, Tensor } from '@tapegrad/tensor';

/** [channels, height, width] of one image. */
export type ImageShape = readonly [number, number, number];

/** What `objective` returns: the scalar that is minimized, and the scalars that are reported with it. */
export interface Objective {
  readonly loss: Tensor;
  /** In the objective's own units, by name: `reconstruction`, `kl` … */
  readonly parts: Readonly<Record<string, Tensor>>;
}

/** The ELBO's parts per image, in nats, constants included. */
export interface Nats {
  readonly elbo: number;
  readonly reconstruction: number;
  readonly kl: number;
}

/** A latent code: its mean and, where the model is stochastic, the logarithm of its standard deviation; both [B, d]. */
export interface Code {
  readonly mean: Tensor;
  readonly logSigma?: Tensor;
}

/** An autoencoder as the trainer and the pictures see it. Images enter as [B, c, h, w]. */
export abstract class Autoencoder extends Module {
  abstract readonly latent: number;
  abstract readonly imageShape: ImageShape;
  /** Names of the parts that `objective` reports. */
  abstract readonly figures: readonly string[];

  /** The reconstruction by way of the mean of the code. */
  forward(x: Tensor): Tensor {
    return this.decode(this.encode(x).mean);
  }

  abstract encode(x: Tensor): Code;
  /** [B, d] → what the decoder's network gives for an image: normalized pixels, logits … as [B, c, h, w]. */
  abstract decode(z: Tensor): Tensor;
  /** The decoder's output as pixels in [0, 1]. */
  abstract pixels(output: Tensor): Tensor;
  /** The loss of a batch. `noise` draws ε afresh for every sample and dimension. */
  abstract objective(x: Tensor, noise: Generator): Objective;
  /** The parts of `objective`, as averaged numbers, in nats per image; undefined where they have no such meaning. */
  nats(_parts: Readonly<Record<string, number>>): Nats | undefined {
    return undefined;
  }
}

/** How bytes become the numbers that a model sees: byte·scale + shift. */
export interface Normalization {
  readonly scale: number;
  readonly shift: number;
}

/** (byte/255 − mean) / std. */
export const normalize = (mean: number, std: number): Normalization => ({
  scale: 1 / (255 * std),
  shift: -mean / std,
});

/** Options that every model understands; each has its own defaults. */
export interface ModelOptions {
  readonly latent: number;
  readonly hidden: number;
  /** Weight of the KL divergence. */
  readonly beta: number;
}

export interface TrainingDefaults extends ModelOptions {
  readonly batchSize: number;
  readonly epochs: number;
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
}

/** An entry of the list that `tapegrad train` chooses from. */
export interface ModelSpec {
  readonly name: string;
  readonly summary: string;
  readonly defaults: TrainingDefaults;
  readonly normalization: Normalization;
  /** What the figures are measured in. */
  readonly units: string;
  build(imageShape: ImageShape, options: ModelOptions, generator: Generator): Autoencoder;
}
