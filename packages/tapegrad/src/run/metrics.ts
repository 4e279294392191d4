import { type Device, tensor } from '@tapegrad/tensor';
import type { Metrics, Nats } from '@tapegrad/vae';
import {
  Evaluation,
  encodeAll,
  importanceWeighted,
  type LatentStatistics,
  latentStatistics,
  VariationalAutoencoder,
} from '@tapegrad/vae';
import type { Dataset } from '../data/dataset.ts';
import type { OpenRun } from './run.ts';

/** All metrics of a run on a test set: what `tapegrad evaluate` prints. */
export interface RunMetrics {
  readonly model: string;
  readonly data: string;
  /** Test images. */
  readonly images: number;
  /** The unit of the objective and its parts. */
  readonly units: string;
  readonly test: Metrics;
  /** The ELBO and its parts per image, with z drawn from the posterior. */
  readonly nats?: Nats;
  /** −ELBO per number of an image, in bits, if that means something: see `bitsPerDimension`. */
  readonly bitsPerDimension?: number;
  readonly importanceWeighted?: {
    readonly samples: number;
    readonly images: number;
    /** The mean over the images in nats, and its standard error. */
    readonly logLikelihood: number;
    readonly standardError: number;
  };
  /**
   * Mean squared error of reconstructions from the code's mean, pixels in [0, 1], and its share of the pixels'
   * variance.
   */
  readonly reconstruction: { readonly mse: number; readonly shareOfVariance: number };
  readonly latent?: LatentStatistics;
  readonly effectiveBeta?: number;
  /** What readers must know about these metrics. */
  readonly notes: readonly string[];
}

/** Options of `runMetrics`. */
export interface MetricsOptions {
  /** k of the importance-weighted log-likelihood, and for how many of the first test images; 0: none. */
  readonly samples: number;
  readonly images: number;
  /** Draws decoded per step. */
  readonly rows?: number;
  /** Called with the kind of work, the number of images done and the total. */
  readonly progress?: (what: string, done: number, total: number) => void;
}

/** Computes all metrics of a run on a test set. */
export async function runMetrics(
  { config, spec, model }: OpenRun,
  data: Dataset,
  device: Device,
  { samples, images: most, rows, progress }: MetricsOptions,
): Promise<RunMetrics> {
  // Late enough that all schedules have finished.
  const epoch = () => tensor(Math.max(config.epochs, config.warmupEpochs, config.capacityEpochs), { device });
  const telling = (what: string) =>
    progress && ((done: number, total: number) => progress(what, done, total));
  const evaluation = new Evaluation(model, data.test, config.seed, epoch, device);
  const test = await evaluation.run(telling('loss of test images'));
  const nats = model.nats(test);
  const codes = await encodeAll(model, data.test, device, {
    reconstruct: true,
    progress: telling('encoding test images'),
  });
  const latent = model.isVector ? latentStatistics(codes) : undefined;
  const mse = meanOf(codes.errors);
  const weighable = model instanceof VariationalAutoencoder && samples > 0 && most > 0;
  const count = Math.min(most, data.test.count);
  const estimates = weighable
    ? await importanceWeighted(model, { ...data.test, count }, device, {
        samples,
        seed: config.seed,
        rows,
        progress: telling('log-likelihood of test images'),
      })
    : undefined;
  const bits = nats && bitsPerDimension(nats, model.pixelCount, config);
  const { effectiveBeta } = model;
  return {
    model: config.model,
    data: data.name,
    images: data.test.count,
    units: spec.units(config),
    test,
    ...(nats && { nats }),
    ...(bits !== undefined && { bitsPerDimension: bits }),
    ...(estimates && {
      importanceWeighted: {
        samples,
        images: count,
        logLikelihood: meanOf(estimates),
        standardError: Math.sqrt(varianceOf(estimates) / count),
      },
    }),
    reconstruction: { mse, shareOfVariance: mse / pixelVariance(data) },
    ...(latent && { latent }),
    ...(effectiveBeta !== undefined && { effectiveBeta }),
    notes: nats ? notesOn(config) : [],
  };
}

type Pixels = Pick<OpenRun['config'], 'likelihood' | 'binarize' | 'pixelStd'>;

/**
 * Bits per number of an image. For binarized pixels under a Bernoulli likelihood it is a bound on the code length.
 * For grey pixels under a Gaussian the density is converted from normalized pixels to the 256 levels (Theis et al.
 * 2016), without adding noise to them. For grey pixels under a Bernoulli there is none, since that is not a
 * likelihood.
 */
export function bitsPerDimension(
  { elbo }: Nats,
  pixels: number,
  { likelihood, binarize, pixelStd }: Pixels,
): number | undefined {
  const nats = -elbo / pixels;
  if (likelihood === 'bernoulli') return binarize === 'none' ? undefined : nats / Math.LN2;
  return (nats + Math.log(255 * pixelStd)) / Math.LN2;
}

function notesOn({ likelihood, binarize }: Pixels): string[] {
  if (likelihood !== 'bernoulli') {
    return ['the likelihood is a density of normalized pixels: compare nats at the same normalization only'];
  }
  return binarize === 'none'
    ? [
        'cross-entropy of grey pixels is no likelihood: compare it with itself only; --binarize makes one that is published',
      ]
    : [];
}

const meanOf = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

function varianceOf(values: Float32Array): number {
  const middle = meanOf(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / Math.max(1, values.length - 1);
}

/** Variance of all test pixels in [0, 1]: the error of always answering with their mean. */
function pixelVariance({ test, shape }: Dataset): number {
  const bytes = test.images.subarray(0, test.count * shape[0] * shape[1] * shape[2]);
  let [sum, squares] = [0, 0];
  for (const byte of bytes) {
    sum += byte;
    squares += byte * byte;
  }
  return (squares / bytes.length - (sum / bytes.length) ** 2) / 255 ** 2;
}
