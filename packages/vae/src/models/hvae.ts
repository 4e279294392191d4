import { Linear, ReLU, Sequential } from '@tapegrad/nn';
import {
  add,
  clamp,
  concat,
  exp,
  type Generator,
  mul,
  sigmoid,
  slice,
  softplus,
  sub,
  sum,
  type Tensor,
} from '@tapegrad/tensor';
import { klFromLogSigma, LOG_SIGMA } from '../objectives.ts';
import { imageOptionsInNats, klOptions, usualTraining } from './defaults.ts';
import type { ImageShape, ModelSpec, Objective, TrainingContext } from './model.ts';
import { decoderNetwork, encoderNetwork } from './networks.ts';
import type { ModelOptions } from './options.ts';
import { elboUnits } from './units.ts';
import { type Draw, type GaussianCode, repeatRows, VariationalAutoencoder } from './vae.ts';

/**
 * A hierarchical VAE with the ladder's inference (Sønderby et al. 2016). Level 1 is next to the image, level L on top:
 *
 *     p(z_L) = N(0, 1),   p(z_l | z_{l+1}) = N(μ_p, σ_p²) by the network `falling`,   p(x | z_1) by `decoder`
 *
 * Bottom-up, `encoder` and the networks `rising` give (μ̂_l, σ̂_l) for each level. Top-down, each level combines them
 * with its prior by precision: σ_q⁻² = σ̂⁻² + σ_p⁻²,  μ_q = σ_q² · (μ̂/σ̂² + μ_p/σ_p²); the top level takes them as
 * they are.
 *
 * A level's latent is stored as v_l = (z_l − μ_p)/σ_p, so that under the prior every v is N(0, 1), and a level's KL(q ‖
 * p) given the one above is that of v from N(0, 1). A code is [v_L, …, v_1], top level first. With one level it is
 * `PlainVAE`.
 */
export class HierarchicalVAE extends VariationalAutoencoder {
  override readonly metricNames: readonly string[];
  readonly encoder: Sequential;
  readonly rising: readonly Sequential[];
  readonly falling: readonly Sequential[];
  readonly decoder: Sequential;
  /** Dimensions of the levels, level 1 first. */
  readonly #sizes: readonly number[];

  constructor(imageShape: ImageShape, options: ModelOptions, generator: Generator) {
    const sizes = levelSizes(options);
    super(imageShape, { ...options, latent: sizes.reduce((all, size) => all + size, 0) }, generator);
    this.#sizes = sizes;
    const levels = sizes.length > 1 ? sizes.map((_, i) => `kl${i + 1}`) : [];
    this.metricNames = ['reconstruction', 'kl', ...levels];
    const { network, hidden } = options;
    const between = (inputs: number, outputs: number) =>
      new Sequential(
        new Linear(inputs, hidden, { generator }),
        new ReLU(),
        new Linear(hidden, outputs, { generator }),
      );
    this.encoder = encoderNetwork(network, imageShape, hidden, 2 * sizes[0]!, generator);
    this.rising = sizes.slice(1).map((size, i) => between(2 * sizes[i]!, 2 * size));
    this.falling = sizes.slice(1).map((size, i) => between(size, 2 * sizes[i]!));
    this.decoder = decoderNetwork(network, imageShape, hidden, sizes[0]!, generator);
  }

  /** What the bottom-up path gives for each level, level 1 first: [B, 2·d_l], μ̂ and log σ̂ side by side. */
  override posteriorParameters(x: Tensor): readonly Tensor[] {
    const levels = [this.encoder.forward(x)];
    for (const network of this.rising) levels.push(network.forward(levels.at(-1)!));
    return levels;
  }

  /** The posterior of v, [B, Σd_l], with the levels above at their means. */
  encode(x: Tensor): GaussianCode {
    return this.#descend(this.posteriorParameters(x), (mean) => mean);
  }

  protected override samplePosterior(posterior: readonly Tensor[], noise: Generator, samples = 1): Draw {
    const epsilons: Tensor[] = [];
    const rows = posterior.map((t) => repeatRows(t, samples));
    const { mean, logSigma, v } = this.#descend(rows, (mean, logSigma) => {
      epsilons.push(noise.normal(mean.shape));
      return add(mean, mul(exp(logSigma), epsilons.at(-1)!));
    });
    return { mean, logSigma, z: v, epsilon: joined(epsilons) };
  }

  override objective(x: Tensor, context: TrainingContext): Objective {
    const { mean, logSigma, z } = this.samplePosterior(this.posteriorParameters(x), context.noise);
    const kl = klFromLogSigma(mean, logSigma);
    const objective = this.assemble(this.reconstruction(this.decode(z), x), kl, context);
    if (this.#sizes.length === 1) return objective;
    const levels = this.#split(kl).map((part, i) => [`kl${i + 1}`, mul(sum(part), 1 / x.shape[0]!)]);
    return { ...objective, parts: { ...objective.parts, ...Object.fromEntries(levels) } };
  }

  /** [B, Σd_l], the top level first, each N(0, 1) under the prior. */
  decode(code: Tensor): Tensor {
    const levels = this.#split(code);
    let z = levels.pop()!;
    for (let l = levels.length - 1; l >= 0; l--) {
      const prior = halves(this.falling[l]!.forward(z));
      z = add(prior.mean, mul(exp(prior.logSigma), levels[l]!));
    }
    return this.decoder.forward(z);
  }

  /** Goes from the top level down; `draw` picks v_l from its posterior. */
  #descend(posterior: readonly Tensor[], draw: (mean: Tensor, logSigma: Tensor) => Tensor) {
    const top = halves(posterior.at(-1)!);
    const [means, logSigmas, vs] = [[top.mean], [top.logSigma], [draw(top.mean, top.logSigma)]];
    let z = vs[0]!;
    for (let l = posterior.length - 2; l >= 0; l--) {
      const [bottomUp, prior] = [halves(posterior[l]!), halves(this.falling[l]!.forward(z))];
      // The share of σ̂⁻² in the sum of both precisions is sigmoid(2·(log σ_p − log σ̂)).
      const certainty = mul(sub(prior.logSigma, bottomUp.logSigma), 2);
      const surprise = mul(sub(bottomUp.mean, prior.mean), exp(mul(prior.logSigma, -1)));
      means.push(mul(surprise, sigmoid(certainty)));
      logSigmas.push(mul(softplus(certainty), -0.5));
      vs.push(draw(means.at(-1)!, logSigmas.at(-1)!));
      z = add(prior.mean, mul(exp(prior.logSigma), vs.at(-1)!));
    }
    return { mean: joined(means), logSigma: joined(logSigmas), v: joined(vs) };
  }

  /** Cuts [B, Σd_l], top level first, into its levels, level 1 first. */
  #split(code: Tensor): Tensor[] {
    return this.#sizes.map((size, l) => {
      const start = this.#sizes.slice(l + 1).reduce((sum, above) => sum + above, 0);
      return slice(code, null, [start, start + size]);
    });
  }
}

/** The lowest level has all the dimensions that were asked for, and each level above half as many as the one below. */
const levelSizes = ({ latent, levels }: ModelOptions): number[] =>
  Array.from({ length: levels }, (_, l) => Math.max(1, Math.floor(latent / 2 ** l)));

const joined = (parts: readonly Tensor[]) => (parts.length === 1 ? parts[0]! : concat(parts, 1));

/** [B, 2·d] as μ and log σ. */
function halves(both: Tensor): GaussianCode {
  const d = both.shape[1]! / 2;
  return { mean: slice(both, null, [0, d]), logSigma: clamp(slice(both, null, [d]), LOG_SIGMA) };
}

/** `HierarchicalVAE` by name. */
export const hvae: ModelSpec = {
  name: 'hvae',
  summary: 'hierarchical VAE: levels of latents, each with its prior from the level above, in nats',
  defaults: {
    ...imageOptionsInNats,
    latent: 20,
    likelihood: 'bernoulli',
    levels: 2,
    ...klOptions,
    warmup: 'linear',
    ...usualTraining,
  },
  units: (options) => elboUnits({ ...options, reduction: 'sum' }),
  build: (imageShape, options, generator) =>
    new HierarchicalVAE(imageShape, { ...options, reduction: 'sum' }, generator),
};
