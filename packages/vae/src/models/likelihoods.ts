import { Module, parameter } from '@tapegrad/nn';
import {
  add,
  clamp,
  type Device,
  exp,
  mul,
  sigmoid,
  softplus,
  square,
  sub,
  type Tensor,
  zeros,
} from '@tapegrad/tensor';
import type { ModelOptions } from './options.ts';

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

/** p(x | output) of a pixel. It is a module because it may have a parameter of its own. */
export abstract class Likelihood extends Module {
  abstract readonly normalization: Normalization;
  /** How many nats a unit of `loss` is worth. */
  abstract readonly nats: number;
  /** The constant nats per pixel that `loss` leaves out: nothing can be learned from them. */
  abstract readonly constant: number;

  /** −log p of every pixel, up to the factor `nats` and the term `constant`; x may broadcast against the output. */
  abstract loss(output: Tensor, x: Tensor): Tensor;
  /** The most likely pixels, in [0, 1], of the output's shape. */
  abstract pixels(output: Tensor): Tensor;

  forward(output: Tensor): Tensor {
    return this.pixels(output);
  }
}

/**
 * Bernoulli from logits, for pixels in [0, 1]. For grey pixels it is not a likelihood: binarize to compare with
 * others.
 */
export class Bernoulli extends Likelihood {
  readonly normalization = normalize(0, 1);
  readonly nats = 1;
  readonly constant = 0;

  /** As `bceWithLogitsLoss`, but one image may be compared with many logits. */
  loss(logits: Tensor, x: Tensor): Tensor {
    return sub(softplus(logits), mul(logits, x));
  }

  pixels(logits: Tensor): Tensor {
    return sigmoid(logits);
  }
}

/** N(output, 1) of normalized pixels: the squared error, a unit of which is worth half a nat. */
export class Gaussian extends Likelihood {
  readonly normalization: Normalization;
  readonly nats: number = 0.5;
  readonly constant = 0.5 * Math.log(2 * Math.PI);
  readonly #options: PixelOptions;

  constructor(options: PixelOptions) {
    super();
    this.#options = options;
    this.normalization = normalize(options.pixelMean, options.pixelStd);
  }

  loss(output: Tensor, x: Tensor): Tensor {
    return square(sub(output, x));
  }

  pixels(output: Tensor): Tensor {
    const { pixelMean, pixelStd } = this.#options;
    return clamp(add(mul(output, pixelStd), pixelMean), { min: 0, max: 1 });
  }
}

/**
 * N(output, σ²) with one σ for all pixels, learned as log σ (σ-VAE, Rybkin et al. 2021): (x − x̂)²/σ² + 2·log σ, a
 * unit of which is worth half a nat. It finds the balance of reconstruction and KL by itself, so β may stay 1.
 */
export class LearnedSigma extends Gaussian {
  readonly logSigma: Tensor;

  constructor(options: PixelOptions, device: Device) {
    super(options);
    this.logSigma = parameter(zeros([1], { device }));
  }

  override loss(output: Tensor, x: Tensor): Tensor {
    // Up to e^6, float32 still tells pixels apart. An exact model would drive σ to 0, and the loss to −∞.
    const logSigma = clamp(this.logSigma, { min: -6, max: 6 });
    return add(mul(super.loss(output, x), exp(mul(logSigma, -2))), mul(logSigma, 2));
  }
}

/** How pixels are normalized. */
export type PixelOptions = Pick<ModelOptions, 'pixelMean' | 'pixelStd'>;

/** The likelihood that an option names. */
export function likelihoodOf(
  options: PixelOptions & Pick<ModelOptions, 'likelihood'>,
  device: Device,
): Likelihood {
  if (options.likelihood === 'bernoulli') return new Bernoulli();
  return options.likelihood === 'sigma' ? new LearnedSigma(options, device) : new Gaussian(options);
}
