import { evenly } from './codes.ts';
import { type Curve, type Densities, NoPicture } from './picture.ts';
import { normalDensity } from './quantile.ts';
import type { Subject } from './subject.ts';

/** How many deviations a curve extends to either side, and the number of its points. */
const REACH = 4;
const POINTS = 65;
/** The part of the prior that is always shown. */
const PRIOR = 3.5;

/**
 * The posteriors q(z | x) of a few images of the test set in each latent dimension, over the prior N(0, 1); the most
 * informative dimensions first.
 * @throws NoPicture if the encoder is not stochastic
 */
export async function posteriors(
  subject: Subject,
  { rows = 20, indices = subject.heldOut }: { rows?: number; indices?: readonly number[] } = {},
): Promise<Densities> {
  const statistics = await subject.statistics();
  if (!statistics)
    throw new NoPicture('the encoder is not stochastic: an image has one code, and no distribution of codes');
  const { means, logSigmas, size } = await subject.encodeFully(indices);
  const order = await subject.dimensions();
  const shown = order.slice(0, rows);
  const labels = subject.data.test.labels;
  const gaussians = shown.map((d) =>
    indices.map((_, i) => ({ mean: means[i * size + d]!, std: Math.exp(logSigmas![i * size + d]!) })),
  );
  const ends = gaussians.flat().filter(({ mean, std }) => Number.isFinite(mean) && Number.isFinite(std));
  const low = Math.min(-PRIOR, ...ends.map(({ mean, std }) => mean - 2.5 * std));
  const high = Math.max(PRIOR, ...ends.map(({ mean, std }) => mean + 2.5 * std));
  const limited =
    shown.length < order.length
      ? ` The ${shown.length} of ${order.length} dimensions with the largest KL divergence are shown.`
      : '';
  return {
    kind: 'densities',
    title: 'posteriors',
    caption:
      `The densities q(z | x) of the codes of ${indices.length === 1 ? 'one test image' : `${indices.length} test images`} ` +
      'in each latent dimension, over the prior. Where they are narrow and apart, the dimension tells the images apart; ' +
      'in one that has been given up, all lie on the prior. Each panel is as high as its highest curve; the numbers are ' +
      `the KL divergence over all images.${limited}`,
    range: [low, high],
    names: subject.names(indices).map((name, i) => ({ name, color: labels?.[indices[i]!] ?? i })),
    behind: { name: 'prior', ...gaussian(0, 1) },
    rows: shown.map((d, k) => ({
      name: `z${d}`,
      detail: `${statistics.kl[d]!.toFixed(2)} nats`,
      curves: gaussians[k]!.map(({ mean, std }) => gaussian(mean, std)),
    })),
  };
}

/** Its points are close together where the curve is steep, however narrow it is. */
function gaussian(mean: number, std: number): Curve {
  const steps = evenly(REACH, POINTS);
  return {
    x: Float64Array.from(steps, (t) => mean + t * std),
    y: Float64Array.from(steps, (t) => normalDensity(t) / std),
  };
}
