import type { Sequential } from '@tapegrad/nn';
import type { Generator, Tensor } from '@tapegrad/tensor';
import {
  Autoencoder,
  type Code,
  type ImageShape,
  type ModelSpec,
  type Objective,
  type TrainingContext,
} from './model.ts';
import { decoderNetwork, encoderNetwork } from './networks.ts';
import type { ModelOptions } from './options.ts';

/** The undercomplete autoencoder: a narrow code, and nothing but the reconstruction to learn from. */
export class PlainAutoencoder extends Autoencoder {
  readonly metricNames: readonly string[] = ['reconstruction'];
  readonly encoder: Sequential;
  readonly decoder: Sequential;

  constructor(imageShape: ImageShape, options: ModelOptions, generator: Generator) {
    super(imageShape, options, generator);
    const { network, hidden, latent } = options;
    this.encoder = encoderNetwork(network, imageShape, hidden, latent, generator);
    this.decoder = decoderNetwork(network, imageShape, hidden, latent, generator);
  }

  encode(x: Tensor): Code {
    return { mean: this.encoder.forward(x) };
  }

  decode(z: Tensor): Tensor {
    return this.decoder.forward(z);
  }

  objective(x: Tensor, _context: TrainingContext): Objective {
    const loss = this.reconstruction(this.forward(x), x);
    return { loss, parts: { reconstruction: loss } };
  }
}

/** What the units of a reconstruction are called. */
export function reconstructionUnits({ likelihood, reduction }: ModelOptions): string {
  if (reduction === 'sum') {
    return likelihood === 'bernoulli' ? 'nats per image' : 'nats per image, constants dropped';
  }
  return {
    gaussian: 'mean squared error per normalized pixel',
    bernoulli: 'mean cross-entropy per pixel, nats',
    sigma: 'mean of (squared error)/σ² + 2·log σ per normalized pixel',
  }[likelihood];
}

/** The course's settings of its convolutional autoencoders. */
export const courseTraining = {
  batchSize: 512,
  epochs: 10,
  lr: 1e-3,
  beta1: 0.5,
  beta2: 0.999,
  binarize: 'none',
} as const;

/** Adam as PyTorch has it, in small batches. */
export const usualTraining = {
  batchSize: 128,
  epochs: 10,
  lr: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  binarize: 'none',
} as const;

/** What every model with a choice of network and pixels takes. */
export const imageOptions = {
  network: 'conv',
  latent: 5,
  hidden: 128,
  likelihood: 'gaussian',
  reduction: 'mean',
  pixelMean: 0.1307,
  pixelStd: 0.3081,
} as const;

export const ae: ModelSpec = {
  name: 'ae',
  summary: 'autoencoder, mean squared error',
  defaults: { ...imageOptions, ...courseTraining },
  units: reconstructionUnits,
  build: (imageShape, options, generator) => new PlainAutoencoder(imageShape, options, generator),
};
