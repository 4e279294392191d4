import type { Generator, Tensor } from '@tapegrad/tensor';
import { PlainAutoencoder } from './ae.ts';
import { assertCorruption, corrupted } from './corruption.ts';
import { courseTraining, imageOptions } from './defaults.ts';
import type { ImageShape, ModelSpec, Objective, TrainingContext } from './model.ts';
import type { ModelOptions } from './options.ts';
import { reconstructionUnits } from './units.ts';

/**
 * The denoising autoencoder (Vincent et al. 2008, 2010): it sees a corrupted image and must recover the clean one,
 *
 *     loss = −log p(x | f(x̃)),    x̃ ~ corruption(x)
 *
 * so the noise keeps it from copying, and the code need not be narrow. Evaluation, too, uses corrupted images, with the
 * same noise every time.
 */
export class DenoisingAutoencoder extends PlainAutoencoder {
  readonly options: ModelOptions;

  constructor(imageShape: ImageShape, options: ModelOptions, generator: Generator) {
    assertCorruption(options);
    super(imageShape, options, generator);
    this.options = options;
  }

  /** Normalized images [B, c, h, w] with fresh noise, as the encoder sees them in training. */
  corrupt(x: Tensor, noise: Generator): Tensor {
    return corrupted(x, this.options, this.normalization, noise);
  }

  override objective(x: Tensor, { noise }: TrainingContext): Objective {
    const loss = this.reconstruction(this.forward(this.corrupt(x, noise)), x);
    return { loss, parts: { reconstruction: loss } };
  }
}

/** `DenoisingAutoencoder` by name. */
export const denoisingAe: ModelSpec = {
  name: 'denoising-ae',
  summary: 'denoising autoencoder: from an image with noise to the clean one',
  defaults: { ...imageOptions, latent: 32, noise: 'gaussian', noiseLevel: 0.5, ...courseTraining },
  units: reconstructionUnits,
  build: (imageShape, options, generator) => new DenoisingAutoencoder(imageShape, options, generator),
};
