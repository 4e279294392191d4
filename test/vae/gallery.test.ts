/* Runs without an adapter. */

import { encodePng } from '@tapegrad/plot';
import { Generator, normalCdf, referenceDevice, type Tensor } from '@tapegrad/tensor';
import { models, settingsOf } from '@tapegrad/vae';
import {
  allPictures,
  type Cloud,
  evenly,
  interpolationCodes,
  NoPicture,
  normalQuantile,
  pictures,
  planeCodes,
  principalAxes,
  project,
  quantiles,
  type Sheet,
  Subject,
  symmetricEigen,
  traversalCodes,
} from '@tapegrad/vae/gallery';
import { decode } from 'fast-png';
import { drawPicture } from 'tapegrad/node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { close, numbers } from '../helpers/close.ts';
import { dataOf, Probe, probing } from '../helpers/probe.ts';

// ------------------------------------------------------------------------------------------------------- quantiles

/** From tables; the last two from SciPy's norm.ppf. */
const known: [share: number, value: number][] = [
  [0.5, 0],
  [0.8413447460685429, 1],
  [0.9, 1.2815515655446004],
  [0.975, 1.959963984540054],
  [0.999, 3.090232306167813],
  [0.01, -2.3263478740408408],
  [1e-6, -4.753424308822899],
];
test('quantile: the inverse of the Gaussian distribution, against known values', () => {
  for (const [share, value] of known) {
    assert.ok(Math.abs(normalQuantile(share) - value) < 1e-9, `${share}: ${normalQuantile(share)}`);
    assert.ok(Math.abs(normalCdf(value) - share) < 1e-14, `${value}: ${normalCdf(value)}`);
  }
});

test('quantile: only of shares between 0 and 1', () => {
  for (const share of [0, 1, -0.1, Number.NaN]) {
    assert.throws(() => normalQuantile(share), /is not between 0 and 1/);
  }
});

test('quantiles: cut the distribution into equal shares', () => {
  close(
    quantiles(8).map(normalCdf),
    Array.from({ length: 8 }, (_, i) => (i + 0.5) / 8),
    { absolute: 1e-14 },
  );
  assert.equal(quantiles(1), [0]);
});

// ----------------------------------------------------------------------------------------------------------- codes

const frame = { center: [10, 20, 30], scale: [1, 2, 3] };

test('codes: evenly spaced, with 0 in the middle', () => {
  assert.equal(evenly(3, 5), [-3, -1.5, 0, 1.5, 3]);
  assert.equal(evenly(1, 1), [0]);
  assert.is(evenly(3, 11)[5], 0);
});

test('codes: in a plane the first dimension grows to the right, the second upwards', () => {
  const { codes, columns } = planeCodes(frame, [2, 0], [-1, 1]);
  assert.is(columns, 2);
  assert.equal([...codes], [11, 20, 27, 11, 20, 33, 9, 20, 27, 9, 20, 33]);
  assert.equal([...planeCodes({ center: [0], scale: [2] }, [0], [-1, 0, 1]).codes], [-2, 0, 2]);
});

test('codes: a traversal changes one dimension a row, from the center, with the others at the start', () => {
  const { codes } = traversalCodes(frame, [1, 2, 3], [1, 0], [-1, 1]);
  assert.equal([...codes], [1, 18, 3, 1, 22, 3, 9, 2, 3, 11, 2, 3]);
});

test('codes: an interpolation is linear and ends at both codes', () => {
  const { codes, columns } = interpolationCodes([[[0, 4], [8, 0]]], 5); // biome-ignore format: a pair of codes
  assert.is(columns, 5);
  assert.equal([...codes], [0, 4, 2, 3, 4, 2, 6, 1, 8, 0]);
});

// -------------------------------------------------------------------------------------------------- principal axes

test('principal: eigenvalues by hand', () => {
  const { values, vectors } = symmetricEigen([2, 1, 1, 2], 2);
  const order = values[0]! > values[1]! ? [0, 1] : [1, 0];
  close(
    order.map((k) => values[k]!),
    [3, 1],
    { absolute: 1e-14 },
  );
  const h = Math.SQRT1_2;
  for (const [i, k] of order.entries()) {
    const [a, b] = [vectors[2 * k]!, vectors[2 * k + 1]!];
    close([Math.abs(a), Math.abs(b), Math.sign(a * b)], [h, h, i === 0 ? 1 : -1], { absolute: 1e-14 });
  }
});

test('principal: A·v = λ·v, and the vectors are orthonormal', () => {
  const size = 17;
  const a = new Float64Array(size * size);
  const random = numbers(size * size, -1, 1);
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) a[i * size + j] = random[i * size + j]! + random[j * size + i]!;
  const { values, vectors } = symmetricEigen(a, size);
  const row = (k: number) => vectors.subarray(k * size, (k + 1) * size);
  const dot = (x: ArrayLike<number>, y: Float64Array) => y.reduce((sum, value, i) => sum + value * x[i]!, 0);
  for (let k = 0; k < size; k++) {
    const product = Float64Array.from({ length: size }, (_, i) =>
      dot(a.subarray(i * size, (i + 1) * size), row(k)),
    );
    close(
      product,
      row(k).map((value) => value * values[k]!),
      { absolute: 1e-12 },
      `eigenvector ${k}`,
    );
    for (let j = 0; j < size; j++)
      assert.ok(Math.abs(dot(row(j), row(k)) - (j === k ? 1 : 0)) < 1e-13, `${j}·${k}`);
  }
});

test('principal: axes of a cross of four points', () => {
  // Arms of 5 along (0.6, 0.8) and of 2.5 across, around (1, 1): variances 25/2 and 6.25/2.
  const points = [4, 5, -2, -3, -1, 2.5, 3, -0.5];
  const axes = principalAxes(points, 4, 2);
  close(axes.mean, [1, 1], { absolute: 1e-14 });
  close(axes.variances, [12.5, 3.125], { absolute: 1e-13 });
  assert.ok(Math.abs(axes.total - 15.625) < 1e-13);
  close(axes.axes[0]!, [0.6, 0.8], { absolute: 1e-14 });
  close(axes.axes[1]!, [0.8, -0.6], { absolute: 1e-14 }, 'the greatest component is positive');
  close(project(points, 4, axes), [5, 0, -5, 0, 0, -2.5, 0, 2.5], { absolute: 1e-13 });
});

test('principal: all points the same', () => {
  const axes = principalAxes([3, 3, 3, 3], 2, 2);
  assert.equal(axes.variances, [0, 0]);
  assert.equal([...project([3, 3, 3, 3], 2, axes)], [0, 0, 0, 0]);
});

// ----------------------------------------------------------------------------------------------- through a probe

const bytes = [
  [0, 255],
  [255, 0],
  [51, 102],
  [204, 153],
];
const standard = { logSigma: [0, 0] };

test('manifold: the first dimension grows to the right, the second upwards', async () => {
  const { pixels, columns, columnLabels, rowLabels } = await pictures.manifold(probing(standard, bytes), {
    points: 4,
  });
  const steps = quantiles(4);
  const clipped = (value: number) => Math.min(1, Math.max(0, value));
  const expected = [...steps]
    .reverse()
    .flatMap((up) => steps.flatMap((right) => [clipped(right), clipped(up)]));
  close(pixels, expected, { absolute: 1e-6 });
  assert.is(columns, 4);
  assert.equal(columnLabels, ['−1.15', '−0.32', '0.32', '1.15']);
  assert.equal(rowLabels, [...columnLabels!].reverse());
});

test('latent grid: as many points as asked for, over the range', async () => {
  const { pixels, columnLabels } = await pictures['latent-grid'](probing(standard, bytes), {
    points: 3,
    range: 1,
  });
  assert.equal([...pixels], [0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0]);
  assert.equal(columnLabels, ['−1.0', '0.0', '1.0']);
});

test('latent grid: over [−1, 1] for vae-blog, over [−3, 3] for others, if nothing is said', async () => {
  for (const [name, end] of [
    ['vae-blog', '1.0'],
    ['vae-mlp', '3.0'],
  ] as const) {
    const spec = models.get(name)!;
    const shape = [1, 1, 2] as const;
    const generator = new Generator(0, { device: referenceDevice });
    const model = spec.build(shape, settingsOf(spec, { latent: 2, hidden: 4 }), generator);
    const subject = new Subject(model, dataOf(shape, bytes, null), { heldOut: [0] });
    const { columnLabels, caption } = await pictures['latent-grid'](subject);
    assert.equal([columnLabels![0], columnLabels!.at(-1)], [`−${end}`, end]);
    assert.match(caption, new RegExp(`from −${end} to ${end}`));
  }
});

test('scatter: every image lies at the mean of its code, the held-out ones too', async () => {
  const subject = probing(standard, bytes, [3, 1, 3, 7]);
  const { points, labels, images, heldOut } = (await pictures.scatter(subject)) as Cloud;
  const expected = [0, 1, 1, 0, 0.2, 0.4, 0.8, 0.6];
  close(points, expected, { absolute: 1e-6 });
  close(heldOut.points, expected, { absolute: 1e-6 });
  assert.equal([...labels!], [3, 1, 3, 7]);
  assert.equal(heldOut.labels, [3, 1, 3, 7]);
  assert.equal([...images], [0, 1, 2, 3]);
  const turned = (await pictures.scatter(subject, { dimensions: [1, 0] })) as Cloud;
  close(turned.points, [1, 0, 0, 1, 0.4, 0.2, 0.6, 0.8], { absolute: 1e-6 });
  assert.equal([turned.xLabel, turned.yLabel], ['z1', 'z0']);
});

/** Three dimensions: z1 is certain, z2 less so, z0 not at all. */
const sigmas = [1, 0.1, 0.5];
const three = { shape: [1, 1, 3] as const, logSigma: sigmas.map(Math.log) };
const threes = [
  [51, 0, 0],
  [51, 255, 0],
  [51, 255, 255],
];

test('KL per dimension: by hand, the largest first, marked where it is active', async () => {
  const { rows, caption } = await pictures.kl(probing(three, threes));
  const kl = (mus: number[], sigma: number) =>
    mus.reduce((sum, mu) => sum + (sigma ** 2 + mu ** 2 - 1) / 2 - Math.log(sigma), 0) / mus.length;
  assert.equal(
    rows.map(({ name, marked }) => [name, marked]),
    [
      ['z1', true],
      ['z2', true],
      ['z0', false],
    ],
  );
  close(
    rows.map(({ value }) => value),
    [kl([0, 1, 1], 0.1), kl([0, 0, 1], 0.5), kl([0.2, 0.2, 0.2], 1)],
    { absolute: 1e-6 },
  );
  assert.match(caption, /2 of 3 are active/);
});

test('traversals: every dimension, by falling KL', async () => {
  const subject = probing(three, threes);
  const sheet = await pictures.traversals(subject, { points: 3, range: 1 });
  assert.equal([...sheet.pixels], [
    ...[0, 0, 0, 0, 0, 0, 0, 1, 0],
    ...[0, 0, 0, 0, 0, 0, 0, 0, 1],
    ...[0, 0, 0, 0, 0, 0, 1, 0, 0],
  ]); // biome-ignore format: a row of images a line
  assert.equal(
    sheet.rowLabels!.map((label) => label.slice(0, 2)),
    ['z1', 'z2', 'z0'],
  );
  const around = await pictures.traversals(subject, { points: 3, range: 1, image: 1, rows: 1 });
  close(around.pixels, [0.2, 0, 0, 0.2, 0, 0, 0.2, 1, 0], { absolute: 1e-6 });
  assert.match(around.caption, /the code of test image 1.* The 1 of 3 dimensions with the largest KL/);
});

test('interpolation: images at the ends, and straight lines between their codes', async () => {
  const sheet = await pictures.interpolation(probing(standard, bytes), { pairs: [[0, 1]], points: 3 });
  close(sheet.pixels, [0, 1, 0, 1, 0.5, 0.5, 1, 0, 1, 0], { absolute: 1e-6 });
  assert.equal(sheet.columnLabels, ['image', '0.0', '0.5', '1.0', 'image']);
  const default_ = await pictures.interpolation(probing(standard, bytes));
  assert.is(default_.pixels.length, 2 * 11 * 2, 'two pairs of the four held-out images');
});

test('histograms: shares, on one scale for all dimensions', async () => {
  const { rows } = await pictures.histograms(probing(three, threes));
  assert.equal(
    rows.map(({ name }) => name),
    ['z1', 'z2', 'z0'],
  );
  const [mu, sigma] = rows[0]!.cells;
  assert.equal([mu!.low, mu!.high, mu!.shares.length], [0, 1, 40]);
  close([mu!.shares[0]!, mu!.shares[39]!, mu!.mean], [1 / 3, 2 / 3, 2 / 3], { absolute: 1e-6 });
  close([sigma!.mean, sigma!.std, sigma!.high], [0.1, 0, 1], { absolute: 1e-6 });
});

test('posteriors: the densities of the held-out images by falling KL, over the prior', async () => {
  const picture = await pictures.posteriors(probing(three, threes, [4, 7, 12]));
  assert.equal(
    picture.names,
    [4, 7, 12].map((label) => ({ name: `${label}`, color: label })),
  );
  assert.equal(
    picture.rows.map(({ name }) => name),
    ['z1', 'z2', 'z0'],
  );
  const { kl } = (await probing(three, threes).statistics())!;
  assert.is(picture.rows[0]!.detail, `${kl[1]!.toFixed(2)} nats`);
  const mus = [0, 1, 1];
  for (const [i, { x, y }] of picture.rows[0]!.curves.entries()) {
    const at = y.indexOf(Math.max(...y));
    close([x[at]!, y[at]!], [mus[i]!, 1 / (0.1 * Math.sqrt(2 * Math.PI))], { absolute: 1e-5 });
    // The area below it, by trapezes.
    const area = [...x]
      .slice(1)
      .reduce((sum, next, k) => sum + ((next - x[k]!) * (y[k]! + y[k + 1]!)) / 2, 0);
    assert.ok(Math.abs(area - 1) < 1e-3, `${area}`);
  }
  assert.equal(picture.range, [-3.5, 3.5]);
  assert.is(picture.behind.y[32], 1 / Math.sqrt(2 * Math.PI));
  const one = await pictures.posteriors(probing(three, threes), { indices: [2], rows: 1 });
  assert.equal([one.rows.length, one.rows[0]!.curves.length, one.names[0]!.name], [1, 1, '0']);
  assert.match(one.caption, /of one test image .* The 1 of 3 dimensions/);
});

test('posteriors: a mean far from the prior is in sight', async () => {
  const { range } = await pictures.posteriors(probing({ scale: 40, logSigma: [0, 0] }, bytes));
  close(range, [-3.5, 42.5], { absolute: 1e-5 });
});

test('planes say why they show these two dimensions, unless they were chosen', async () => {
  const subject = probing(three, threes);
  for (const name of ['latent-grid', 'manifold', 'scatter'] as const) {
    const { caption } = await pictures[name](subject);
    assert.match(
      caption,
      /z1 .*z2.*, the two with the largest KL divergence \(\d\.\d\d and \d\.\d\d of \d\.\d\d nats\)/,
      name,
    );
    assert.not.match((await pictures[name](subject, { dimensions: [0, 1] })).caption, /largest/);
    assert.not.match((await pictures[name](probing(standard, bytes))).caption, /largest/);
    const plain = probing({ shape: [1, 1, 3] }, threes);
    assert.match((await pictures[name](plain)).caption, /, the two whose codes vary the most/);
  }
});

test('the frame: an encoder that is not stochastic has its own mean and deviation', async () => {
  const subject = probing({ scale: 4 }, bytes);
  const { center, scale } = await subject.frame();
  close(center, [2, 2], { absolute: 1e-6 });
  const deviation = (xs: number[]) => Math.sqrt(xs.reduce((sum, x) => sum + (x - 2) ** 2, 0) / xs.length);
  close(scale, [deviation([0, 4, 0.8, 3.2]), deviation([4, 0, 1.6, 2.4])], { absolute: 1e-6 });
  assert.match((await pictures.traversals(subject)).title, /by variance/);
  assert.match((await pictures.samples(subject)).caption, /although this model has no prior/);
  assert.not.match((await pictures.samples(probing(standard, bytes))).caption, /no prior/);
});

// --------------------------------------------------------------------------- models and data that are out of the way

/** The names of the pictures that there are not, with their reasons. */
async function absent(subject: Subject): Promise<Record<string, string>> {
  const all = await allPictures(subject);
  for (const [name, picture] of Object.entries(all)) {
    if (picture.kind === 'absent') continue;
    const { width, height } = decode(encodePng(await drawPicture(picture, 'probe')));
    assert.ok(width > 0 && height > 0, name);
  }
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, picture]) =>
      picture.kind === 'absent' ? [[name, picture.reason]] : [],
    ),
  );
}

const cases: [what: string, subject: () => Subject, expected: Record<string, RegExp>][] = [
  ['two dimensions', () => probing(standard, bytes, [0, 1, 2, 3]), { principal: /shown as it is/ }],
  ['three dimensions, no labels', () => probing(three, threes), {}],
  [
    'one dimension',
    () => probing({ shape: [1, 1, 1], logSigma: [0] }, [[0], [100], [255]], [0, 1, 1]),
    { principal: /shown as it is/ },
  ],
  [
    'one image, without a label',
    () => probing(three, [[1, 2, 3]]),
    { interpolation: /it needs two test images/ },
  ],
  [
    'colour',
    () =>
      probing({ shape: [3, 2, 2], logSigma: new Array(12).fill(0) }, [
        new Array(12).fill(9),
        new Array(12).fill(99),
      ]),
    {},
  ],
  [
    'not stochastic',
    () => probing({ shape: [1, 1, 3] }, threes),
    { kl: /not stochastic/, posteriors: /not stochastic: an image has one code/ },
  ],
  [
    'codes that are maps',
    () =>
      probing({ shape: [1, 2, 2], latentShape: [1, 2, 2] }, [new Array(4).fill(9), new Array(4).fill(200)]),
    {
      'latent-grid': /a code is 1x2x2, not a vector/,
      manifold: /not a vector/,
      traversals: /not a vector/,
      scatter: /not a vector/,
      principal: /not a vector/,
      posteriors: /not a vector/,
      histograms: /not a vector/,
      kl: /not a vector/,
    },
  ],
  [
    'codes that are no numbers',
    () => probing({ ...three, scale: Number.NaN }, threes),
    {
      'latent-grid': /not finite/,
      manifold: /not finite/,
      traversals: /not finite/,
      scatter: /not finite/,
      principal: /not finite/,
      posteriors: /not finite/,
      histograms: /not finite/,
      kl: /not finite/,
    },
  ],
];
for (const [what, subject, expected] of cases) {
  test(`pictures: ${what}`, async () => {
    const found = await absent(subject());
    assert.equal(Object.keys(found).sort(), Object.keys(expected).sort());
    for (const [name, reason] of Object.entries(expected)) assert.match(found[name]!, reason);
  });
}

test('pictures: an image whose code is no number is left out of the latent space', async () => {
  const logs = [0, 0];
  class Spoilt extends Probe {
    override encode(x: Tensor) {
      // −∞ · 0 for black pixels.
      const code = super.encode(x);
      return { ...code, mean: code.mean.log().mul(0).add(code.mean) };
    }
  }
  const model = new Spoilt({ logSigma: logs });
  const subject = new Subject(model, dataOf(model.imageShape, bytes, [0, 1, 2, 3]), { heldOut: [2] });
  const { images, labels, points } = (await pictures.scatter(subject)) as Cloud;
  assert.equal([...images], [2, 3]);
  assert.equal([...labels!], [2, 3]);
  close(points, [0.2, 0.4, 0.8, 0.6], { absolute: 1e-6 });
});

test('pictures: of many dimensions those that tell the most are shown, and it is said', async () => {
  const shape = [1, 8, 8] as const;
  const logSigma = Array.from({ length: 64 }, (_, i) => -i / 64);
  const images = Array.from({ length: 5 }, (_, k) =>
    Array.from({ length: 64 }, (_, i) => (i * k * 37) % 256),
  );
  const subject = probing({ shape, logSigma }, images, [0, 1, 2, 3, 4]);
  const { rowLabels, caption } = await pictures.traversals(subject);
  assert.is(rowLabels!.length, 20);
  assert.match(caption, /The 20 of 64 dimensions with the largest KL are shown/);
  assert.is((await pictures.kl(subject)).rows.length, 64);
  assert.is((await pictures.histograms(subject)).rows.length, 20);
  assert.equal(await absent(subject), {});
});

test('pictures: a model that corrupts its input shows what it was given', async () => {
  class Corrupting extends Probe {
    corrupt(x: Tensor, _noise: Generator): Tensor {
      return x.mul(0.5);
    }
  }
  const model = new Corrupting(standard);
  const subject = new Subject(model, dataOf(model.imageShape, bytes, null), { heldOut: [0, 2] });
  const sheet: Sheet = await pictures.reconstructions(subject);
  assert.equal(sheet.rowLabels, ['image', 'corrupted', 'decoded']);
  close(sheet.pixels, [0, 1, 0.2, 0.4, 0, 0.5, 0.1, 0.2, 0, 0.5, 0.1, 0.2], { absolute: 1e-6 });
});

test('pictures: what was asked for and is not there', async () => {
  const subject = probing(standard, bytes);
  const refused = async (made: Promise<unknown>, message: RegExp) => {
    const error = await made.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof NoPicture)) throw error ?? new Error('there is a picture');
    assert.match(error.message, message);
  };
  await refused(pictures.scatter(subject, { dimensions: [0, 2] }), /no latent dimension 2: they are 0 to 1/);
  await refused(pictures.manifold(subject, { dimensions: [1, 1] }), /two different dimensions/);
  await refused(pictures.reconstructions(subject, { indices: [4] }), /no test image 4: there are 4/);
  await refused(pictures.traversals(subject, { image: 9 }), /no test image 9/);
});

test.run();
