import { Linear } from '@tapegrad/nn';
import { clamp, type Generator, mul, relu, reshape, type Tensor } from '@tapegrad/tensor';
import { LOG_SIGMA } from '../objectives.ts';
import { klOptions, usualTraining } from './defaults.ts';
import type { ImageShape, ModelSpec } from './model.ts';
import type { ModelOptions } from './options.ts';
import { elboUnits } from './units.ts';
import { type GaussianCode, VariationalAutoencoder } from './vae.ts';

/**
 * Kingma and Welling's VAE (2014) as in PyTorch's example: one hidden layer, a Bernoulli likelihood from logits, in
 * nats. fc21 gives μ and fc22 log σ². On grey pixels the cross-entropy is not a likelihood: compare it only with
 * itself.
 */
export class MlpVAE extends VariationalAutoencoder {
  readonly fc1: Linear;
  readonly fc21: Linear;
  readonly fc22: Linear;
  readonly fc3: Linear;
  readonly fc4: Linear;

  constructor(imageShape: ImageShape, options: ModelOptions, generator: Generator) {
    super(imageShape, options, generator);
    const { latent, hidden } = options;
    this.fc1 = new Linear(this.pixelCount, hidden, { generator });
    this.fc21 = new Linear(hidden, latent, { generator });
    this.fc22 = new Linear(hidden, latent, { generator });
    this.fc3 = new Linear(latent, hidden, { generator });
    this.fc4 = new Linear(hidden, this.pixelCount, { generator });
  }

  encode(x: Tensor): GaussianCode {
    const hidden = relu(this.fc1.forward(reshape(x, [x.shape[0]!, -1])));
    return {
      mean: this.fc21.forward(hidden),
      logSigma: clamp(mul(this.fc22.forward(hidden), 0.5), LOG_SIGMA),
    };
  }

  decode(z: Tensor): Tensor {
    return reshape(this.fc4.forward(relu(this.fc3.forward(z))), [z.shape[0]!, ...this.imageShape]);
  }
}

/** `MlpVAE` by name. */
export const vaeMlp: ModelSpec = {
  name: 'vae-mlp',
  summary: 'the VAE of Kingma and Welling: one hidden layer, Bernoulli likelihood, in nats',
  defaults: {
    latent: 20,
    hidden: 400,
    likelihood: 'bernoulli',
    reduction: 'sum',
    ...klOptions,
    pixelMean: 0.1307,
    pixelStd: 0.3081,
    ...usualTraining,
  },
  units: elboUnits,
  build: (imageShape, options, generator) => new MlpVAE(imageShape, options, generator),
};
