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

/**
 * The undercomplete autoencoder (Hinton and Salakhutdinov 2006): a narrow code, learned from the reconstruction
 * alone.
 */
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

/** The name of the unit in which a reconstruction is measured. */
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

/** The course's training settings for its convolutional autoencoders. */
export const courseTraining = {
  batchSize: 512,
  epochs: 10,
  lr: 1e-3,
  beta1: 0.5,
  beta2: 0.999,
  binarize: 'none',
} as const;

/** Adam with PyTorch's defaults, in small batches. */
export const usualTraining = {
  batchSize: 128,
  epochs: 10,
  lr: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  binarize: 'none',
} as const;

/** Defaults of every model that lets one choose its network and pixels. */
export const imageOptions = {
  network: 'conv',
  latent: 5,
  hidden: 128,
  likelihood: 'gaussian',
  reduction: 'mean',
  pixelMean: 0.1307,
  pixelStd: 0.3081,
} as const;

/** `PlainAutoencoder` by name. */
export const ae: ModelSpec = {
  name: 'ae',
  summary: 'autoencoder, mean squared error',
  defaults: { ...imageOptions, ...courseTraining },
  units: reconstructionUnits,
  build: (imageShape, options, generator) => new PlainAutoencoder(imageShape, options, generator),
};
