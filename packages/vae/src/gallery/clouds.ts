import { descending } from '../statistics.ts';
import { type Cloud, NoPicture } from './picture.ts';
import { principalAxes, project } from './principal.ts';
import { planeOf, whyPlane } from './sheets.ts';
import type { ShownCodes, Subject } from './subject.ts';

/**
 * If there are more dimensions, only those with the largest variance are used: Jacobi's method takes time cubic in their number.
 */
const MOST_DIMENSIONS = 256;

/** The first training images in two dimensions of the latent space; if there is only one, against their classes. */
export async function latentScatter(
  subject: Subject,
  { dimensions }: { dimensions?: readonly number[] } = {},
): Promise<Cloud> {
  const codes = await subject.codes();
  const [first, second] = await planeOf(subject, dimensions);
  if (second === undefined) return strips(subject, codes, first);
  const pick = (values: Float32Array) => columns(values, subject.size, [first, second]);
  const why = (await whyPlane(subject, [first, second], dimensions)).replace(/,$/, '');
  return cloud(subject, codes, pick, {
    title: 'latent space',
    caption: `${shown(codes)} by the mean of their codes, dimensions z${first} and z${second}${why}.`,
    xLabel: `z${first}`,
    yLabel: `z${second}`,
    sameUnits: true,
  });
}

/** The first training images along the two directions of greatest variance of their codes. */
export async function principalScatter(subject: Subject): Promise<Cloud> {
  const codes = await subject.codes();
  if (subject.size < 3)
    throw new NoPicture(
      `with ${subject.size === 1 ? 'one dimension' : 'two dimensions'} the latent space is shown as it is`,
    );
  const { std } = await subject.moments();
  const widest = descending(std)
    .slice(0, MOST_DIMENSIONS)
    .sort((a, b) => a - b);
  const cut = (values: Float32Array) => columns(values, subject.size, widest);
  const axes = principalAxes(cut(codes.means), codes.count, widest.length);
  const percent = axes.variances.map((variance) => Math.round((100 * variance) / (axes.total || 1)));
  const pick = (values: Float32Array) => project(cut(values), values.length / subject.size, axes);
  const within =
    widest.length < subject.size
      ? ` Of ${subject.size} dimensions the ${widest.length} with the largest variance count.`
      : '';
  return cloud(subject, codes, pick, {
    title: 'principal axes',
    caption: `${shown(codes)} along the two directions in which the means of their codes vary the most.${within}`,
    xLabel: `first axis, ${percent[0]}% of the variance`,
    yLabel: `second axis, ${percent[1]}%`,
    sameUnits: true,
  });
}

/**
 * A single dimension runs along x; the classes lie above each other, each spread out a little so that points stay
 * visible.
 */
function strips(subject: Subject, codes: ShownCodes, dimension: number): Promise<Cloud> {
  const { train, test } = subject.data;
  const classOf = (labels: Uint8Array | null, index: number) => labels?.[index] ?? 0;
  // Multiples of the golden ratio fill an interval evenly, however few there are.
  const spread = (i: number) => ((i * 0.6180339887) % 1) * 0.6 - 0.3;
  const at = (values: Float32Array, height: (i: number) => number) =>
    Float64Array.from({ length: 2 * values.length }, (_, k) =>
      k % 2 === 0 ? values[k / 2]! : height((k - 1) / 2),
    );
  const pick = (values: Float32Array) =>
    values === codes.means
      ? at(values, (i) => classOf(train.labels, codes.images[i]!) + spread(i))
      : at(values, (i) => classOf(test.labels, subject.heldOut[i]!));
  return cloud(subject, codes, pick, {
    title: 'latent space',
    caption: `${shown(codes)} by the mean of their code, which has one dimension${train.labels ? '; a row for each class' : ''}.`,
    xLabel: `z${dimension}`,
    yLabel: train.labels ? 'class' : '',
    sameUnits: false,
  });
}

async function cloud(
  subject: Subject,
  codes: ShownCodes,
  pick: (values: Float32Array) => Float64Array,
  words: Pick<Cloud, 'title' | 'caption' | 'xLabel' | 'yLabel' | 'sameUnits'>,
): Promise<Cloud> {
  const { train, test } = subject.data;
  const { heldOut } = subject;
  const marked = await subject.encode(heldOut);
  return {
    kind: 'cloud',
    ...words,
    points: pick(codes.means),
    images: codes.images,
    labels: train.labels && Uint8Array.from(codes.images, (index) => train.labels![index]!),
    heldOut: {
      points: pick(marked),
      labels: test.labels && heldOut.map((index) => test.labels![index]!),
      images: { pixels: subject.testImages(heldOut), shape: subject.model.imageShape },
    },
  };
}

/** Some columns of [n, size], float64. */
function columns(values: Float32Array, size: number, which: readonly number[]): Float64Array {
  const { length } = which;
  return Float64Array.from({ length: (values.length / size) * length }, (_, k) => {
    return values[Math.floor(k / length) * size + which[k % length]!]!;
  });
}

const shown = ({ count }: ShownCodes): string =>
  count === 1 ? 'The only training image' : `The first ${count.toLocaleString('en')} training images`;
