import { Conv2d, ConvTranspose2d, Flatten, Linear, ReLU, Sequential, Unflatten } from '@tapegrad/nn';
import { add, clamp, type Generator, mean, mul, slice, square, sub, type Tensor } from '@tapegrad/tensor';
import { gaussianNats, klFromLogSigma, LOG_SIGMA, reparameterize } from '../objectives.ts';
import {
  Autoencoder,
  type Code,
  type ImageShape,
  type ModelOptions,
  type ModelSpec,
  type Nats,
  normalize,
} from './model.ts';

/** Mean and standard deviation of MNIST's pixels. */
const MEAN = 0.1307;
const STD = 0.3081;

const CHANNELS = [16, 32] as const;

/** [B, 1, 28, 28] → [B, outputs], by two strided convolutions and two linear layers. */
export function convEncoder(
  [c, h, w]: ImageShape,
  hidden: number,
  outputs: number,
  generator: Generator,
): Sequential {
  const halving = { stride: 2, padding: 1, bias: false, generator };
  return new Sequential(
    new Conv2d(c, CHANNELS[0], 4, halving),
    new ReLU(),
    new Conv2d(CHANNELS[0], CHANNELS[1], 4, halving),
    new ReLU(),
    new Flatten(),
    new Linear(CHANNELS[1] * (h / 4) * (w / 4), hidden, { generator }),
    new ReLU(),
    new Linear(hidden, outputs, { generator }),
  );
}

/** [B, latent] → [B, 1, 28, 28], the encoder's mirror image; no activation at the end. */
export function convDecoder(
  [c, h, w]: ImageShape,
  hidden: number,
  latent: number,
  generator: Generator,
): Sequential {
  const doubling = { stride: 2, padding: 1, bias: false, generator };
  return new Sequential(
    new Linear(latent, hidden, { generator }),
    new ReLU(),
    new Linear(hidden, CHANNELS[1] * (h / 4) * (w / 4), { generator }),
    new ReLU(),
    new Unflatten([CHANNELS[1], h / 4, w / 4]),
    new ConvTranspose2d(CHANNELS[1], CHANNELS[0], 4, doubling),
    new ReLU(),
    new ConvTranspose2d(CHANNELS[0], c, 4, doubling),
  );
}

function checkShape(name: string, [c, h, w]: ImageShape): void {
  if (h % 4 !== 0 || w % 4 !== 0) {
    throw new Error(`${name}: two halvings need image extents divisible by 4, got ${c}x${h}x${w}`);
  }
}

/** Undecoded pixels back from the normalized ones, for pictures. */
const unnormalized = (output: Tensor) => clamp(add(mul(output, STD), MEAN), { min: 0, max: 1 });

/** The undercomplete autoencoder: mean squared error, a narrow code. */
export class ConvAE extends Autoencoder {
  readonly latent: number;
  readonly imageShape: ImageShape;
  readonly figures = ['reconstruction'];
  readonly encoder: Sequential;
  readonly decoder: Sequential;

  constructor(imageShape: ImageShape, { latent, hidden }: ModelOptions, generator: Generator) {
    super();
    checkShape('ae', imageShape);
    this.latent = latent;
    this.imageShape = imageShape;
    this.encoder = convEncoder(imageShape, hidden, latent, generator);
    this.decoder = convDecoder(imageShape, hidden, latent, generator);
  }

  encode(x: Tensor): Code {
    return { mean: this.encoder.forward(x) };
  }

  decode(z: Tensor): Tensor {
    return this.decoder.forward(z);
  }

  pixels(output: Tensor): Tensor {
    return unnormalized(output);
  }

  objective(x: Tensor) {
    const loss = mean(square(sub(this.decode(this.encode(x).mean), x)));
    return { loss, parts: { reconstruction: loss } };
  }
}

/**
 * The convolutional VAE: mean over pixels of the squared error + β · mean over batch and dimensions of KL. The encoder
 * gives μ and log σ side by side.
 */
export class ConvVAE extends Autoencoder {
  readonly latent: number;
  readonly imageShape: ImageShape;
  readonly figures = ['reconstruction', 'kl'];
  readonly beta: number;
  readonly encoder: Sequential;
  readonly decoder: Sequential;

  constructor(imageShape: ImageShape, { latent, hidden, beta }: ModelOptions, generator: Generator) {
    super();
    checkShape('vae', imageShape);
    this.latent = latent;
    this.imageShape = imageShape;
    this.beta = beta;
    this.encoder = convEncoder(imageShape, hidden, 2 * latent, generator);
    this.decoder = convDecoder(imageShape, hidden, latent, generator);
  }

  encode(x: Tensor) {
    const both = this.encoder.forward(x);
    return {
      mean: slice(both, null, [0, this.latent]),
      logSigma: clamp(slice(both, null, [this.latent]), LOG_SIGMA),
    };
  }

  decode(z: Tensor): Tensor {
    return this.decoder.forward(z);
  }

  pixels(output: Tensor): Tensor {
    return unnormalized(output);
  }

  objective(x: Tensor, noise: Generator) {
    const { mean: mu, logSigma } = this.encode(x);
    const reconstruction = mean(square(sub(this.decode(reparameterize(mu, logSigma, noise)), x)));
    const kl = mean(klFromLogSigma(mu, logSigma));
    return { loss: add(reconstruction, mul(kl, this.beta)), parts: { reconstruction, kl } };
  }

  /** With σ = 1 in the normalized pixels. */
  override nats(parts: Readonly<Record<string, number>>): Nats {
    const pixels = this.imageShape.reduce((product, extent) => product * extent, 1);
    const reconstruction = gaussianNats(parts.reconstruction! * pixels, pixels);
    const kl = parts.kl! * this.latent;
    return { elbo: -(reconstruction + kl), reconstruction, kl };
  }
}

export const ae: ModelSpec = {
  name: 'ae',
  summary: 'convolutional autoencoder, mean squared error',
  defaults: {
    latent: 5,
    hidden: 128,
    beta: 0,
    batchSize: 512,
    epochs: 10,
    lr: 1e-3,
    beta1: 0.5,
    beta2: 0.999,
  },
  normalization: normalize(MEAN, STD),
  units: 'mean squared error per normalized pixel',
  build: (imageShape, options, generator) => new ConvAE(imageShape, options, generator),
};

export const vae: ModelSpec = {
  name: 'vae',
  summary: 'convolutional variational autoencoder, mean squared error + β · mean KL',
  defaults: {
    latent: 5,
    hidden: 100,
    beta: 0.1,
    batchSize: 512,
    epochs: 10,
    lr: 1e-3,
    beta1: 0.5,
    beta2: 0.999,
  },
  normalization: normalize(MEAN, STD),
  units: 'mean squared error per normalized pixel + β · mean KL per dimension',
  build: (imageShape, options, generator) => new ConvVAE(imageShape, options, generator),
};
