import {
  type CodeTable,
  evenly,
  interpolationCodes,
  planeCodes,
  quantiles,
  traversalCodes,
} from './codes.ts';
import { NoPicture, type Sheet } from './picture.ts';
import { origin, type Subject } from './subject.ts';

/** A picture made of images. */

const sheet = (subject: Subject, picture: Omit<Sheet, 'kind' | 'shape'>): Sheet => ({
  kind: 'sheet',
  shape: subject.model.imageShape,
  ...picture,
});

/** Images above, their reconstructions below; between them the corrupted images that the model was shown, if it was. */
export async function reconstructions(
  subject: Subject,
  { indices = subject.heldOut }: { indices?: readonly number[] } = {},
): Promise<Sheet> {
  const { decoded, corrupted } = await subject.reconstruct(indices);
  const images = Float32Array.from(subject.testImages(indices), (byte) => byte / 255);
  return sheet(subject, {
    title: 'held-out images',
    caption: `Images of the test set that the model has not been trained on, ${
      corrupted ? 'what it was shown of them, and what it made of that' : 'and what it makes of them'
    }.`,
    pixels: joined(corrupted ? [images, corrupted, decoded] : [images, decoded]),
    columns: indices.length,
    rowLabels: corrupted ? ['image', 'corrupted', 'decoded'] : ['image', 'decoded'],
    columnLabels: subject.names(indices),
  });
}

/** Decoded draws from N(0, 1). An autoencoder without a prior gets the same, which shows why a VAE has one. */
export async function samples(
  subject: Subject,
  { count = 64, seed = 0 }: { count?: number; seed?: number } = {},
): Promise<Sheet> {
  return sheet(subject, {
    title: 'samples',
    caption:
      subject.isVector && !subject.isStochastic
        ? 'Decoded draws from N(0, 1), although this model has no prior.'
        : 'Decoded draws from the prior.',
    pixels: await subject.draw(count, seed),
    columns: Math.ceil(Math.sqrt(count)),
  });
}

/** Options of pictures of a plane in the latent space. */
export interface PlaneOptions {
  /** Two latent dimensions. Default: the two most informative ones. */
  readonly dimensions?: readonly number[];
  readonly points?: number;
}

/**
 * Two latent dimensions over [−range, range] (default: the model's `gridRange`), with all others 0. The first runs from
 * left to right, the second upwards.
 */
export async function latentGrid(
  subject: Subject,
  { range = subject.model.gridRange, points = 11, dimensions }: PlaneOptions & { range?: number } = {},
): Promise<Sheet> {
  const plane = await planeOf(subject, dimensions);
  const steps = evenly(range, points);
  const table = planeCodes(origin(subject.size), plane, steps);
  return planeSheet(subject, plane, steps, table, {
    title: 'latent grid',
    caption: `${named(plane)}${await whyPlane(subject, plane, dimensions)} from ${signed(-range)} to ${signed(range)}${others(subject, plane)}.`,
  });
}

/** The plane of two latent dimensions at the Gaussian's quantiles: every image is as likely as any other. */
export async function manifold(
  subject: Subject,
  { points = 20, dimensions }: PlaneOptions = {},
): Promise<Sheet> {
  const plane = await planeOf(subject, dimensions);
  const steps = quantiles(points);
  const own = !subject.isStochastic;
  const table = planeCodes(await subject.frame(), plane, steps);
  return planeSheet(subject, plane, steps, table, {
    title: 'manifold',
    caption:
      `${named(plane)}${await whyPlane(subject, plane, dimensions)} at the quantiles of ${own ? "a Gaussian with the codes' own mean and deviation (there is no prior)" : 'the prior'}, ` +
      `so that equal areas are equally likely${others(subject, plane, own ? 'their mean' : '0')}.`,
  });
}

/** A row for every dimension, by descending KL; the other dimensions stay at 0, or at the code of an image. */
export async function traversals(
  subject: Subject,
  {
    range = 3,
    points = 11,
    rows = 20,
    image,
  }: { range?: number; points?: number; rows?: number; image?: number } = {},
): Promise<Sheet> {
  const order = await subject.dimensions();
  const shown = order.slice(0, rows);
  const statistics = subject.hasCodes ? await subject.statistics() : undefined;
  const hasPrior = subject.isStochastic;
  const frame = await subject.frame();
  const start = image === undefined ? frame.center : await subject.encode([image]);
  const steps = evenly(range, points);
  const { codes, columns } = traversalCodes(frame, start, shown, steps);
  const by = !subject.hasCodes ? undefined : hasPrior ? 'KL' : 'variance';
  const rest = image === undefined ? (hasPrior ? '0' : 'their mean') : `the code of test image ${image}`;
  const unit = hasPrior ? '' : " in units of the codes' own deviation";
  const which = by ? ` with the largest ${by}` : '';
  const limited =
    shown.length < order.length
      ? ` The ${shown.length} of ${order.length} dimensions${which} are shown.`
      : '';
  return sheet(subject, {
    title: by ? `traversals by ${by}` : 'traversals',
    ...(!hasPrior && { detail: "steps in the codes' own deviation" }),
    caption:
      `Each row changes one latent dimension from ${signed(-range)} to ${signed(range)}${unit}, the others at ${rest}` +
      `${by ? `; the largest ${by} comes first` : ''}.${limited}`,
    pixels: await subject.decode(codes),
    columns,
    rowLabels: shown.map((d) => (statistics ? `z${d}, ${statistics.kl[d]!.toFixed(2)} nats` : `z${d}`)),
    columnLabels: steps.map(signed),
  });
}

/**
 * Straight lines between the codes of two images, which are shown at the two ends.
 * @throws NoPicture if there are fewer than two test images
 */
export async function interpolation(
  subject: Subject,
  { pairs = pairsOf(subject.heldOut), points = 9 }: { pairs?: readonly Pair[]; points?: number } = {},
): Promise<Sheet> {
  if (pairs.length === 0) throw new NoPicture('it needs two test images');
  const { size } = subject;
  const [from, to] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
  const [starts, ends] = [await subject.encode(from), await subject.encode(to)];
  const row = (codes: Float32Array, i: number) => codes.subarray(i * size, (i + 1) * size);
  const table = interpolationCodes(
    pairs.map((_, i) => [row(starts, i), row(ends, i)]),
    points,
  );
  const decoded = await subject.decode(table.codes);
  const length = subject.model.pixelCount;
  const image = (index: number) => Float32Array.from(subject.testImages([index]), (byte) => byte / 255);
  const rows = pairs.flatMap(([a, b], i) => [
    image(a),
    decoded.subarray(i * points * length, (i + 1) * points * length),
    image(b),
  ]);
  const shares = Array.from({ length: points }, (_, i) =>
    (points === 1 ? 0 : i / (points - 1)).toFixed(2).replace(/0$/, ''),
  );
  return sheet(subject, {
    title: 'interpolation',
    caption:
      'Two test images at the ends of a row, and decoded steps along the straight line between their codes.',
    pixels: joined(rows),
    columns: points + 2,
    columnLabels: ['image', ...shares, 'image'],
  });
}

/** Two test images, by index. */
export type Pair = readonly [from: number, to: number];

/** Each image with the one after it: 0–1, 2–3 … */
const pairsOf = (indices: readonly number[]): Pair[] =>
  Array.from({ length: Math.floor(indices.length / 2) }, (_, i) => [indices[2 * i]!, indices[2 * i + 1]!]);

type Plane = readonly [first: number, second?: number];

/**
 * The dimensions of a plane: as chosen, or the two most informative ones, the lower one first.
 * @throws NoPicture if the codes have no such dimensions
 */
export async function planeOf(subject: Subject, chosen?: readonly number[]): Promise<Plane> {
  const { size } = subject;
  if (!subject.isVector)
    throw new NoPicture(`a code is ${subject.model.latentShape.join('x')}, not a vector with dimensions`);
  const dimensions = chosen ?? (await subject.dimensions()).slice(0, 2).sort((a, b) => a - b);
  const wrong = dimensions.find((d) => !(d >= 0 && d < size));
  if (wrong !== undefined)
    throw new NoPicture(`there is no latent dimension ${wrong}: they are 0 to ${size - 1}`);
  const [first, second] = dimensions;
  if (first === undefined || first === second) throw new NoPicture('it needs two different dimensions');
  return second === undefined ? [first] : [first, second];
}

/** Why a picture shows these two dimensions, between commas; empty if they were chosen, or are the only ones. */
export async function whyPlane(
  subject: Subject,
  [first, second]: Plane,
  chosen?: readonly number[],
): Promise<string> {
  // Without codes nothing is known about the dimensions, so they are in their own order.
  if (chosen || second === undefined || subject.size <= 2 || !subject.hasCodes) return '';
  const statistics = await subject.statistics();
  if (!statistics) return ', the two whose codes vary the most,';
  const nats = [first, second].map((d) => statistics.kl[d]!.toFixed(2));
  const all = statistics.kl.reduce((sum, value) => sum + value, 0);
  return `, the two with the largest KL divergence (${nats.join(' and ')} of ${all.toFixed(2)} nats),`;
}

async function planeSheet(
  subject: Subject,
  [first, second]: Plane,
  steps: readonly number[],
  { codes, columns }: CodeTable,
  words: { title: string; caption: string },
): Promise<Sheet> {
  return sheet(subject, {
    ...words,
    ...(subject.size > 2 && { detail: `z${first} to the right, z${second} upwards` }),
    pixels: await subject.decode(codes),
    columns,
    columnLabels: steps.map(signed),
    ...(second === undefined ? {} : { rowLabels: steps.toReversed().map(signed) }),
  });
}

const named = ([first, second]: Plane): string =>
  second === undefined
    ? `Latent dimension z${first}`
    : `Latent dimensions z${first} (to the right) and z${second} (upwards)`;

function others({ size }: Subject, plane: Plane, value = '0'): string {
  if (size === plane.length) return '';
  const rest = size - plane.length;
  return rest === 1 ? `, the other one at ${value}` : `, the other ${rest} at ${value}`;
}

/** To one decimal place, or two where one would be inexact, with a proper minus sign. */
const signed = (value: number): string => {
  const text = value.toFixed(Math.abs(value * 10 - Math.round(value * 10)) < 1e-9 ? 1 : 2);
  return (Number(text) === 0 ? text.replace('-', '') : text).replace('-', '−');
};

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
