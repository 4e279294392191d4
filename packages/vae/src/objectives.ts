import { abs, add, clamp, exp, floor, mean, mul, square, sub, sum, type Tensor } from '@tapegrad/tensor';
import type { TrainingContext } from './models/model.ts';
import type { ModelOptions } from './models/options.ts';

/**
 * KL of N(μ, σ²) from N(0, 1) for every dimension: (σ² + μ² − 1)/2 − log σ, in the inputs' shape. Takes log σ, not
 * log σ².
 */
export function klFromLogSigma(mean: Tensor, logSigma: Tensor): Tensor {
  return sub(mul(sub(add(exp(mul(logSigma, 2)), square(mean)), 1), 0.5), logSigma);
}

/** Bounds of log σ: beyond them exp(2·log σ) leaves float32's range long before a model gains anything. */
export const LOG_SIGMA = { min: -15, max: 15 } as const;

/** The options that `klPenalty` depends on. */
export type PenaltyOptions = Pick<
  ModelOptions,
  'beta' | 'reduction' | 'warmup' | 'warmupEpochs' | 'freeBits' | 'gamma' | 'capacity' | 'capacityEpochs'
>;

/**
 * The loss's penalty on the KL divergence of every image and dimension, [B, d] → []:
 *
 *     β(t) · Σ_d max(λ, mean_B KL_d)        λ: free bits (Kingma et al. 2016), for the batch's mean
 *     γ · |Σ_d mean_B KL_d − C(t)|          the capacity form (Burgess et al. 2018), of the batch's mean
 *
 * With `reduction: 'mean'`, the sums become means over dimensions (except in the capacity form, whose C is in nats).
 */
export function klPenalty(kl: Tensor, options: PenaltyOptions, context: TrainingContext): Tensor {
  const { beta, reduction, freeBits, gamma, capacity, capacityEpochs } = options;
  const dimensions = kl.shape[1]!;
  const perDimension = () => mean(kl, 0);
  if (gamma > 0) {
    const reached = clamp(mul(context.epoch(), capacity / capacityEpochs), { max: capacity });
    return mul(abs(sub(sum(perDimension()), reached)), gamma);
  }
  const total = freeBits > 0 ? sum(clamp(perDimension(), { min: freeBits })) : mul(sum(kl), 1 / kl.shape[0]!);
  const weight = beta * (reduction === 'mean' ? 1 / dimensions : 1);
  return options.warmup === 'none'
    ? mul(total, weight)
    : mul(mul(total, weight), warmth(options, context.epoch()));
}

/**
 * How far β has risen, from 0 to 1: []. Linear: over `warmupEpochs` (Bowman et al. 2016; Sønderby et al. 2016).
 * Cyclical: over the first half of each cycle of `warmupEpochs`, then 1 until its end (Fu et al. 2019).
 */
export function warmth(
  { warmup, warmupEpochs }: Pick<ModelOptions, 'warmup' | 'warmupEpochs'>,
  epoch: Tensor,
): Tensor {
  const progress = mul(epoch, 1 / warmupEpochs);
  const rise = warmup === 'cyclical' ? mul(sub(progress, floor(progress)), 2) : progress;
  return clamp(rise, { max: 1 });
}
