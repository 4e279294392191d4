/* Runs without an adapter. */

import {
  barChart,
  classColor,
  classColors,
  densityChart,
  drawn,
  faint,
  framed,
  histogramChart,
  hundredths,
  ink,
  inlined,
  lineChart,
  rangeOf,
  scatterChart,
  soft,
} from '@tapegrad/plot';
import { drawnExactly, rasterized } from '@tapegrad/plot/node';
import { decode } from 'fast-png';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { boxOf, type Shape, shapesOf } from '../helpers/svg.ts';

const colored = (shapes: readonly Shape[], color: string): Shape[] =>
  shapes.filter(({ attributes }) => attributes.fill === color);
const said = (shapes: readonly Shape[]): string[] =>
  shapes.filter(({ name }) => name === 'text').map(({ text }) => text);
const gone = (values: readonly number[]) => assert.ok(values.every(Number.isFinite), `${values}`);

// ------------------------------------------------------------------------------------------------------------ ranges

test('range: never empty, whatever the values', () => {
  assert.equal(rangeOf([]), [0, 1]);
  assert.equal(rangeOf([Number.NaN, Number.POSITIVE_INFINITY]), [0, 1]);
  assert.equal(rangeOf([0, 0]), [-0.5, 0.5]);
  assert.equal(rangeOf([0, 10], 0.1), [-1, 11]);
  for (const values of [[5], [-1e20, -1e20 + 20_000], [1e-30], [1e20, 1e20]]) {
    const [low, high] = rangeOf(values);
    assert.ok(low < Math.min(...values) && high > Math.max(...values), `${values}`);
  }
});

const frames: [
  what: string,
  x: [number, number],
  y: [number, number],
  sameUnits: boolean,
  aspect: number,
  same: boolean,
][] = [
  ['a square', [0, 4], [1, 5], true, 1, true],
  ['twice as wide', [0, 4], [0, 2], true, 2, true],
  ['a little flatter than the flattest area', [0, 5], [0, 2], true, 2, true],
  ['steep', [0, 1], [0, 1.5], true, 1 / 1.5, true],
  ['a strip', [0, 10], [0, 1], true, 1, false],
  ['a strip upwards', [0, 1], [0, 10], true, 1, false],
  ['other units', [0, 2], [0, 1], false, 1, false],
];
for (const [what, x, y, sameUnits, aspect, sameScale] of frames) {
  test(`frame: ${what}`, () => {
    const frame = framed(x, y, sameUnits);
    assert.ok(Math.abs(frame.aspect - aspect) < 1e-12, `${frame.aspect}`);
    assert.is(frame.sameScale, sameScale);
    const [wide, high] = [frame.x[1] - frame.x[0], frame.y[1] - frame.y[0]];
    assert.ok(frame.x[0] <= x[0] && frame.x[1] >= x[1] && frame.y[0] <= y[0] && frame.y[1] >= y[1]);
    if (sameScale)
      assert.ok(Math.abs(wide / high - aspect) < 1e-12, 'a unit is equally long along both axes');
    const used = ((x[1] - x[0]) * (y[1] - y[0])) / (wide * high);
    assert.ok(used > 0.6, `the points fill ${used.toFixed(2)} of the area`);
  });
}

// ----------------------------------------------------------------------------------------------------------- scatter

const points = Float32Array.of(0, 0, 1, 0, 1, 1, Number.NaN, 1);

test('scatter: points lie where they are, in the colours of their classes', async () => {
  const { svg } = await drawn(scatterChart(points, { labels: [0, 2, 2, 4], size: 220 }));
  const shapes = shapesOf({ svg });
  const dots = shapes.filter(({ attributes }) => attributes['fill-opacity'] === '0.75');
  assert.equal(
    dots.map(({ attributes }) => attributes.fill),
    [classColor(0), classColor(2), classColor(2)],
    'one that is not finite is left out',
  );
  const [a, b, c] = dots as [Shape, Shape, Shape];
  assert.ok(Math.abs(b.x - a.x - 200) < 1e-6 && b.y === a.y, 'the second to the right of the first');
  assert.ok(Math.abs(b.y - c.y - 200) < 1e-6 && b.x === c.x, 'the third above the second');
});

test('scatter: the key has every class that there is, and no other', async () => {
  const shapes = shapesOf(await drawn(scatterChart(points, { labels: [0, 2, 2, 4], size: 220 })));
  const key = shapes.filter(
    ({ name, attributes }) => name === 'path' && attributes.fill && !attributes['fill-opacity'],
  );
  assert.equal(
    key.map(({ attributes }) => attributes.fill),
    [0, 2, 4].map(classColor),
    'also one whose only point is not finite',
  );
  assert.equal(said(shapes).slice(-3), ['0', '2', '4']);
});

test('scatter: 26 classes all look different, and have their names in the key', async () => {
  const labels = Array.from({ length: 26 }, (_, i) => i);
  const places = Float32Array.from({ length: 52 }, (_, i) => (i * 7) % 11);
  const shapes = shapesOf(await drawn(scatterChart(places, { labels })));
  const looks = (list: Shape[]) => list.map(({ attributes: { fill, d } }) => `${fill} ${d}`);
  const dots = shapes.filter(({ attributes }) => attributes['fill-opacity']);
  assert.is(new Set(looks(dots)).size, 26);
  const key = shapes.filter(
    ({ attributes }) => attributes.fill && attributes.d && !attributes['fill-opacity'],
  );
  assert.is(new Set(looks(key)).size, 26);
  for (const label of labels) assert.ok(said(shapes).includes(String(label)), `${label}`);
});

const two = {
  images: {
    pixels: new Uint8Array(2 * 3 * 4 * 4).map((_, i) => (Math.floor(i / 16) % 3 === 1 ? 200 : 0)),
    shape: [3, 4, 4] as const,
  },
  points: Float32Array.of(0, 0, 1, 1),
};

test('scatter: images stand in the key, none of their pixels changed; their places are marked by name', async () => {
  const spec = scatterChart(points, { labels: [7, 3, 3, 3], marked: { ...two, labels: [3, 7] }, size: 300 });
  const drawing = await drawnExactly(spec);
  const shapes = shapesOf(drawing);
  const images = shapes.filter(({ name }) => name === 'image');
  assert.is(images.length, 2);
  for (const { attributes } of images) {
    const { width, height, data } = decode(Buffer.from(attributes.href!.split(',')[1]!, 'base64'));
    assert.equal([width, height, ...data.subarray(0, 3)], [4, 4, 0, 200, 0]);
  }
  const discs = shapes.filter(({ attributes }) => attributes.stroke === '#ffffff');
  assert.equal(
    discs.map(({ attributes }) => attributes.fill),
    [classColor(3), classColor(7)],
  );
  const letters = shapes.filter(({ attributes }) => attributes['font-size'] === '10px');
  assert.equal(
    letters.map(({ text }) => text),
    ['3', '7'],
  );
  assert.ok(discs[0]!.x < discs[1]!.x && discs[0]!.y > discs[1]!.y, 'lower left, and upper right');
  const edge = Math.max(...discs.map(({ x }) => x));
  for (const { attributes } of images)
    assert.ok(
      Number(/translate\(([\d.]+)/.exec(attributes.transform!)![1]) > edge,
      'no image covers the points',
    );

  // Every pixel of an image is a square of 21 pixels of the PNG: 4 · 21 = 2 · 42.
  const { width, height, data } = await rasterized(drawing);
  const greens: number[] = [];
  for (let i = 0; i < width * height; i++)
    if (data[3 * i] === 0 && data[3 * i + 1] === 200 && data[3 * i + 2] === 0) greens.push(i);
  assert.is(greens.length, 2 * 84 * 84);
});

test('scatter: images without classes are called by their number', async () => {
  const shapes = shapesOf(await drawn(scatterChart(points, { marked: two })));
  assert.is(shapes.filter(({ name }) => name === 'image').length, 2);
  assert.is(colored(shapes, soft).length, 2);
  assert.equal(said(shapes).slice(-2), ['0', '1']);
});

test('scatter: it is said where the axes have different scales', async () => {
  const strip = Float32Array.of(0, 0, 100, 1);
  const note = 'the axes have different scales';
  assert.ok(said(shapesOf(await drawn(scatterChart(strip)))).includes(note));
  assert.not(said(shapesOf(await drawn(scatterChart(strip, { sameUnits: false })))).includes(note));
  assert.not(said(shapesOf(await drawn(scatterChart(points)))).includes(note));
});

test('scatter: refuses what does not belong together', () => {
  assert.throws(() => scatterChart(new Float32Array(3)), /3 coordinates: points have two each/);
  assert.throws(() => scatterChart(new Float32Array(4), { labels: [1] }), /1 labels for 2 points/);
  const marked = {
    images: { pixels: new Uint8Array(8), shape: [1, 2, 2] as const },
    points: new Float32Array(2),
  };
  assert.throws(() => scatterChart(new Float32Array(4), { marked }), /2 images at 1 places/);
});

// -------------------------------------------------------------------------------------------------------------- lines

test('lines: from the lower left to the upper right, with a gap where a value is missing', async () => {
  const x = Array.from({ length: 101 }, (_, i) => i);
  const y = x.map((v) => (v > 40 && v < 60 ? Number.NaN : v));
  const shapes = shapesOf(await drawn(lineChart([{ name: 'loss', x, y }], { width: 300, height: 200 })));
  const [line] = shapes.filter(({ attributes }) => attributes['stroke-width'] === '2.5' && attributes.d);
  const parts = line!.attributes.d!.split('M').slice(1);
  assert.equal(
    parts.map((part) => part.split('L').length),
    [41, 41],
  );
  const ends = [parts[0]!.split('L')[0]!, parts[1]!.split('L').at(-1)!].map((at) =>
    at.split(',').map(Number),
  );
  assert.ok(ends[0]![0]! < 10 && ends[0]![1]! > 190, 'low on the left');
  assert.ok(ends[1]![0]! > 290 && ends[1]![1]! < 10, 'high on the right');
});

test('lines: few points, and one between two gaps, are seen as dots', async () => {
  const dots = async (y: number[], faintly = false) => {
    const x = y.map((_, i) => i);
    const shapes = shapesOf(await drawn(lineChart([{ name: 'a', x, y, faint: faintly }])));
    return colored(shapes, classColor(0)).length;
  };
  assert.is(await dots([105.6]), 1);
  assert.is(await dots([1, 2, 3]), 3);
  assert.is(await dots([1, 2, 3], true), 0);
  const many = Array.from({ length: 50 }, (_, i) => (i === 19 || i === 21 ? Number.NaN : i));
  assert.is(await dots(many), 1);
});

test('lines: no points and many series are charts too', async () => {
  const empty = await drawn(lineChart([]));
  gone([empty.width, empty.height]);
  const many = Array.from({ length: 12 }, (_, i) => ({ name: `run <${i}>`, x: [0, 1], y: [i, i] }));
  const drawing = await drawnExactly(lineChart(many, { height: 100 }));
  const shapes = shapesOf(drawing);
  for (const { name } of many) assert.ok(said(shapes).includes(name), name);
  for (const { name, x, y } of shapes)
    if (name === 'text')
      assert.ok(x >= 0 && x < drawing.width && y >= 0 && y < drawing.height, 'no name is cut');
  const looks = shapes
    .filter(({ attributes }) => attributes['stroke-linejoin'])
    .map(({ attributes }) => `${attributes.stroke} ${attributes['stroke-dasharray']}`);
  assert.is(new Set(looks).size, 12, 'lines beyond ten are dashed');
  assert.throws(() => lineChart([{ name: 'loss', x: [1, 2], y: [1] }]), /loss has 2 x for 1 y/);
});

// ------------------------------------------------------------------------------------------- bars, histograms, densities

test('bars: lengths are as the values, marked ones in another colour', async () => {
  const bars = [
    { name: 'z1', value: 4, marked: true },
    { name: 'z0', value: 1, marked: false },
    { name: 'z2', value: Number.NaN, marked: false },
  ];
  const shapes = shapesOf(await drawn(barChart(bars, { width: 200, unit: 'nats', title: 'KL' })));
  const boxes = [...colored(shapes, classColor(0)), ...colored(shapes, soft)].map(boxOf);
  assert.equal(
    boxes.map(({ width }) => width),
    [200, 50, 0],
  );
  assert.ok(boxes[0]!.top < boxes[1]!.top && boxes[1]!.top < boxes[2]!.top, 'in the order given');
  assert.equal(said(shapes), ['z1', 'z0', 'z2', '4.00 nats', '1.00 nats', 'NaN nats', 'KL']);
  gone([(await drawn(barChart([]))).width]);
});

test('histograms: bins stand where their values are, as high as their shares', async () => {
  const cell = { name: 'μ', low: 0, high: 4, shares: [0, 0.5, 0.25, 0.25], mean: 2, std: 1 };
  const rows = [{ name: 'z0', cells: [cell, { ...cell, name: 'σ' }] }];
  const shapes = shapesOf(await drawn(histogramChart(rows, { width: 200, height: 40 })));
  const bars = colored(shapes, classColor(0))[0]!.attributes.d!;
  assert.is(
    bars,
    [50, 100, 150].map((x, i) => `M${x},58h49.25v-${i === 0 ? 40 : 20}h-49.25Z`).join(''),
    'the first quarter is empty',
  );
  assert.ok(said(shapes).includes('z0') && said(shapes).includes('μ: 2.00 ± 1.00'));
  assert.equal([-0.001, -0.006, -1.5, 0.001].map(hundredths), ['0.00', '−0.01', '−1.50', '0.00']);
  gone([(await drawn(histogramChart([]))).width]);
});

test('densities: each panel is as high as its highest curve, over what is behind', async () => {
  const behind = { name: 'prior', x: [-4, 0, 4], y: [0, 0.5, 0] };
  const names = [
    { name: '0', color: 0 },
    { name: '11', color: 11 },
  ];
  const rows = [
    {
      name: 'z1',
      detail: '2 nats',
      curves: [
        { x: [0, 1, 2], y: [0, 2, 0] },
        { x: [-4, 9], y: [1, 1] },
      ],
    },
    { name: 'z0', curves: [behind, behind] },
  ];
  const options = { names, behind, range: [-4, 4], width: 80, height: 100, across: 1 } as const;
  const shapes = shapesOf(await drawn(densityChart(rows, options)));
  const paths = shapes.filter(({ attributes }) => attributes['stroke-width'] === '1.5' && attributes.d);
  assert.equal(
    paths.map(({ attributes }) => attributes.d),
    [
      'M40,118L50,18L60,118',
      'M0,68', // what lies beyond the range is left out
      'M0,118L40,18L80,118',
      'M0,118L40,18L80,118',
    ],
  );
  assert.equal(
    paths.map(({ attributes }) => [attributes.stroke, attributes['stroke-dasharray']]),
    [
      [classColor(0), ''],
      [classColor(1), '6,3'],
      [classColor(0), ''],
      [classColor(1), '6,3'],
    ],
  );
  const grounds = colored(shapes, faint).filter(({ attributes }) => attributes.d!.startsWith('M0,118L'));
  assert.equal(
    grounds.map(({ attributes }) => attributes.d),
    ['M0,118L0,118L40,93L80,118L80,118Z', 'M0,118L0,118L40,18L80,118L80,118Z'],
  );
  assert.equal(said(shapes).slice(0, 3), ['0', '11', 'prior']);
});

// ------------------------------------------------------------------------------------------------- in a page, as pixels

test('in a page: colours are variables, the font is the page’s, and it is said what the chart shows', async () => {
  const drawing = await drawn(
    scatterChart(points, { labels: [0, 1, 2, 3], marked: { ...two, labels: [1, 2] }, title: 't' }),
  );
  const inside = inlined(drawing, 'a <"chart"> & more');
  const known = [ink, soft, faint, ...classColors];
  for (const color of known) assert.not(inside.includes(color), color);
  assert.match(inside, /fill="var\(--class-1\)"/);
  assert.match(inside, /fill="var\(--ink\)"/);
  assert.not.match(inside, /font-family|aria-hidden|\bid=|clip-path/);
  const [svg] = shapesOf({ svg: inside });
  assert.is(svg!.attributes['aria-label'], 'a <"chart"> & more');
  assert.is(svg!.attributes.viewbox ?? svg!.attributes.viewBox, `0 0 ${drawing.width} ${drawing.height}`);
  const count = (list: Shape[], name: string) => list.filter((shape) => shape.name === name).length;
  const [before, after] = [shapesOf(drawing), shapesOf({ svg: inside })];
  for (const name of ['text', 'image', 'line']) assert.is(count(after, name), count(before, name), name);
});

test('as pixels: at twice the size, on white, in the colours of the chart', async () => {
  const drawing = await drawnExactly(barChart([{ name: 'z1', value: 4, marked: true }], { width: 200 }));
  const { width, height, data } = await rasterized(drawing);
  assert.equal([width, height], [2 * drawing.width, 2 * drawing.height]);
  const count = (red: number, green: number, blue: number) => {
    let found = 0;
    for (let i = 0; i < data.length; i += 3)
      if (data[i] === red && data[i + 1] === green && data[i + 2] === blue) found++;
    return found;
  };
  assert.equal([...data.subarray(0, 3)], [255, 255, 255]);
  const bar = boxOf(colored(shapesOf(drawing), classColor(0))[0]!);
  assert.is(count(0x00, 0x68, 0xf7), 400 * 2 * bar.height);
});

test.run();
