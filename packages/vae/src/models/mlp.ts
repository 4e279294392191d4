import { bceWithLogitsLoss, Linear } from '@tapegrad/nn';
import {
  add,
  clamp,
  type Generator,
  mean,
  mul,
  relu,
  reshape,
  sigmoid,
  sum,
  type Tensor,
} from '@tapegrad/tensor';
import { klFromLogSigma, LOG_SIGMA, reparameterize } from '../objectives.ts';
import { Autoencoder, type ImageShape, type ModelOptions, type ModelSpec, type Nats } from './model.ts';

/**
 * Kingma and Welling's VAE as PyTorch's example has it: one hidden layer, Bernoulli likelihood from logits, in nats.
 * fc21 gives μ and fc22 log σ². On grey pixels the cross-entropy is not a likelihood; compare it only with itself.
 */
export class MlpVAE extends Autoencoder {
  readonly latent: number;
  readonly imageShape: ImageShape;
  readonly figures = ['reconstruction', 'kl'];
  readonly beta: number;
  readonly fc1: Linear;
  readonly fc21: Linear;
  readonly fc22: Linear;
  readonly fc3: Linear;
  readonly fc4: Linear;

  constructor(imageShape: ImageShape, { latent, hidden, beta }: ModelOptions, generator: Generator) {
    super();
    const pixels = imageShape.reduce((product, extent) => product * extent, 1);
    this.latent = latent;
    this.imageShape = imageShape;
    this.beta = beta;
    this.fc1 = new Linear(pixels, hidden, { generator });
    this.fc21 = new Linear(hidden, latent, { generator });
    this.fc22 = new Linear(hidden, latent, { generator });
    this.fc3 = new Linear(latent, hidden, { generator });
    this.fc4 = new Linear(hidden, pixels, { generator });
  }

  encode(x: Tensor) {
    const hidden = relu(this.fc1.forward(reshape(x, [x.shape[0]!, -1])));
    return {
      mean: this.fc21.forward(hidden),
      logSigma: clamp(mul(this.fc22.forward(hidden), 0.5), LOG_SIGMA),
    };
  }

  /** Logits. */
  decode(z: Tensor): Tensor {
    return reshape(this.fc4.forward(relu(this.fc3.forward(z))), [z.shape[0]!, ...this.imageShape]);
  }

  pixels(output: Tensor): Tensor {
    return sigmoid(output);
  }

  objective(x: Tensor, noise: Generator) {
    const { mean: mu, logSigma } = this.encode(x);
    const logits = this.decode(reparameterize(mu, logSigma, noise));
    const perBatch = 1 / x.shape[0]!;
    const reconstruction = mul(bceWithLogitsLoss(logits, x, { reduction: 'sum' }), perBatch);
    const kl = mean(sum(klFromLogSigma(mu, logSigma), 1));
    return { loss: add(reconstruction, mul(kl, this.beta)), parts: { reconstruction, kl } };
  }

  override nats({ reconstruction, kl }: Readonly<Record<string, number>>): Nats {
    return { elbo: -(reconstruction! + kl!), reconstruction: reconstruction!, kl: kl! };
  }
}

export const vaeMlp: ModelSpec = {
  name: 'vae-mlp',
  summary: 'the VAE of Kingma and Welling: one hidden layer, Bernoulli likelihood, in nats',
  defaults: {
    latent: 20,
    hidden: 400,
    beta: 1,
    batchSize: 128,
    epochs: 10,
    lr: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
  },
  normalization: { scale: 1 / 255, shift: 0 },
  units: 'nats per image',
  build: (imageShape, options, generator) => new MlpVAE(imageShape, options, generator),
};
