import { imageOptionsInNats, klOptions, usualTraining } from './defaults.ts';
import type { ModelSpec } from './model.ts';
import { type ModelOptions, OptionError } from './options.ts';
import { elboUnits } from './units.ts';
import { PlainVAE } from './vae.ts';

/**
 * The β-VAE (Higgins et al. 2017): a VAE whose KL divergence weighs more than it does in the ELBO,
 *
 *     loss = −log p(x | z) + β · KL
 *
 * so that few dimensions of the code are used, each for one thing. With γ > 0 it is the capacity form (Burgess et al.
 * 2018), γ · |KL − C| with C growing from 0, and β is not used. `klPenalty` has both.
 */
export const betaVae: ModelSpec = {
  name: 'beta-vae',
  summary: 'β-VAE, in nats: likelihood + β · KL, or with --gamma the capacity form γ · |KL − C|',
  defaults: {
    ...imageOptionsInNats,
    latent: 10,
    likelihood: 'bernoulli',
    ...klOptions,
    beta: 4,
    gamma: 0,
    capacity: 25,
    capacityEpochs: 10,
    ...usualTraining,
  },
  units: (chosen) => elboUnits({ ...chosen, reduction: 'sum' }),
  build(imageShape, chosen, generator) {
    assertOneForm(chosen);
    return new PlainVAE(imageShape, { ...chosen, reduction: 'sum' }, generator);
  },
};

/** @throws if the capacity form is asked for together with a schedule of β or with free bits, which it does not have */
function assertOneForm({ gamma, warmup, freeBits }: ModelOptions): void {
  if (gamma > 0 && (warmup !== 'none' || freeBits > 0)) {
    const what = warmup !== 'none' ? `--warmup ${warmup}` : `--free-bits ${freeBits}`;
    throw new OptionError(
      `gamma ${gamma}: the capacity form γ·|KL − C| has no place for ${what}: leave one of them out`,
    );
  }
}
