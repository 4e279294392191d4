import type { Tensor } from '@tapegrad/tensor';
import { logSumExp, mean, mul, neg, sub, sum } from '@tapegrad/tensor';
import { klFromLogSigma } from '../objectives.ts';
import { imageOptionsInNats, usualTraining } from './defaults.ts';
import type { ModelSpec, Objective, TrainingContext } from './model.ts';
import { logRatios, PlainVAE } from './vae.ts';

/**
 * The importance-weighted autoencoder (Burda, Grosse and Salakhutdinov 2016): the VAE's networks, and a tighter bound,
 *
 *     loss = −log 1/k · Σ_i w_i,    w_i = p(x, z_i) / q(z_i | x),    z_i ~ q(z | x)
 *
 * averaged over the batch, in nats, including the likelihood's constants. With k = 1 it is the VAE's with a sampled KL.
 * `reconstruction` and `kl` are the parts of the ELBO (the mean over the samples, and the exact divergence).
 */
export class ImportanceWeightedAutoencoder extends PlainVAE {
  override objective(x: Tensor, { noise }: TrainingContext): Objective {
    const { samples } = this.options;
    const batch = x.shape[0]!;
    const draw = this.samplePosterior(this.posteriorParameters(x), noise, samples);
    const likelihoods = this.logLikelihoods(this.decode(draw.z), x);
    const weights = likelihoods.add(logRatios(draw, batch));
    const bound = sub(logSumExp(weights, 1), Math.log(samples));
    const constants = this.pixelCount * this.likelihood.constant;
    return {
      loss: neg(mean(bound)),
      parts: {
        reconstruction: sub(neg(mean(likelihoods)), constants),
        kl: mul(sum(klFromLogSigma(draw.mean, draw.logSigma)), 1 / (batch * samples)),
      },
    };
  }

  override get effectiveBeta(): undefined {
    return undefined;
  }
}

/** `ImportanceWeightedAutoencoder` by name. */
export const iwae: ModelSpec = {
  name: 'iwae',
  summary: 'importance-weighted autoencoder: a bound from k samples of each image, binarized pixels',
  defaults: {
    ...imageOptionsInNats,
    network: 'mlp',
    latent: 20,
    hidden: 200,
    likelihood: 'bernoulli',
    samples: 5,
    ...usualTraining,
    epochs: 20,
    binarize: 'dynamic',
  },
  units: ({ likelihood }) =>
    `nats per image${likelihood === 'bernoulli' ? '' : ', constants included'} (bound of k samples)`,
  build: (imageShape, options, generator) =>
    new ImportanceWeightedAutoencoder(imageShape, { ...options, reduction: 'sum' }, generator),
};
