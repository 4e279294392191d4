import { Conv2d, ConvTranspose2d, ReLU, Sequential } from '@tapegrad/nn';
import type { NumericArray } from '@tapegrad/tensor';
import {
  add,
  constant,
  type Generator,
  matmul,
  mul,
  pad,
  permute,
  reshape,
  type Shape,
  slice,
  square,
  sub,
  sum,
  type Tensor,
} from '@tapegrad/tensor';
import type { Metrics } from '../metrics.ts';
import { Codebook, drawIndices, perplexity } from './codebook.ts';
import { imageOptions, usualTraining } from './defaults.ts';
import {
  Autoencoder,
  type Code,
  type ImageShape,
  type ModelSpec,
  type Nats,
  type Objective,
  type TrainingContext,
} from './model.ts';
import type { ModelOptions } from './options.ts';
import { reconstructionUnits } from './units.ts';

/**
 * The vector-quantized VAE (van den Oord et al. 2017). The encoder gives a vector of D numbers at each place of a
 * grid, z; each is replaced by the nearest vector of a codebook, e; the decoder sees only these:
 *
 *     loss = −log p(x | e) + β·‖z − sg(e)‖²                     `--codebook ema`: the codes are moving averages of z
 *     loss = −log p(x | e) + β·‖z − sg(e)‖² + ‖sg(z) − e‖²      `--codebook loss`
 *
 * where sg stops the gradient. The gradient of the decoder's input passes straight through to z: the decoder is given
 * z + sg(e − z). The squares are reduced as the reconstruction is: to means over all numbers, or to sums per image.
 *
 * Two convolutions halve the image, as in the paper, so that the grid is 7×7 for 28×28 and 16×16 for 64×64. `hidden`
 * counts the channels before the codes; the first convolution has half as many. An image that cannot be halved twice is
 * padded with zeros, below and to the right, and what is decoded is cut off there.
 *
 * With normalized pixels and the Gaussian likelihood, `reconstruction` is the share of the pixels' variance that is
 * lost, since their variance over the training set is 1.
 */
export class VectorQuantizedVAE extends Autoencoder {
  /** `quantization` is ‖z − e‖², the value of the last two terms before they are weighted. */
  readonly metricNames: readonly string[] = ['reconstruction', 'quantization'];
  /** `codes` counts how often each was used. */
  override readonly counters: Readonly<Record<string, number>>;
  readonly encoder: Sequential;
  readonly codebook: Codebook;
  readonly decoder: Sequential;
  readonly #options: ModelOptions;
  readonly #grid: readonly [height: number, width: number];

  constructor(imageShape: ImageShape, options: ModelOptions, generator: Generator) {
    super(imageShape, options, generator);
    const [channels, height, width] = imageShape;
    const { hidden, latent } = options;
    const half = Math.ceil(hidden / 2);
    const strided = { stride: 2, padding: 1, bias: false, generator };
    this.encoder = new Sequential(
      new Conv2d(channels, half, 4, strided),
      new ReLU(),
      new Conv2d(half, hidden, 4, strided),
      new ReLU(),
      new Conv2d(hidden, latent, 1, { generator }),
    );
    this.codebook = new Codebook(latent, options, generator);
    this.decoder = new Sequential(
      new Conv2d(latent, hidden, 3, { padding: 1, generator }),
      new ReLU(),
      new ConvTranspose2d(hidden, half, 4, strided),
      new ReLU(),
      new ConvTranspose2d(half, channels, 4, strided),
    );
    this.counters = { codes: options.codes };
    this.#options = options;
    this.#grid = [Math.ceil(height / 4), Math.ceil(width / 4)];
  }

  /** [D, ⌈h/4⌉, ⌈w/4⌉]. */
  override get latentShape(): Shape {
    return [this.latent, ...this.#grid];
  }

  /** Places of the grid, so codes per image. */
  get places(): number {
    return this.#grid[0] * this.#grid[1];
  }

  /** The indices of images' codes: [B, c, h, w] → int32 [B, ⌈h/4⌉, ⌈w/4⌉]. */
  indices(x: Tensor): Tensor {
    return reshape(this.codebook.nearest(rowsOf(this.#features(x))), [x.shape[0]!, ...this.#grid]);
  }

  /** The quantized latents: [B, D, ⌈h/4⌉, ⌈w/4⌉]. */
  encode(x: Tensor): Code {
    return { mean: this.#image(this.codebook.forward(rowsOf(this.#features(x)))) };
  }

  /** Decodes quantized latents (it takes others too, but has never seen any): [B, D, ⌈h/4⌉, ⌈w/4⌉] → [B, c, h, w]. */
  decode(z: Tensor): Tensor {
    const decoded = this.decoder.forward(z);
    const [, height, width] = this.imageShape;
    return this.#missing.some((extent) => extent > 0)
      ? slice(decoded, null, null, [0, height], [0, width])
      : decoded;
  }

  /**
   * Draws every place's code uniformly. This is the bound's prior, but since places are not independent, the images are
   * noise.
   */
  override samplePrior(count: number, noise: Generator): Tensor {
    const indices = drawIndices(count * this.places, this.codebook.count, noise);
    return this.#image(this.codebook.lookUp(indices));
  }

  objective(x: Tensor, { noise }: TrainingContext): Objective {
    const { codebook, commitment } = this.#options;
    const z = this.#features(x);
    const rows = rowsOf(constant(z));
    const assigned = this.codebook.oneHot(this.codebook.nearest(rows));
    const used = sum(assigned, 0);
    const codes = matmul(assigned, this.codebook.weight);
    if (this.training) this.codebook.learn(rows, assigned, used, noise);

    const gap = sub(z, this.#image(constant(codes)));
    const quantization = this.#reduced(square(gap));
    const reconstruction = this.reconstruction(this.decode(sub(z, constant(gap))), x);
    let loss = add(reconstruction, mul(quantization, commitment));
    if (codebook === 'loss') loss = add(loss, this.#reduced(square(sub(rows, codes))));
    return { loss, parts: { reconstruction, quantization }, counters: { codes: used } };
  }

  /** Rows and columns that make the image a multiple of 4. */
  get #missing(): readonly [height: number, width: number] {
    const [, height, width] = this.imageShape;
    return [4 * this.#grid[0] - height, 4 * this.#grid[1] - width];
  }

  /** z, before it is quantized: [B, c, h, w] → [B, D, ⌈h/4⌉, ⌈w/4⌉]. */
  #features(x: Tensor): Tensor {
    const [below, right] = this.#missing;
    const whole =
      below + right > 0
        ? pad(x, [
            [0, 0],
            [0, 0],
            [0, below],
            [0, right],
          ])
        : x;
    return this.encoder.forward(whole);
  }

  /** Reduces squares as the reconstruction is reduced. */
  #reduced(squares: Tensor): Tensor {
    const images = squares.size / (this.latent * this.places);
    return mul(sum(squares), 1 / (this.reduction === 'mean' ? squares.size : images));
  }

  /** Rows [B·h·w, D] → [B, D, h, w]. */
  #image(rows: Tensor): Tensor {
    return permute(reshape(rows, [-1, ...this.#grid, this.latent]), [0, 3, 1, 2]);
  }

  /** With q(z | x) certain and p(z) uniform, the KL divergence is a constant: the length of the codes. */
  override nats({ reconstruction }: Metrics): Nats {
    const nats = this.reconstructionNats(reconstruction!);
    const kl = this.places * Math.log(this.codebook.count);
    return { elbo: -(nats + kl), reconstruction: nats, kl };
  }

  /** `perplexity`: how many codes an epoch effectively used, 1 to K. */
  override metricsOfCounters({ codes }: Readonly<Record<string, NumericArray>>): Metrics {
    return { perplexity: perplexity(codes!) };
  }
}

/** [B, D, h, w] → the vectors of all places, [B·h·w, D]. */
const rowsOf = (z: Tensor): Tensor => reshape(permute(z, [0, 2, 3, 1]), [-1, z.shape[1]!]);

const { network: _, ...options } = imageOptions;

/** `VectorQuantizedVAE` by name. */
export const vqVae: ModelSpec = {
  name: 'vq-vae',
  summary: 'vector-quantized VAE: a grid of codes from a codebook, moving averages or a loss',
  defaults: {
    ...options,
    latent: 16,
    hidden: 32,
    codes: 128,
    codebook: 'ema',
    commitment: 0.25,
    decay: 0.99,
    restart: 1,
    ...usualTraining,
    epochs: 30,
    lr: 2e-3,
  },
  units: (options) => {
    const { reduction, commitment, codebook } = options;
    const weight = codebook === 'loss' ? `(1 + ${commitment})` : commitment;
    const distance = reduction === 'mean' ? 'mean squared distance' : 'squared distance';
    return `${reconstructionUnits(options)} + ${weight} · ${distance} from the codes`;
  },
  build: (imageShape, options, generator) => new VectorQuantizedVAE(imageShape, options, generator),
};
