import {
  abs,
  add,
  clamp,
  type Generator,
  greater,
  log,
  mean,
  mul,
  neg,
  relu,
  sigmoid,
  sub,
  sum,
  type Tensor,
} from '@tapegrad/tensor';
import { PlainAutoencoder } from './ae.ts';
import { courseTraining, imageOptions } from './defaults.ts';
import type { Code, ImageShape, ModelSpec, Objective, TrainingContext } from './model.ts';
import type { ModelOptions } from './options.ts';
import { reconstructionUnits } from './units.ts';

/** Bounds that keep logarithms of mean activations finite: in float32 a sigmoid can be 0 or 1. */
const ACTIVATION = { min: 1e-6, max: 1 - 1e-6 } as const;

/**
 * The sparse autoencoder: more units in the code than an image needs, of which each image may use only a few.
 *
 *     loss = −log p(x | z) + λ · sparsity(z)
 *     l1:  z = relu(f(x)),     sparsity = mean_B Σ_j |z_j|
 *     kl:  z = sigmoid(f(x)),  sparsity = Σ_j ρ·log(ρ/ρ̂_j) + (1 − ρ)·log((1 − ρ)/(1 − ρ̂_j)),   ρ̂_j = mean_B z_j
 *
 * (Ng 2011, CS294A, for the second.) The ReLU makes exact zeros; the KL divergence is that between two coins, so it
 * needs activations in (0, 1). `active` is the share of the code's units that are on: above 0, or above ½.
 */
export class SparseAutoencoder extends PlainAutoencoder {
  override readonly metricNames = ['reconstruction', 'sparsity', 'active'];
  readonly options: ModelOptions;

  constructor(imageShape: ImageShape, options: ModelOptions, generator: Generator) {
    super(imageShape, options, generator);
    this.options = options;
  }

  override encode(x: Tensor): Code {
    const z = this.encoder.forward(x);
    return { mean: this.options.sparsity === 'kl' ? sigmoid(z) : relu(z) };
  }

  override objective(x: Tensor, _context: TrainingContext): Objective {
    const { sparsity: kind, sparsityWeight, rho } = this.options;
    const z = this.encode(x).mean;
    const reconstruction = this.reconstruction(this.decode(z), x);
    const sparsity = kind === 'kl' ? klFromRate(mean(z, 0), rho) : mul(sum(abs(z)), 1 / x.shape[0]!);
    const active = mean(greater(z, kind === 'kl' ? 0.5 : 0));
    const loss = add(reconstruction, mul(sparsity, sparsityWeight));
    return { loss, parts: { reconstruction, sparsity, active } };
  }

  /**
   * Codes such as the encoder could make, since there is no prior: units on with probability ρ, or N(0, 1) through a
   * ReLU.
   */
  override samplePrior(count: number, noise: Generator): Tensor {
    const shape = [count, this.latent];
    return this.options.sparsity === 'kl'
      ? noise.bernoulli(shape, this.options.rho)
      : relu(noise.normal(shape));
  }
}

/** Σ_j KL of a coin with probability ρ from one with rate ρ̂_j: [d] → []. */
export function klFromRate(rates: Tensor, rho: number): Tensor {
  const bounded = clamp(rates, ACTIVATION);
  const cross = add(mul(log(bounded), rho), mul(log(sub(1, bounded)), 1 - rho));
  const entropy = -rho * Math.log(rho) - (1 - rho) * Math.log(1 - rho);
  return sum(sub(neg(cross), entropy));
}

/** `SparseAutoencoder` by name. */
export const sparseAe: ModelSpec = {
  name: 'sparse-ae',
  summary: 'sparse autoencoder: many units in the code, few of them on',
  defaults: {
    ...imageOptions,
    latent: 64,
    sparsity: 'l1',
    sparsityWeight: 1e-3,
    rho: 0.05,
    ...courseTraining,
  },
  units: (options) =>
    `${reconstructionUnits(options)} + ${options.sparsityWeight} · ${options.sparsity === 'kl' ? 'ΣKL(ρ‖ρ̂)' : 'Σ|z|'}`,
  build: (imageShape, options, generator) => new SparseAutoencoder(imageShape, options, generator),
};
