import type { Sequential } from '@tapegrad/nn';
import type { Generator, Tensor } from '@tapegrad/tensor';
import { courseTraining, imageOptions } from './defaults.ts';
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
import { reconstructionUnits } from './units.ts';

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

/** `PlainAutoencoder` by name. */
export const ae: ModelSpec = {
  name: 'ae',
  summary: 'autoencoder, mean squared error',
  defaults: { ...imageOptions, ...courseTraining },
  units: reconstructionUnits,
  build: (imageShape, options, generator) => new PlainAutoencoder(imageShape, options, generator),
};
