/* Runs on every adapter, for long. */
import * as tg from '@tapegrad/tensor';
import { type Shape, sizeOf, type Tensor } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, agree, device, integers, numbers, on, type Tolerance } from '../helpers/device.ts';
import {
  division as DIVISION,
  exact as EXACT,
  exponential,
  logarithm,
  power,
  rounded as ROUNDED,
  squareRoot,
  trigonometric,
} from '../helpers/tolerances.ts';

/*
 * Every elementwise op: kernel against the float64 reference. Tolerances are those of the table in `tolerances.ts`, which follow
 * from what WGSL allows, or are made of them and say so; ops that select or compare are exact.
 */

const show = (shapes: readonly Shape[]) => shapes.map((shape) => `[${shape.join(', ')}]`).join(' x ');
const UNARY_SHAPES: Shape[] = [[], [1], [7], [0, 3], [3, 1, 5], [2, 3, 1, 2, 3, 2], [70_001]];

interface Unary {
  op: string;
  run: (x: Tensor) => Tensor;
  domain: [number, number];
  tolerance: Tolerance;
  reason: string;
}

const unary: Unary[] = [
  { op: 'neg', run: tg.neg, domain: [-9, 9], tolerance: EXACT, reason: 'flips a bit' },
  { op: 'abs', run: tg.abs, domain: [-9, 9], tolerance: EXACT, reason: 'clears a bit' },
  { op: 'sign', run: tg.sign, domain: [-9, 9], tolerance: EXACT, reason: 'compares' },
  { op: 'floor', run: tg.floor, domain: [-9, 9], tolerance: EXACT, reason: 'whole numbers' },
  { op: 'ceil', run: tg.ceil, domain: [-9, 9], tolerance: EXACT, reason: 'whole numbers' },
  { op: 'round', run: tg.round, domain: [-9, 9], tolerance: EXACT, reason: 'whole numbers' },
  {
    op: 'round halves',
    run: (x) => tg.round(tg.add(tg.floor(x), 0.5)),
    domain: [-9, 9],
    tolerance: EXACT,
    reason: 'whole numbers; to the even one of two',
  },
  { op: 'relu', run: tg.relu, domain: [-9, 9], tolerance: EXACT, reason: 'selects' },
  {
    op: 'leakyRelu 0.2',
    run: (x) => tg.leakyRelu(x, 0.2),
    domain: [-9, 9],
    tolerance: { relative: 2 ** -23 },
    reason: 'the slope and the product are rounded',
  },
  {
    op: 'clamp -1..2',
    run: (x) => tg.clamp(x, { min: -1, max: 2 }),
    domain: [-9, 9],
    tolerance: EXACT,
    reason: 'selects',
  },
  {
    op: 'clamp 0..',
    run: (x) => tg.clamp(x, { min: 0 }),
    domain: [-9, 9],
    tolerance: EXACT,
    reason: 'selects',
  },
  { op: 'square', run: tg.square, domain: [-9, 9], tolerance: ROUNDED, reason: 'one product' },
  { op: 'reciprocal', run: tg.reciprocal, domain: [0.01, 9], tolerance: DIVISION, reason: 'one division' },
  {
    op: 'exp',
    run: tg.exp,
    domain: [-20, 20],
    tolerance: exponential(20),
    reason: 'exp itself',
  },
  {
    op: 'log',
    run: tg.log,
    domain: [0.001, 50],
    tolerance: logarithm,
    reason: 'log itself',
  },
  {
    op: 'log1p',
    run: tg.log1p,
    domain: [-0.9, 9],
    tolerance: { absolute: 2 ** -21, relative: 6 * 2 ** -23 },
    reason: 'as log; the correction adds a division',
  },
  {
    op: 'log1p tiny',
    run: tg.log1p,
    domain: [-1e-5, 1e-5],
    tolerance: { relative: 1e-5 },
    reason: 'the correction keeps it relative, but for log’s own error of u − 1',
  },
  { op: 'sqrt', run: tg.sqrt, domain: [0, 90], tolerance: squareRoot, reason: 'sqrt itself' },
  {
    op: 'sin',
    run: tg.sin,
    domain: [-3.14, 3.14],
    tolerance: trigonometric,
    reason: 'WGSL’s own',
  },
  {
    op: 'cos',
    run: tg.cos,
    domain: [-3.14, 3.14],
    tolerance: trigonometric,
    reason: 'WGSL’s own',
  },
  {
    op: 'sigmoid',
    run: tg.sigmoid,
    domain: [-20, 20],
    tolerance: { relative: (3 + 2 * 20 + 4) * 2 ** -23 },
    reason: 'exp, an addition and a division',
  },
  {
    op: 'silu',
    run: tg.silu,
    domain: [-20, 20],
    tolerance: { absolute: 104 * 2 ** -126, relative: (3 + 2 * 20 + 5) * 2 ** -23 },
    reason: 'sigmoid, and a product of it, flushed to 0 where it is subnormal, with up to −104',
  },
  {
    op: 'elu 0.7',
    run: (x) => tg.elu(x, 0.7),
    domain: [-9, 9],
    tolerance: { relative: 3e-6 },
    reason:
      'exp(−0.35) − 1 leaves a third of exp, which is good to 4 ulp; below, the series is exact to 4e-7',
  },
  {
    op: 'gelu',
    run: tg.gelu,
    domain: [-9, 9],
    tolerance: { relative: (3 + 2 * 40.5 + 41) * 2 ** -23 },
    reason: 'exp(−x²/2) to 3 + x² ulp, its argument rounded to x²/2 ulp; the polynomial to 1.3e-7',
  },
  {
    op: 'gelu near 0',
    run: tg.gelu,
    domain: [-1, 1],
    tolerance: { relative: 8 * 2 ** -23 },
    reason: 'exp to 4 ulp, the polynomial to 1 ulp, and the roundings of its steps',
  },
  {
    op: 'gelu tanh',
    run: (x) => tg.gelu(x, { approximate: 'tanh' }),
    domain: [-5, 5],
    tolerance: { relative: (3 + 2 * 17 + 2 * 17 + 5) * 2 ** -23 },
    reason: 'sigmoid of up to 17, whose argument is rounded four times',
  },
  {
    op: 'normalCdf',
    run: (x) => tg.apply(tg.ops.normalCdf, [x], []),
    domain: [-9, 9],
    tolerance: { relative: (3 + 2 * 40.5 + 41) * 2 ** -23 },
    reason: 'as gelu',
  },
  {
    op: 'tanh',
    run: tg.tanh,
    domain: [-9, 9],
    tolerance: { relative: 3e-6 },
    reason: '1 − exp(−2|x|) cancels to a tenth at worst, where exp is good to 3 ulp',
  },
  { op: 'tanh tiny', run: tg.tanh, domain: [-0.06, 0.06], tolerance: { relative: 3e-6 }, reason: 'as tanh' },
  {
    op: 'softplus',
    run: tg.softplus,
    domain: [-20, 20],
    tolerance: { absolute: 2 ** -21, relative: 2 ** -22 },
    reason: 'log1p of exp, of which the larger is exact',
  },
  {
    op: 'softplus negative',
    run: tg.softplus,
    domain: [-20, -10],
    tolerance: { relative: 2e-5 },
    reason: 'exp(x) to 3 + 2·|x| ulp, log1p of a tiny number',
  },
  {
    op: 'add 1.5',
    run: (x) => tg.add(x, 1.5),
    domain: [-9, 9],
    tolerance: { absolute: 2 ** -20 },
    reason: 'one addition',
  },
  {
    op: '2 - x',
    run: (x) => tg.sub(2, x),
    domain: [-9, 9],
    tolerance: { absolute: 2 ** -20 },
    reason: 'one addition',
  },
  {
    op: 'x - 2',
    run: (x) => tg.sub(x, 2),
    domain: [-9, 9],
    tolerance: { absolute: 2 ** -20 },
    reason: 'one addition',
  },
  { op: 'mul 3', run: (x) => tg.mul(3, x), domain: [-9, 9], tolerance: ROUNDED, reason: 'one product' },
  {
    op: 'div 3',
    run: (x) => tg.div(x, 3),
    domain: [-9, 9],
    tolerance: DIVISION,
    reason: 'the inverse is rounded too',
  },
  { op: '3 / x', run: (x) => tg.div(3, x), domain: [0.1, 9], tolerance: DIVISION, reason: 'one division' },
  ...[-2, -1, 0, 1, 2, 3, 4].map((n) => ({
    op: `pow ${n}`,
    run: (x: Tensor) => tg.pow(x, n),
    domain: [-5, 5] as [number, number],
    tolerance: power,
    reason: 'pow itself',
  })),
  ...[0.5, 1.5, -0.7].map((n) => ({
    op: `pow ${n}`,
    run: (x: Tensor) => tg.pow(x, n),
    domain: [0.1, 9] as [number, number],
    tolerance: power,
    reason: 'pow itself',
  })),
];

for (const { op, run, domain, tolerance, reason } of unary) {
  for (const shape of UNARY_SHAPES) {
    test(`${op} ${show([shape])} ${adapter}`, async () => {
      const x = numbers(sizeOf(shape), ...domain);
      await agree((d) => run(on(d, shape, x)), { reason, ...tolerance }, op);
    });
  }
}

const BINARY_SHAPES: Shape[][] = [
  [[], []],
  [[5], []],
  [[], [2, 3]],
  [[1], [1, 1]],
  [
    [3, 1, 5],
    [4, 1],
  ],
  [
    [0, 3],
    [1, 3],
  ],
  [[0, 3], []],
  [
    [2, 1, 3, 1, 2, 1],
    [1, 5, 1, 2, 1, 3],
  ],
  [[7, 11, 13], [13]],
  [
    [7, 11, 13],
    [7, 1, 1],
  ],
  [[70_001], [70_001]],
  [
    [300, 1],
    [1, 257],
  ],
];

const binary: { op: string; run: (a: Tensor, b: Tensor) => Tensor; tolerance: Tolerance; reason: string }[] =
  [
    { op: 'add', run: tg.add, tolerance: { absolute: 2 ** -21 }, reason: 'half an ulp of a sum below 8' },
    {
      op: 'sub',
      run: tg.sub,
      tolerance: { absolute: 2 ** -21 },
      reason: 'half an ulp of a difference below 8',
    },
    { op: 'mul', run: tg.mul, tolerance: ROUNDED, reason: 'one product' },
    { op: 'div', run: tg.div, tolerance: DIVISION, reason: 'one division' },
    {
      op: 'maskPositive',
      run: (a, b) => tg.apply(tg.ops.maskPositive, [a, b], []),
      tolerance: EXACT,
      reason: 'selects',
    },
    { op: 'minimum', run: tg.minimum, tolerance: EXACT, reason: 'selects' },
    { op: 'maximum', run: tg.maximum, tolerance: EXACT, reason: 'selects' },
    {
      op: 'pow of |a|',
      run: (a, b) => tg.pow(tg.abs(a), b),
      tolerance: { relative: 3e-5 },
      reason: 'exp2(b·log2 a), both inexact, |b·log2 a| up to 30',
    },
  ];

/** Ties have to occur, so whole numbers. */
const comparisons: typeof binary = [
  { op: 'equal', run: tg.equal, tolerance: EXACT, reason: 'compares' },
  { op: 'notEqual', run: tg.notEqual, tolerance: EXACT, reason: 'compares' },
  { op: 'less', run: tg.less, tolerance: EXACT, reason: 'compares' },
  { op: 'lessEqual', run: tg.lessEqual, tolerance: EXACT, reason: 'compares' },
  { op: 'greater', run: tg.greater, tolerance: EXACT, reason: 'compares' },
  { op: 'greaterEqual', run: tg.greaterEqual, tolerance: EXACT, reason: 'compares' },
];

for (const { op, run, tolerance, reason } of [...binary, ...comparisons]) {
  for (const [a, b] of BINARY_SHAPES as [Shape, Shape][]) {
    test(`${op} ${show([a, b])} ${adapter}`, async () => {
      const draw = comparisons.some((one) => one.op === op) ? integers : numbers;
      const [x, y] = [draw(sizeOf(a), -4, 4, 1), draw(sizeOf(b), -4, 4, 2)];
      await agree((d) => run(on(d, a, x), on(d, b, y)), { reason, ...tolerance }, op);
    });
  }
}

for (const shapes of [
  [[], [], []],
  [[4, 1], [3, 1, 5], [5]],
  [[0, 1], [1, 3], []],
  [[70_001], [70_001], []],
  [
    [2, 1, 3],
    [1, 5, 1],
    [2, 5, 1],
  ],
] as [Shape, Shape, Shape][]) {
  test(`where ${show(shapes)} ${adapter}`, async () => {
    const values = shapes.map((shape, k) => integers(sizeOf(shape), k === 0 ? 0 : -9, k === 0 ? 2 : 9, k));
    await agree(
      (d) => {
        const [condition, a, b] = shapes.map((shape, k) => on(d, shape, values[k]!)) as [
          Tensor,
          Tensor,
          Tensor,
        ];
        return tg.where(condition, a, b);
      },
      EXACT,
      'where',
    );
  });
}

test('every elementwise op has a row', () => {
  const seen = new Set(['where']);
  const x = tg.tensor([1], { device: tg.referenceDevice });
  tg.observe(
    ({ op }) => seen.add(op.name),
    () => {
      for (const { run } of unary) run(x);
      for (const { run } of [...binary, ...comparisons]) run(x, x);
    },
  );
  assert.equal(
    Object.keys(tg.elementwiseOps).filter((name) => !seen.has(name)),
    [],
  );
});

const BIG = 3.4e38;
const SPECIAL = Float32Array.of(
  ...[Number.NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 88, -88, 90, -90],
  ...[104, -104, 1e4, -1e4, 1e20, -1e20, BIG, -BIG, 1e-30, -1e-30, 16_777_216, -16_777_217],
);

/** sin and cos have no stated accuracy beyond [−π, π]. */
const specialUnary = unary.filter(({ op }) => !['sin', 'cos'].includes(op));
for (const { op, run, tolerance, reason } of specialUnary) {
  test(`${op} of special values ${adapter}`, async () => {
    const relative = (tolerance.relative ?? 0) + (/exp|pow|sigmoid|silu|softplus/.test(op) ? 2.5e-5 : 0);
    // Adding to 16,777,216 rounds by 1.
    const wide = {
      reason: `${tolerance.reason ?? reason}, more of it for large values`,
      absolute: tolerance.absolute ?? 0,
      relative: Math.max(relative, tolerance.absolute ? 2 ** -24 : 0),
    };
    await agree((d) => run(on(d, [SPECIAL.length], SPECIAL)), wide, op);
  });
}

for (const { op, run, tolerance, reason } of [
  ...binary,
  ...comparisons,
  { op: 'pow', run: tg.pow, tolerance: { ...power, relative: 3e-5 }, reason: 'both are inexact' },
]) {
  test(`${op} of special values ${adapter}`, async () => {
    const n = SPECIAL.length;
    const wide = {
      reason,
      ...tolerance,
      relative: Math.max(tolerance.relative ?? 0, 'absolute' in tolerance ? 2 ** -24 : 0),
    };
    // 90^3.4e38 and its like overflow on both; what stays finite has a modest exponent.
    await agree((d) => run(on(d, [n, 1], SPECIAL), on(d, [n], SPECIAL)), wide, op);
  });
}

test(`where takes NaN as true ${adapter}`, async () => {
  const n = SPECIAL.length;
  await agree((d) => tg.where(on(d, [n], SPECIAL), 1, on(d, [n], SPECIAL)), EXACT, 'where');
});

test(`reciprocal of −0 is −Infinity ${adapter}`, async () => {
  await agree((d) => tg.reciprocal(on(d, [2], Float32Array.of(-0, 0))), EXACT, 'reciprocal');
});

test(`neg [16777960]: more than 65,535 workgroups in one dimension ${adapter}`, async () => {
  const size = 65_535 * 64 * 4 + 1000;
  const x = integers(size, -1000, 1000);
  const t = on(device, [size], x);
  const y = tg.neg(t);
  const got = await y.data();
  t.dispose();
  y.dispose();
  let wrong = 0;
  for (let i = 0; i < size; i++) if (got[i] !== -x[i]!) wrong++;
  assert.is(wrong, 0);
});

test.run();
