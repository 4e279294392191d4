import {
  assign,
  capture,
  type Device,
  Generator,
  keep,
  logSumExp,
  mean,
  reshape,
  scope,
  square,
  stack,
  sub,
  type Tensor,
  zeros,
} from '@tapegrad/tensor';
import { type ImagesDone, inBatches, smallerBatch } from './batches.ts';
import { DeviceDataset, type Images } from './device-dataset.ts';
import { type Autoencoder, evaluating } from './models/model.ts';
import type { VariationalAutoencoder } from './models/vae.ts';
import { randomStreams } from './random-streams.ts';

/* Statistics of a trained model's codes, in addition to its objective. Everything that grows with the number of images is captured. */

/** Images per encoding step, unless a tensor would be larger than the device takes. */
const BATCH = 512;

/** Every image's code, [count, size] row-major, and how well its mean reconstructs the image. */
export interface Codes {
  readonly count: number;
  /** Numbers per code. */
  readonly size: number;
  readonly means: Float32Array;
  /** Present if the encoder is stochastic. */
  readonly logSigmas?: Float32Array;
  /** Mean squared error of each image's pixels in [0, 1]; zeros unless `reconstruct` asks for them. */
  readonly errors: Float32Array;
}

/** Encodes images and, with `reconstruct`, decodes the means too. */
export async function encodeAll(
  model: Autoencoder,
  images: Images,
  device: Device,
  { reconstruct = false, progress }: { reconstruct?: boolean; progress?: ImagesDone } = {},
): Promise<Codes> {
  const dataset = new DeviceDataset(model, images, { device });
  const { scale, shift } = model.normalization;
  const encode = capture(
    (n: number) =>
      evaluating(model, () => {
        const x = dataset.batch(n);
        const { mean: mu, logSigma } = model.encode(x);
        const rows = (t: Tensor) => reshape(t, [n, -1]);
        const pixels = x.sub(shift).div(255 * scale);
        const error = reconstruct && mean(rows(square(sub(model.pixels(model.forward(x)), pixels))), 1);
        dataset.advance(n); // last: an earlier tensor may have been too large, and then the same images are taken again
        return { mu: rows(mu), logSigma: logSigma && rows(logSigma), error: error || undefined };
      }),
    { device },
  );
  const { count } = images;
  const size = model.latentSize;
  const means = new Float32Array(count * size);
  const errors = new Float32Array(count);
  let logSigmas: Float32Array | undefined;
  await inBatches(count, BATCH, async (start, rows) => {
    await encode.prepare(rows);
    const { mu, logSigma, error } = encode(rows);
    means.set(await mu.data(), start * size);
    if (logSigma) {
      logSigmas ??= new Float32Array(count * size);
      logSigmas.set(await logSigma.data(), start * size);
    }
    if (error) errors.set(await error.data(), start);
    progress?.(start + rows, count);
  });
  encode.dispose();
  return { count, size, means, errors, ...(logSigmas && { logSigmas }) };
}

/** Statistics of many images' codes, by dimension. */
export interface LatentStatistics {
  /** KL of q(z | x) from N(0, 1) in nats, averaged over images. */
  readonly kl: readonly number[];
  /** Variance of the posterior's mean over images. */
  readonly varianceOfMean: readonly number[];
  /** Moments of the aggregate posterior, the mixture of all q(z | x): 0 and 1 if it matches the prior. */
  readonly aggregate: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /** How many dimensions are active: see `ACTIVE`. */
  readonly activeUnits: number;
}

/** A dimension is active if its `varianceOfMean` is above this (Burda et al. 2016). */
export const ACTIVE = 0.01;

/** Computed in float64 on the host, where only the codes are left. Undefined if the encoder is not stochastic. */
export function latentStatistics({ count, size, means, logSigmas }: Codes): LatentStatistics | undefined {
  if (!logSigmas) return undefined;
  const over = (value: (i: number) => number, d: number) => {
    let total = 0;
    for (let i = d; i < count * size; i += size) total += value(i);
    return total / count;
  };
  const each = <T>(fn: (d: number) => T) => Array.from({ length: size }, (_, d) => fn(d));
  const mu = each((d) => over((i) => means[i]!, d));
  const varianceOfMean = each((d) => over((i) => (means[i]! - mu[d]!) ** 2, d));
  const variance = each((d) => over((i) => Math.exp(2 * logSigmas[i]!), d));
  const kl = each((d) =>
    over((i) => (Math.exp(2 * logSigmas[i]!) + means[i]! ** 2 - 1) / 2 - logSigmas[i]!, d),
  );
  return {
    kl,
    varianceOfMean,
    aggregate: { mean: mu, std: each((d) => Math.sqrt(varianceOfMean[d]! + variance[d]!)) },
    activeUnits: varianceOfMean.filter((value) => value > ACTIVE).length,
  };
}

/** Mean and standard deviation of each dimension's codes, over the images. */
export interface CodeMoments {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Computed in float64 on the host. */
export function codeMoments({ means, count, size }: Pick<Codes, 'means' | 'count' | 'size'>): CodeMoments {
  const mean = new Array<number>(size).fill(0);
  const square = new Array<number>(size).fill(0);
  for (let i = 0; i < means.length; i++) mean[i % size]! += means[i]! / count;
  for (let i = 0; i < means.length; i++) square[i % size]! += (means[i]! - mean[i % size]!) ** 2 / count;
  return { mean, std: square.map(Math.sqrt) };
}

/** The indices of weights, the greatest weight first. */
export const descending = (weights: readonly number[]): number[] =>
  [...weights.keys()].sort((a, b) => weights[b]! - weights[a]!);

/** Options of `importanceWeighted`. */
export interface ImportanceOptions {
  /** k, the number of draws per image. */
  readonly samples: number;
  readonly seed?: number;
  /** Draws decoded per step; fewer where a tensor would be larger than the device takes. Default 4096. */
  readonly rows?: number;
  readonly progress?: ImagesDone;
}

/**
 * The importance-weighted estimate of log p(x), log 1/k · Σ_i p(x, z_i)/q(z_i | x) with z_i ~ q(z | x) (Burda et al.
 * 2016), for every image, in nats. Each image is encoded once, and its weights are accumulated on the device by
 * log-sum-exp, so memory bounds neither k nor the number of images.
 */
export async function importanceWeighted(
  model: VariationalAutoencoder,
  images: Images,
  device: Device,
  { samples, seed = 0, rows = 4096, progress }: ImportanceOptions,
): Promise<Float32Array> {
  for (let most = rows; ; ) {
    try {
      return await weighted(model, images, device, { samples, seed, rows: most, progress });
    } catch (error) {
      most = smallerBatch(error, most);
    }
  }
}

async function weighted(
  model: VariationalAutoencoder,
  images: Images,
  device: Device,
  { samples, seed, rows, progress }: ImportanceOptions & { seed: number; rows: number },
): Promise<Float32Array> {
  const noise = new Generator(seed, { stream: randomStreams.importance, device });
  const dataset = new DeviceDataset(model, images, { device });
  const result = new Float32Array(images.count);
  const batch = Math.min(images.count, Math.max(1, Math.min(64, Math.floor(rows / samples))));
  const most = Math.max(1, Math.floor(rows / batch));
  // These outlive a launch: the batch, its posterior's parameters, and the sum so far.
  for (const n of new Set([batch, images.count % batch].filter((n) => n > 0))) {
    const x = keep(zeros([n, ...model.imageShape], { device }));
    const total = keep(zeros([n], { device }));
    const posterior = scope(() =>
      evaluating(model, () => model.posteriorParameters(x)).map((t) => zeros(t.shape, { device })),
    );
    for (const t of posterior) keep(t);
    const begin = capture(
      () =>
        evaluating(model, () => {
          const images = dataset.batch(n);
          dataset.advance(n);
          assign(x, images);
          for (const [i, t] of model.posteriorParameters(images).entries()) assign(posterior[i]!, t);
          assign(total, zeros([n], { device }).add(-1e30));
        }),
      { device },
    );
    const weigh = capture(
      (k: number) =>
        evaluating(model, () => {
          const weights = model.logWeights(x, k, noise, posterior);
          assign(total, logSumExp(stack([total, logSumExp(weights, 1)]), 0));
        }),
      { device },
    );
    const first = n === batch ? 0 : images.count - n;
    const end = n === batch ? images.count - (images.count % batch) : images.count;
    await begin.prepare();
    for (const k of new Set([Math.min(most, samples), samples % most || most])) await weigh.prepare(k);
    dataset.seek(first);
    for (let start = first; start < end; start += n) {
      begin();
      for (let done = 0; done < samples; done += most) weigh(Math.min(most, samples - done));
      const sums = await total.data();
      for (let i = 0; i < n; i++) result[start + i] = sums[i]! - Math.log(samples);
      progress?.(start + n, images.count);
    }
    begin.dispose();
    weigh.dispose();
  }
  return result;
}
