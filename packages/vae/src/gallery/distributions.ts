import { ACTIVE } from '../statistics.ts';
import { type Bars, type Histogram, type Histograms, NoPicture } from './picture.ts';
import type { Subject } from './subject.ts';

/** Statistics of a latent space, dimension by dimension. */

const BINS = 40;

/**
 * The KL divergence of each dimension from the prior, the largest first; active dimensions are marked.
 * @throws NoPicture if the encoder is not stochastic
 */
export async function klBars(subject: Subject): Promise<Bars> {
  const statistics = await subject.statistics();
  if (!statistics) throw new NoPicture('the encoder is not stochastic: there is no KL divergence');
  const { kl, varianceOfMean, activeUnits } = statistics;
  const total = kl.reduce((sum, value) => sum + value, 0);
  const order = await subject.dimensions();
  return {
    kind: 'bars',
    title: 'KL per dimension',
    caption:
      `Nats that each latent dimension has to tell of an image, on average, ${total.toFixed(2)} in all. ` +
      `${activeUnits} of ${kl.length} are active: the variance of the posterior's mean is over ${ACTIVE}.`,
    unit: 'nats',
    marks: ['active', 'not active'],
    rows: order.map((d) => ({ name: `z${d}`, value: kl[d]!, marked: varianceOfMean[d]! > ACTIVE })),
  };
}

/** How μ and σ are distributed over the images, for the most informative dimensions. */
export async function histograms(
  subject: Subject,
  { rows = 20 }: { rows?: number } = {},
): Promise<Histograms> {
  const { means, logSigmas, size } = await subject.codes();
  const order = await subject.dimensions();
  const shown = order.slice(0, rows);
  const column = (values: ArrayLike<number>, d: number, of: (value: number) => number) =>
    Float64Array.from({ length: values.length / size }, (_, i) => of(values[i * size + d]!));
  const limited =
    shown.length < order.length ? ` ${shown.length} of ${order.length} dimensions are shown.` : '';
  const what = logSigmas
    ? 'The mean μ and the deviation σ of the posterior: a dimension that is not used has μ at 0 and σ at 1.'
    : 'The codes of the training images; the encoder is not stochastic, so there is no σ.';
  const mus = shown.map((d) => column(means, d, (mu) => mu));
  const sigmas = shown.map((d) => logSigmas && column(logSigmas, d, Math.exp));
  // One scale for all μ and one for all σ, so that rows can be compared.
  const [muRange, sigmaRange] = [rangeOver(mus), rangeOver(sigmas.filter((values) => values !== undefined))];
  return {
    kind: 'histograms',
    title: logSigmas ? 'μ and σ' : 'codes',
    caption: `${what}${limited}`,
    rows: shown.map((d, i) => ({
      name: `z${d}`,
      cells: [
        histogram(logSigmas ? 'μ' : 'z', mus[i]!, muRange),
        ...(sigmas[i] ? [histogram('σ', sigmas[i], [0, sigmaRange[1]])] : []),
      ],
    })),
  };
}

/** Counts values in `BINS` equally wide bins over a range, as shares of all of them. */
export function histogram(
  name: string,
  values: Float64Array,
  [low, high]: readonly [number, number],
): Histogram {
  const shares = new Array<number>(BINS).fill(0);
  const width = (high - low) / BINS;
  for (const value of values) {
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor((value - low) / width)));
    shares[bin]! += 1 / values.length;
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { name, low, high, shares, mean, std: Math.sqrt(variance) };
}

/** From the smallest to the largest of all values; widened a little if they are all the same. */
function rangeOver(columns: readonly Float64Array[]): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const values of columns) {
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (high - low > 1e-9) return [low, high];
  return Number.isFinite(low) ? [low - 0.5, high + 0.5] : [0, 1];
}
