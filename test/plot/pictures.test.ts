/* Runs without an adapter. */
import { decode } from 'fast-png';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { barChart } from '../../packages/plot/src/bars.ts';
import { lineChart } from '../../packages/plot/src/chart.ts';
import {
  type Color,
  classColor,
  classColors,
  darkClassColors,
  darkGround,
} from '../../packages/plot/src/colormap.ts';
import { sideBySide, stacked } from '../../packages/plot/src/compose.ts';
import { glyph } from '../../packages/plot/src/font.ts';
import { imageGrid } from '../../packages/plot/src/grid.ts';
import { histogramRows } from '../../packages/plot/src/histograms.ts';
import { encodePng } from '../../packages/plot/src/png.ts';
import {
  createRaster,
  drawDisc,
  drawLine,
  drawText,
  fillRect,
  type Raster,
  textHeight,
  textWidth,
} from '../../packages/plot/src/raster.ts';
import { scatterPlot } from '../../packages/plot/src/scatter.ts';
import { rangeOf, sameSpan, ticks } from '../../packages/plot/src/ticks.ts';

const pixel = ({ width, data }: Raster, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

/** How many pixels have this colour, and the bounds of them. */
function find({ width, data }: Raster, color: Color) {
  let [count, left, top, right, bottom] = [0, Infinity, Infinity, -1, -1];
  for (let i = 0; i < data.length / 3; i++) {
    if (data[3 * i] !== color[0] || data[3 * i + 1] !== color[1] || data[3 * i + 2] !== color[2]) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    count++;
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  return { count, left, top, right, bottom };
}

/** The picture as text, a letter per pixel, to compare drawings with. */
const art = (raster: Raster): string[] =>
  Array.from({ length: raster.height }, (_, y) =>
    Array.from({ length: raster.width }, (_, x) => (pixel(raster, x, y)[0]! < 128 ? '#' : '.')).join(''),
  );

const black: Color = [0, 0, 0];
const red: Color = [255, 0, 0];

// ------------------------------------------------------------------------------------------------------------ raster

test('raster: text has the font its pixels, upright and turned', () => {
  const upright = createRaster(textWidth('FL'), textHeight());
  drawText(upright, 0, 0, 'FL', black);
  const letters = [
    '#####.#....',
    '#.....#....',
    '#.....#....',
    '####..#....',
    '#.....#....',
    '#.....#....',
    '#.....#####',
    '...........',
  ];
  assert.equal(art(upright), letters);

  const turned = createRaster(textHeight(), textWidth('FL'));
  drawText(turned, 0, textWidth('FL'), 'FL', black, { vertical: true });
  // A quarter turn to the left.
  const expected = Array.from({ length: 11 }, (_, y) => letters.map((row) => row[10 - y]).join(''));
  assert.equal(art(turned), expected);
});

test('raster: text is aligned and scaled', () => {
  for (const [align, left] of [
    ['left', 50],
    ['center', 50 - 17],
    ['right', 50 - 34],
  ] as const) {
    const raster = createRaster(100, 20);
    drawText(raster, 50, 1, 'HHH', red, { align, scale: 2 });
    const { left: found, right, top, bottom } = find(raster, red);
    assert.equal([found, right, top, bottom], [left, left + 33, 1, 14], align);
  }
});

test('raster: every printable character has a glyph of its own', () => {
  const box = glyph('漢').join();
  const seen = new Map<string, string>();
  for (const character of '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ !"#$%&()*+,-./:;<=>?[]_βμσ×±→') {
    const drawn = glyph(character).join();
    assert.is.not(drawn, box, character);
    assert.is(seen.get(drawn), undefined, `${character} looks like ${seen.get(drawn)}`);
    seen.set(drawn, character);
  }
});

test('raster: what lies outside of the picture is cut off', () => {
  const raster = createRaster(5, 5);
  fillRect(raster, -3, 3, 20, 20, red);
  drawDisc(raster, [-40, 2], 5, red);
  drawText(raster, -100, 0, 'far', red);
  assert.equal(find(raster, red), { count: 10, left: 0, top: 3, right: 4, bottom: 4 });
});

test('raster: lines and discs cover the area that they should', () => {
  const darkness = (draw: (raster: Raster) => void) => {
    const raster = createRaster(100, 100);
    draw(raster);
    return raster.data.reduce((sum, value) => sum + (255 - value), 0) / 255 / 3;
  };
  const disc = darkness((raster) => drawDisc(raster, [50.3, 49.8], 20, black));
  assert.ok(Math.abs(disc / (Math.PI * 400) - 1) < 0.01, `disc ${disc}`);
  const line = darkness((raster) => drawLine(raster, [10, 20.4], [73, 51.9], black, { thickness: 4 }));
  const expected = Math.hypot(63, 31.5) * 4 + Math.PI * 4;
  assert.ok(Math.abs(line / expected - 1) < 0.01, `line ${line}, expected ${expected}`);
});

// -------------------------------------------------------------------------------------------------------------- PNG

test('png: colours and greys survive', () => {
  const raster = createRaster(7, 5, [10, 20, 30]);
  fillRect(raster, 1, 2, 3, 1, red);
  const colours = decode(encodePng(raster));
  assert.equal([colours.width, colours.height, colours.channels, colours.depth], [7, 5, 3, 8]);
  assert.equal([...colours.data], [...raster.data]);

  const grey = createRaster(3, 1, [9, 9, 9]);
  fillRect(grey, 1, 0, 1, 1, black);
  const greys = decode(encodePng(grey));
  assert.is(greys.channels, 1);
  assert.equal([...greys.data], [9, 0, 9]);
  assert.equal(encodePng(raster), encodePng(raster));
});

// ------------------------------------------------------------------------------------------------------------- grid

test('grid: every pixel is where it belongs', () => {
  const shape = [1, 2, 3] as const;
  const pixels = Uint8Array.from({ length: 5 * 6 }, (_, i) => i * 8);
  const [scale, padding] = [2, 3];
  const raster = imageGrid({ pixels, shape }, { columns: 3, scale, padding, background: red });
  assert.equal([raster.width, raster.height], [12 + 3 * 6 + 2 * 3, 12 + 2 * 4 + 3]);
  for (let image = 0; image < 5; image++) {
    for (let i = 0; i < 6; i++) {
      const x = 6 + (image % 3) * 9 + (i % 3) * 2;
      const y = 6 + Math.floor(image / 3) * 7 + Math.floor(i / 3) * 2;
      const level = (image * 6 + i) * 8;
      for (const [dx, dy] of [
        [0, 0],
        [1, 1],
      ] as const) {
        assert.equal(pixel(raster, x + dx, y + dy), [level, level, level], `image ${image}, pixel ${i}`);
      }
    }
  }
  assert.is(find(raster, red).count, raster.width * raster.height - 5 * 24);
});

test('grid: channels are planes, floats are clipped, NaN is black', () => {
  const grey = imageGrid(
    { pixels: Float32Array.of(-1, 0.5, 7, Number.NaN), shape: [1, 1, 4] },
    { scale: 1, padding: 0 },
  );
  assert.equal([...grey.data], [0, 0, 0, 128, 128, 128, 255, 255, 255, 0, 0, 0]);
  const color = imageGrid(
    { pixels: Float32Array.of(1, 0, 0, 1, 0, 0.2), shape: [3, 1, 2] },
    { scale: 1, padding: 0 },
  );
  assert.equal([...color.data], [255, 0, 0, 0, 255, 51]);
});

test('grid: labels and title take room of their own', () => {
  const pixels = new Float32Array(6 * 16).fill(0.5);
  const batch = { pixels, shape: [1, 4, 4] as const };
  const plain = imageGrid(batch, { columns: 3 });
  const full = imageGrid(batch, {
    columns: 3,
    title: 'a title that is wider than the images',
    rowLabels: ['input', 'output'],
    columnLabels: ['zero', 'one', 'a wide one'],
  });
  const middle: Color = [128, 128, 128];
  assert.is(find(plain, middle).count, find(full, middle).count, 'no image is covered or cut');
  assert.ok(full.width >= textWidth('a title that is wider than the images', 2));
  const text = find(full, [40, 44, 52]);
  assert.ok(text.left >= 4 && text.top >= 4 && text.right < full.width - 4);
});

test('grid: refuses what is no image', () => {
  assert.throws(
    () => imageGrid({ pixels: new Uint8Array(10), shape: [1, 2, 3] }),
    /10 values do not fill images of/,
  );
  assert.throws(() => imageGrid({ pixels: new Uint8Array(8), shape: [2, 2, 2] }), /2 channels; 1 or 3/);
});

// ------------------------------------------------------------------------------------------------------------- axes

const tickCases: [[number, number], number, string[]][] = [
  [[0, 1], 5, ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0']],
  [[-3, 3], 6, ['−3', '−2', '−1', '0', '1', '2', '3']],
  [[0.27, 0.43], 4, ['0.30', '0.35', '0.40']],
  [[0, 2345], 5, ['0', '500', '1000', '1500', '2000']],
  [[0, 4e6], 4, ['0', '1e6', '2e6', '3e6', '4e6']],
  [[0, 3e-6], 3, ['0', '1e−6', '2e−6', '3e−6']],
];
for (const [range, most, expected] of tickCases) {
  test(`axes: ticks of ${range[0]} to ${range[1]}`, () => {
    assert.equal(
      ticks(range, most).map(({ text }) => text),
      expected,
    );
  });
}

test('axes: a range is never empty, whatever the values', () => {
  assert.equal(rangeOf([]), [0, 1]);
  assert.equal(rangeOf([Number.NaN, Number.POSITIVE_INFINITY]), [0, 1]);
  assert.equal(rangeOf([0, 0]), [-0.5, 0.5]);
  assert.equal(rangeOf([0, 10], 0.1), [-1, 11]);
  for (const values of [[5], [-1e20, -1e20 + 20_000], [1e-30], [1e20, 1e20]]) {
    const [low, high] = rangeOf(values);
    assert.ok(low < Math.min(...values) && high > Math.max(...values), `${values}`);
    const { length } = ticks([low, high], 5);
    assert.ok(length > 0 && length < 12, `${values}: ${length} ticks`);
  }
});

// ---------------------------------------------------------------------------------------------------------- scatter

test('scatter: points, legend and thumbnails are at their places', () => {
  const options = { labels: [0, 2, 2, 4], size: 200, radius: 3 };
  const points = Float32Array.of(0, 0, 1, 0, 1, 1, Number.NaN, 1);
  const raster = scatterPlot(points, options);
  const legend = classColor(2);
  assert.ok(find(raster, legend).count > 50, 'the legend has the class');
  assert.ok(find(raster, classColor(4)).count > 50, 'also one whose only point is not finite');
  assert.is(find(raster, classColor(1)).count, 0, 'and no class that is absent');

  const thumbnails = {
    pixels: new Uint8Array(2 * 3 * 4 * 4).map((_, i) => (Math.floor(i / 16) % 3 === 1 ? 200 : 0)),
    shape: [3, 4, 4] as const,
    points: Float32Array.of(0, 0, 1, 1),
    scale: 3,
  };
  const decorated = scatterPlot(points, { ...options, thumbnails });
  const found = find(decorated, [0, 200, 0]);
  assert.is(found.count, 2 * 12 * 12);
  // (0, 0) is at the lower left and (1, 1) at the upper right, as far apart along x as along y.
  assert.is(found.right - found.left, found.bottom - found.top);
  assert.equal(pixel(decorated, found.left, found.bottom), [0, 200, 0]);
  assert.equal(pixel(decorated, found.right, found.top), [0, 200, 0]);
});

test('scatter: refuses what does not belong together', () => {
  assert.throws(() => scatterPlot(new Float32Array(3)), /3 coordinates: points have two each/);
  assert.throws(() => scatterPlot(new Float32Array(4), { labels: [1] }), /1 labels for 2 points/);
  const thumbnails = { pixels: new Uint8Array(8), shape: [1, 2, 2] as const, points: new Float32Array(2) };
  assert.throws(() => scatterPlot(new Float32Array(4), { thumbnails }), /2 thumbnails at 1 places/);
});

// ------------------------------------------------------------------------------------------------------------ chart

test('chart: a line goes from the lower left to the upper right, with a gap where a value is missing', () => {
  const x = Array.from({ length: 101 }, (_, i) => i);
  const raster = lineChart([{ name: '', x, y: x.map((v) => (v > 40 && v < 60 ? Number.NaN : v)) }], {
    title: 't',
  });
  const color = classColor(0);
  const { left, top, bottom } = find(raster, color);
  const column = (at: number) => {
    const rows: number[] = [];
    for (let y = 0; y < raster.height; y++) if (String(pixel(raster, at, y)) === String(color)) rows.push(y);
    return rows;
  };
  assert.ok(column(left + 2).at(-1)! >= bottom - 4, 'low on the left');
  assert.ok(column(left + 680).length > 0 && column(left + 680)[0]! <= top + 20, 'high on the right');
  assert.equal(column(left + 345), [], 'a gap in the middle');
});

test('chart: one point, no points and many series are pictures too', () => {
  const one = lineChart([{ name: 'test', x: [1], y: [105.6] }]);
  assert.ok(find(one, classColor(0)).count > 30);
  lineChart([]);
  const many = Array.from({ length: 12 }, (_, i) => ({ name: `run ${i}`, x: [0, 1], y: [i, i] }));
  const raster = lineChart(many, { height: 100 });
  assert.ok(raster.height > 12 * textHeight(2), 'the legend is not cut');
  assert.throws(() => lineChart([{ name: 'loss', x: [1, 2], y: [1] }]), /loss has 2 x for 1 y/);
});

// ---------------------------------------------------------------------------------------------------------- palette

/**
 * What a dichromat sees, in linear RGB. G. M. Machado et al., A Physiologically-based Model for Simulation of Color
 * Vision Deficiency, 2009, severity 1.0.
 */
const deficiencies: Record<string, number[][]> = {
  none: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const times = (matrix: number[][], vector: number[]) =>
  matrix.map((row) => row.reduce((sum, factor, i) => sum + factor * vector[i]!, 0));

/** CIE L*a*b* (D65), in which 2.3 is a difference that is just noticed. */
function lab(color: Color, deficiency: number[][]): number[] {
  const linear = color.map((v) => (v <= 10 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  const seen = times(deficiency, linear).map((v) => Math.min(1, Math.max(0, v)));
  const [x, y, z] = times(
    [
      [0.4124 / 0.9505, 0.3576 / 0.9505, 0.1805 / 0.9505],
      [0.2126, 0.7152, 0.0722],
      [0.0193 / 1.089, 0.1192 / 1.089, 0.9505 / 1.089],
    ],
    seen,
  ).map((v) => (v > 0.008856 ? Math.cbrt(v) : 7.787 * v + 16 / 116)) as [number, number, number];
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const palettes = [
  ['on white', classColors, [255, 255, 255]],
  ['on the dark ground', darkClassColors, darkGround],
] as const;
for (const [name, matrix] of Object.entries(deficiencies)) {
  for (const [where, colors, ground] of palettes) {
    test(`palette ${where}: ten colours apart from each other and from it, colour blindness: ${name}`, () => {
      const seen = [...colors, ground].map((color) => lab(color, matrix));
      let least = Infinity;
      for (const [i, a] of seen.entries()) {
        for (const b of seen.slice(i + 1)) least = Math.min(least, Math.hypot(...a.map((v, k) => v - b[k]!)));
      }
      assert.ok(least > 15, `closest pair is ${least.toFixed(1)} apart`);
    });
  }
}

test('palette: on the dark ground every colour has a contrast of 3 and more, as WCAG 2.1 wants of graphics', () => {
  const luminance = (color: Color) => {
    const linear = color.map((v) => (v <= 10 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!;
  };
  for (const color of darkClassColors) {
    const contrast = (luminance(color) + 0.05) / (luminance(darkGround) + 0.05);
    assert.ok(contrast >= 3, `${color}: ${contrast.toFixed(2)}`);
  }
});

// ------------------------------------------------------------------------------------- bars, histograms, composition

test('bars: lengths are as the values, marked ones in another colour', () => {
  const bars = [
    { name: 'z1', value: 4, marked: true },
    { name: 'z0', value: 1, marked: false },
    { name: 'z2', value: Number.NaN, marked: false },
  ];
  const raster = barChart(bars, { width: 200, unit: 'nats' });
  const [marked, unmarked] = [find(raster, classColor(0)), find(raster, classColor(3))];
  assert.equal([marked.right - marked.left + 1, unmarked.right - unmarked.left + 1], [200, 50]);
  assert.ok(marked.bottom < unmarked.top, 'in the order given');
  barChart([]);
});

test('histograms: bins stand where their values are, as high as their shares', () => {
  const cell = { name: 'μ', low: 0, high: 4, shares: [0, 0.5, 0.25, 0.25], mean: 2, std: 1 };
  const raster = histogramRows([{ name: 'z0', cells: [cell] }], { width: 200, height: 40 });
  const { left, right, top, bottom, count } = find(raster, classColor(0));
  assert.equal([right - left + 1, bottom - top + 1], [149, 40], 'the first quarter is empty');
  assert.is(count, 49 * 40 + 2 * 49 * 20);
  histogramRows([]);
});

test('compose: pictures side by side, in lines that fit, and one below the other', () => {
  const square = (size: number, level: number) => createRaster(size, size, [level, level, level]);
  const three = [square(4, 10), square(2, 20), square(3, 30)];
  const lines = sideBySide(three, 6);
  assert.equal([lines.width, lines.height], [6, 7]);
  assert.equal(
    [pixel(lines, 0, 0)[0], pixel(lines, 5, 1)[0], pixel(lines, 5, 2)[0], pixel(lines, 2, 6)[0]],
    [10, 20, 255, 30],
  );
  const pile = stacked(three);
  assert.equal([pile.width, pile.height, pixel(pile, 1, 5)[0], pixel(pile, 0, 8)[0]], [4, 9, 20, 30]);
});

test('axes: the same span leaves the wider range as it is', () => {
  assert.equal(sameSpan([0, 4], [1, 2]), [
    [0, 4],
    [-0.5, 3.5],
  ]);
});

test.run();
