import { add, exp, type Generator, mul, square, sub, type Tensor } from '@tapegrad/tensor';

/** KL of N(μ, σ²) from N(0, 1) for every dimension: (σ² + μ² − 1)/2 − log σ. Takes log σ, not log σ². */
export function klFromLogSigma(mean: Tensor, logSigma: Tensor): Tensor {
  return sub(mul(sub(add(exp(mul(logSigma, 2)), square(mean)), 1), 0.5), logSigma);
}

/** z = μ + σ·ε, with ε drawn for every sample and dimension (Kingma and Welling 2014). */
export function reparameterize(mean: Tensor, logSigma: Tensor, noise: Generator): Tensor {
  return add(mean, mul(exp(logSigma), noise.normal(mean.shape)));
}

/** Bounds of log σ: outside, exp(2·log σ) leaves float32 long before the model gains anything. */
export const LOG_SIGMA = { min: -15, max: 15 } as const;

/** −log N(x; x̂, 1) summed over N pixels: half the squared error, plus N/2·log 2π. */
export const gaussianNats = (squaredErrorSum: number, pixels: number): number =>
  0.5 * squaredErrorSum + 0.5 * pixels * Math.log(2 * Math.PI);
