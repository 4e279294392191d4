/* Runs without an adapter. */

import {
  type Color,
  classColor,
  classColors,
  classShape,
  darkClassColors,
  darkGround,
  lettersOn,
  luminance,
  mostClasses,
} from '@tapegrad/plot';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

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

type Lab = [lightness: number, a: number, b: number];

/** CIE L*a*b* (D65). */
function lab(color: Color, deficiency: number[][]): Lab {
  const linear = [1, 3, 5].map((at) => {
    const v = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  const seen = times(deficiency, linear).map((v) => Math.min(1, Math.max(0, v)));
  const [x, y, z] = times(
    [
      [0.4124 / 0.9505, 0.3576 / 0.9505, 0.1805 / 0.9505],
      [0.2126, 0.7152, 0.0722],
      [0.0193 / 1.089, 0.1192 / 1.089, 0.9505 / 1.089],
    ],
    seen,
  ).map((v) => (v > 0.008856 ? Math.cbrt(v) : 7.787 * v + 16 / 116)) as Lab;
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/**
 * CIEDE2000, in which 1 is a difference that is just noticed. G. Sharma, W. Wu, E. N. Dalal, The CIEDE2000
 * Color-Difference Formula: Implementation Notes, Supplementary Test Data, and Mathematical Observations, 2005.
 */
function difference([l1, a1, b1]: Lab, [l2, a2, b2]: Lab): number {
  const radians = Math.PI / 180;
  const power7 = (c: number) => Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7));
  const g = 0.5 * (1 - power7((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2));
  const polar = (a: number, b: number) => {
    const stretched = a * (1 + g);
    const hue = Math.atan2(b, stretched) / radians;
    return { c: Math.hypot(stretched, b), h: hue < 0 ? hue + 360 : hue };
  };
  const [p, q] = [polar(a1, b1), polar(a2, b2)];
  const isGrey = p.c * q.c === 0;
  let turn = isGrey ? 0 : q.h - p.h;
  if (turn > 180) turn -= 360;
  if (turn < -180) turn += 360;
  const sum = p.h + q.h;
  const hue = isGrey ? sum : Math.abs(p.h - q.h) <= 180 ? sum / 2 : sum < 360 ? sum / 2 + 180 : sum / 2 - 180;
  const [l, c] = [(l1 + l2) / 2, (p.c + q.c) / 2];
  const t =
    1 -
    0.17 * Math.cos((hue - 30) * radians) +
    0.24 * Math.cos(2 * hue * radians) +
    0.32 * Math.cos((3 * hue + 6) * radians) -
    0.2 * Math.cos((4 * hue - 63) * radians);
  const dl = (l2 - l1) / (1 + (0.015 * (l - 50) ** 2) / Math.sqrt(20 + (l - 50) ** 2));
  const dc = (q.c - p.c) / (1 + 0.045 * c);
  const dh = (2 * Math.sqrt(p.c * q.c) * Math.sin((turn / 2) * radians)) / (1 + 0.015 * c * t);
  const rotation = -2 * power7(c) * Math.sin(60 * Math.exp(-(((hue - 275) / 25) ** 2)) * radians);
  return Math.sqrt(dl ** 2 + dc ** 2 + dh ** 2 + rotation * dc * dh);
}

test('the difference of colours: pairs of the paper', () => {
  const pairs: [Lab, Lab, number][] = [
    [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
    [[50, -1, 2], [50, 0, 0], 2.3669],
    [[50, 2.49, -0.001], [50, -2.49, 0.0011], 7.2195],
    [[50, 2.5, 0], [73, 25, -18], 27.1492],
    [[90.8027, -2.0831, 1.441], [91.1528, -1.6435, 0.0447], 1.4441],
    [[2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082],
  ]; // biome-ignore format: a pair a line
  for (const [a, b, expected] of pairs) assert.is(difference(a, b).toFixed(4), expected.toFixed(4));
});

const palettes = [
  ['on white', classColors, '#ffffff'],
  ['on the dark ground', darkClassColors, darkGround],
] as const;
for (const [name, matrix] of Object.entries(deficiencies)) {
  for (const [where, colors, ground] of palettes) {
    test(`palette ${where}: ten colours apart from each other and from it, colour blindness: ${name}`, () => {
      const seen = colors.map((color) => lab(color, matrix));
      const least = name === 'none' ? 28 : 15;
      for (const [i, a] of seen.entries()) {
        for (const [j, b] of seen.entries()) {
          if (j > i) assert.ok(difference(a, b) >= least, `${i} and ${j}: ${difference(a, b).toFixed(1)}`);
        }
        const alone = difference(a, lab(ground, matrix));
        assert.ok(alone >= 13, `${i} and the ground: ${alone.toFixed(1)}`);
      }
    });
  }
}

const contrast = (a: Color, b: Color) => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
};

test('palette: on the dark ground every colour has a contrast of 3 and more, as WCAG 2.1 wants of graphics', () => {
  for (const color of darkClassColors) {
    assert.ok(contrast(color, darkGround) >= 3, `${color}: ${contrast(color, darkGround).toFixed(2)}`);
  }
});

test('palette: letters on a colour can be read', () => {
  for (const color of [...classColors, ...darkClassColors]) {
    assert.ok(contrast(color, lettersOn(color)) >= 3, `${color} with ${lettersOn(color)}`);
  }
});

test('classes: beyond ten, colour and form together tell them apart', () => {
  const looks = Array.from({ length: mostClasses }, (_, i) => `${classColor(i)} ${classShape(i)}`);
  assert.is(new Set(looks).size, mostClasses);
  assert.is(mostClasses, 60);
  assert.is(classShape(9), 'circle');
  assert.equal([classColor(10), classShape(10)], [classColor(0), 'triangle-up']);
});

test.run();
