/* Runs on every adapter, for long. */
import * as tg from '@tapegrad/tensor';
import { type Device, type Shape, sizeOf, type Tensor } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, agree, close, device, integers, numbers, on, type Tolerance } from '../helpers/device.ts';
import {
  division as DIVISION,
  exact as EXACT,
  exponential,
  logSoftMax as LOG_SOFTMAX,
  logarithm,
  power,
  rounded as ROUNDED,
  softMax as SOFTMAX,
  squareRoot,
  sumOf,
  trigonometric,
} from '../helpers/tolerances.ts';

/*
 * Every op but the contractions: kernel against the float64 reference. Tolerances are those of the table in `tolerances.ts`,
 * which follow from what WGSL allows, or are made of them and say so; ops that move, compare or count are exact.
 */

const show = (shapes: readonly Shape[]) => shapes.map((shape) => `[${shape.join(', ')}]`).join(' x ');

// -------------------------------------------------------------------------------------------------- elementwise

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

test(`cast, slice, sum, argmax, softmax over [2, 4194400]: many workgroups ${adapter}`, async () => {
  const columns = 65_535 * 64 + 160;
  const x = integers(2 * columns, -1000, 1000);
  const results = tg.scope(() => {
    const t = on(device, [2, columns], x);
    return [tg.cast(t, 'int32'), tg.slice(t, [1], [1]), tg.sum(t, 0), tg.argmax(t, 0), tg.softmax(t, 0)];
  });
  const [ints, sliced, sums, best, soft] = await Promise.all(results.map((t) => t.data()));
  for (const t of results) t.dispose();
  let wrong = 0;
  for (let i = 0; i < columns; i++) {
    const [a, b] = [x[i]!, x[columns + i]!];
    if (ints![i] !== a || ints![columns + i] !== b || sums![i] !== a + b) wrong++;
    if (i < columns - 1 && sliced![i] !== x[columns + i + 1]) wrong++;
    if (best![i] !== (b > a ? 1 : 0)) wrong++;
    if (Math.abs(soft![i]! - 1 / (1 + Math.exp(b - a))) > 1e-4) wrong++;
  }
  assert.is(wrong, 0);
});

// --------------------------------------------------------------------------------------------------- reductions

const subsets = (rank: number): number[][] =>
  Array.from({ length: 2 ** rank }, (_, bits) =>
    Array.from({ length: rank }, (_, axis) => axis).filter((axis) => bits & (1 << axis)),
  );

const REDUCED_SHAPES: Shape[] = [
  [],
  [1],
  [13],
  [1, 1],
  [7, 11],
  [5, 3, 7, 2],
  [2, 3, 1, 5],
  [0],
  [0, 3, 0],
  [4, 0, 3],
];
const REDUCED: [Shape, number[]][] = [
  ...REDUCED_SHAPES.flatMap((shape) => subsets(shape.length).map((axes): [Shape, number[]] => [shape, axes])),
  [
    [2, 3, 2, 3, 2, 3],
    [0, 2, 4],
  ],
  [
    [2, 3, 2, 3, 2, 3],
    [1, 3, 5],
  ],
  [
    [2, 3, 2, 3, 2, 3, 2],
    [0, 2, 4, 6],
  ],
  [
    [2, 3, 2, 3, 2, 3, 2, 3],
    [1, 3, 5, 7],
  ],
  [[1_000_003], [0]],
  [[1009, 991], [0]],
  [[1009, 991], [1]],
  [
    [1009, 991],
    [0, 1],
  ],
  [
    [16, 10, 77, 81],
    [0, 2, 3],
  ],
  [[3, 100_003], [1]],
  [[100_003, 3], [0]],
  [
    [17, 5, 1001, 3],
    [0, 2],
  ],
];

// Sums of whole numbers below 2²⁴ are exact, so that a single missing or repeated element shows.
for (const [shape, axes] of REDUCED) {
  const x = integers(sizeOf(shape), -8, 9);
  test(`sum ${show([shape])} axes [${axes}] ${adapter}`, async () => {
    await agree(
      (d) => [tg.sum(on(d, shape, x), axes), tg.sum(on(d, shape, x), axes, { keepDims: true })],
      EXACT,
      'sum',
    );
  });
  test(`prod ${show([shape])} axes [${axes}] ${adapter}`, async () => {
    // Signs, and two dozen twos: exact, and a factor that is missing or counted twice shows.
    const step = Math.max(1, Math.floor(sizeOf(shape) / 24));
    const factors = x.map((value, i) => Math.sign(value + 0.5) * (i % step === 0 ? 2 : 1));
    await agree(
      (d) => [tg.prod(on(d, shape, factors), axes), tg.prod(on(d, shape, factors), axes, { keepDims: true })],
      EXACT,
      'prod',
    );
  });
  if (axes.some((axis) => shape[axis] === 0)) {
    test(`max, min ${show([shape])} axes [${axes}] refuse ${adapter}`, () => {
      assert.throws(() => tg.max(on(device, shape, x), axes), /max: an empty axis/);
      assert.throws(() => tg.min(on(device, shape, x), axes), /min: an empty axis/);
    });
  } else {
    test(`max, min ${show([shape])} axes [${axes}] ${adapter}`, async () => {
      const real = numbers(sizeOf(shape), -9, 9);
      await agree(
        (d) => [tg.max(on(d, shape, real), axes), tg.min(on(d, shape, real), axes, { keepDims: true })],
        EXACT,
        'max, min',
      );
    });
  }
}

test(`sum and mean of 1,000,003 real numbers ${adapter}`, async () => {
  const x = numbers(1_000_003, 0, 1);
  // A few thousand additions in a row by each thread.
  const tolerance = sumOf(4096);
  await agree((d) => [tg.sum(on(d, [x.length], x)), tg.mean(on(d, [x.length], x))], tolerance, 'sum');
});

test(`sum of 400,000 real numbers for each of 64 channels ${adapter}`, async () => {
  const x = numbers(64 * 50_000, 0, 1);
  const tolerance = sumOf(50_000);
  await agree((d) => tg.sum(on(d, [8, 64, 6250], x), [0, 2]), tolerance, 'sum');
});

test(`mean over axes; NaN over nothing ${adapter}`, async () => {
  const x = numbers(210, -1, 1);
  const tolerance = { absolute: 1e-6, reason: '210 additions of numbers below 1' };
  await agree(
    (d) => [tg.mean(on(d, [5, 3, 7, 2], x), [0, 2]), tg.mean(on(d, [0, 3], new Float32Array()), 0)],
    tolerance,
    'mean',
  );
});

test(`variance and std over axes; of one value, of nothing, of equal ones ${adapter}`, async () => {
  const x = numbers(210, 99, 101);
  await agree(
    (d) => {
      const t = on(d, [5, 3, 7, 2], x);
      return [
        tg.variance(t),
        tg.variance(t, [0, -2], { keepDims: true }),
        tg.std(t, 1, { correction: 0 }),
        tg.std(t, [2, 3], { correction: 1.5 }),
      ];
    },
    {
      absolute: 2 * 2 ** -18,
      reason: 'deviations of up to 1 are exact to half an ulp of 101; their squares are averaged',
    },
    'variance',
  );
  await agree(
    (d) => {
      const [one, none, same] = [
        on(d, [1], x.subarray(0, 1)),
        on(d, [0], new Float32Array()),
        tg.full([5], 0.1, { device: d }),
      ];
      return [one, none]
        .flatMap((t) => [tg.variance(t), tg.std(t), tg.variance(t, 0, { correction: 0 })])
        .concat(
          // The mean of equal numbers may be an ulp off.
          tg.std(same).less(1e-7),
        );
    },
    EXACT,
    'of one and of none',
  );
});

test(`prod with zeros, NaN and infinities ${adapter}`, async () => {
  const [nan, inf] = [Number.NaN, Infinity];
  const rows = Float32Array.of(...[0, 2, 3], ...[0, inf, 2], ...[nan, 0, 1], ...[-inf, 2, -1], ...[-0, 2, 3]);
  const [results] = await agree((d) => tg.prod(on(d, [5, 3], rows), 1), EXACT, 'prod');
  assert.ok(Object.is(results!.data[4], -0), 'the sign of zero');
});

// --------------------------------------------------------------------------------------------------------- cumsum

for (const shape of [
  [1],
  [13],
  [7, 11],
  [5, 3, 7],
  [3, 0],
  [0, 3],
  [2, 3, 64],
  [3, 5001],
  [5001, 3],
  [1_000_003],
] as Shape[]) {
  for (const axis of shape.keys()) {
    test(`cumsum ${show([shape])} axis ${axis} ${adapter}`, async () => {
      const x = integers(sizeOf(shape), -8, 9);
      await agree(
        (d) => [
          tg.cumsum(on(d, shape, x), axis),
          tg.cumsum(on(d, shape, x), axis - shape.length, { reverse: true }),
        ],
        EXACT,
        'cumsum',
      );
    });
  }
}

test(`cumsum of 400,000 real numbers ${adapter}`, async () => {
  const x = numbers(400_000, 0, 1);
  await agree(
    (d) => [tg.cumsum(on(d, [400_000], x)), tg.cumsum(on(d, [100_000, 4], x), 0)],
    { ...sumOf(4096), absolute: 1e-6 },
    'cumsum',
  );
});

test(`cumsum with NaN and infinities: nothing before them changes ${adapter}`, async () => {
  const [nan, inf] = [Number.NaN, Infinity];
  const line = new Float32Array(300).fill(1);
  const lines = [line.with(100, nan), line.with(100, inf), line.with(100, inf).with(200, -inf)];
  await agree(
    (d) => {
      const x = on(d, [3, 300], Float32Array.from(lines.flatMap((one) => [...one])));
      return [tg.cumsum(x), tg.cumsum(x, 1, { reverse: true }), tg.cumsum(tg.transpose(x), 0)];
    },
    EXACT,
    'cumsum',
  );
});

test(`sum, max and min with NaN and infinities ${adapter}`, async () => {
  const rows = Float32Array.of(
    ...[1, Number.NaN, 3, Infinity, -Infinity, 2, -Infinity, -Infinity, -Infinity],
    ...[Number.NaN, 1, 2, 5, 4, Number.NaN, Infinity, 1, Infinity],
  );
  await agree(
    (d) => {
      const x = on(d, [6, 3], rows);
      return [0, 1].flatMap((axis) => [tg.sum(x, axis), tg.max(x, axis), tg.min(x, axis)]);
    },
    EXACT,
    'rows',
  );
});

for (const shape of [[1], [13], [7, 11], [5, 3, 7, 2], [3, 4001], [4001, 3], [0, 4]] as Shape[]) {
  for (const axis of shape.keys()) {
    if (shape[axis] === 0) continue;
    test(`argmax, argmin ${show([shape])} axis ${axis} with ties ${adapter}`, async () => {
      const x = integers(sizeOf(shape), 0, 5);
      await agree(
        (d) => [tg.argmax(on(d, shape, x), axis), tg.argmin(on(d, shape, x), axis, { keepDims: true })],
        EXACT,
        'arg',
      );
    });
  }
}

test(`argmax, argmin: NaN wins, the first of equals ${adapter}`, async () => {
  const [nan, inf] = [Number.NaN, Infinity];
  const x = Float32Array.of(
    ...[1, nan, 3, nan],
    ...[inf, 1, inf, -inf],
    ...[-inf, -inf, -inf, -inf],
    ...[0, -0, 0, -0],
  );
  const [first] = await agree(
    (d) => [tg.argmax(on(d, [4, 4], x)), tg.argmin(on(d, [4, 4], x))],
    EXACT,
    'arg',
  );
  assert.equal([...first!.data], [1, 0, 0, 0]);
});

// ------------------------------------------------------------------------------------------------------ softmax

for (const shape of [[1], [10], [7, 11], [5, 3, 7], [3, 5000], [5000, 3], [0, 3], [3, 0]] as Shape[]) {
  for (const axis of shape.keys()) {
    test(`softmax, logSoftmax ${show([shape])} axis ${axis} ${adapter}`, async () => {
      const x = numbers(sizeOf(shape), -9, 9);
      await agree((d) => tg.softmax(on(d, shape, x), axis), SOFTMAX, 'softmax');
      await agree((d) => tg.logSoftmax(on(d, shape, x), axis), LOG_SOFTMAX, 'logSoftmax');
    });
  }
}

test(`softmax, logSoftmax, logSumExp of large and infinite values ${adapter}`, async () => {
  const [inf, nan] = [Infinity, Number.NaN];
  const rows = [
    [1000, 999, -1000],
    [-1e30, -1e30, -1e30],
    [BIG, -BIG, 0],
    [-inf, 0, 1],
    [-inf, -inf, -inf],
    [inf, 0, 1],
    [nan, 0, 1],
  ];
  const x = Float32Array.from(rows.flat());
  await agree((d) => tg.softmax(on(d, [rows.length, 3], x)), SOFTMAX, 'softmax');
  await agree((d) => tg.logSoftmax(on(d, [rows.length, 3], x)), LOG_SOFTMAX, 'logSoftmax');
  const [sums] = await agree((d) => tg.logSumExp(on(d, [rows.length, 3], x), 1), LOG_SOFTMAX, 'logSumExp');
  assert.is(sums!.data[4], -Infinity);
  assert.is(sums!.data[5], Infinity);
  assert.ok(Number.isNaN(sums!.data[6]));
});

test(`logSumExp over axes ${adapter}`, async () => {
  const x = numbers(210, -9, 9);
  for (const axes of subsets(4)) {
    const run = (d: Device) =>
      tg.logSumExp(on(d, [5, 3, 7, 2], x), axes, { keepDims: axes.length % 2 === 0 });
    await agree(run, LOG_SOFTMAX, `axes [${axes}]`);
  }
  const [empty] = await agree((d) => tg.logSumExp(on(d, [0, 3], new Float32Array()), 0), EXACT, 'empty axis');
  assert.equal([...empty!.data], [-Infinity, -Infinity, -Infinity]);
});

// ----------------------------------------------------------------------------------------------------- movement

const count = (shape: Shape) => Float32Array.from({ length: sizeOf(shape) }, (_, i) => i);

interface Movement {
  op: string;
  shapes: Shape[];
  run: (...inputs: Tensor[]) => Tensor;
}

const permutations = (items: number[]): number[][] =>
  items.length === 0
    ? [[]]
    : items.flatMap((item) =>
        permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
      );

const movement: Movement[] = [
  { op: 'reshape -1', shapes: [[4, 6]], run: (x) => tg.reshape(x, [3, -1, 2]) },
  { op: 'reshape to scalar', shapes: [[1, 1]], run: (x) => tg.reshape(x, []) },
  { op: 'reshape empty', shapes: [[0, 4]], run: (x) => tg.reshape(x, [2, 0, 7]) },
  { op: 'reshape empty -1', shapes: [[0, 4]], run: (x) => tg.reshape(x, [-1, 4]) },
  { op: 'flatten', shapes: [[2, 3, 4, 5]], run: (x) => tg.flatten(x, 1, 2) },
  { op: 'flatten from 1', shapes: [[2, 3, 4, 5]], run: (x) => tg.flatten(x, 1) },
  { op: 'flatten scalar', shapes: [[]], run: (x) => tg.flatten(x) },
  ...permutations([0, 1, 2, 3]).map((axes) => ({
    op: `permute ${axes}`,
    shapes: [[2, 3, 5, 7]],
    run: (x: Tensor) => tg.permute(x, axes),
  })),
  // By vec4s and by blocks of 4 x 4, wherever what is contiguous is a multiple of four.
  ...permutations([0, 1, 2, 3]).map((axes) => ({
    op: `permute ${axes} by fours`,
    shapes: [[4, 8, 12, 4]],
    run: (x: Tensor) => tg.permute(x, axes),
  })),
  { op: 'permute a plane by fours', shapes: [[3, 16, 14, 14]], run: (x) => tg.permute(x, [0, 2, 3, 1]) },
  { op: 'transpose by fours', shapes: [[260, 44]], run: (x) => tg.transpose(x) },
  { op: 'slice by fours', shapes: [[5, 16]], run: (x) => tg.slice(x, null, [4, 12]) },
  { op: 'slice between fours', shapes: [[5, 16]], run: (x) => tg.slice(x, null, [2, 10]) },
  { op: 'slice of every second four', shapes: [[8, 3, 4]], run: (x) => tg.slice(x, [1, 8, 2]) },
  { op: 'expand by fours', shapes: [[3, 1, 8]], run: (x) => tg.expand(x, [3, 4, 8]) },
  {
    op: 'pad by fours',
    shapes: [[3, 8]],
    run: (x) =>
      tg.pad(x, [
        [1, 1],
        [4, 8],
      ]),
  },
  {
    op: 'concat by fours',
    shapes: [
      [3, 8],
      [3, 4],
    ],
    run: (...xs) => tg.concat(xs, 1),
  },
  { op: 'permute 5..0', shapes: [[2, 3, 1, 2, 3, 2]], run: (x) => tg.permute(x, [5, 4, 3, 2, 1, 0]) },
  { op: 'permute -1', shapes: [[2, 3]], run: (x) => tg.permute(x, [-1, 0]) },
  { op: 'permute scalar', shapes: [[]], run: (x) => tg.permute(x, []) },
  { op: 'transpose', shapes: [[300, 257]], run: (x) => tg.transpose(x) },
  { op: 'transpose 0 2', shapes: [[2, 3, 4]], run: (x) => tg.transpose(x, 0, 2) },
  { op: 'expand', shapes: [[3, 1, 5]], run: (x) => tg.expand(x, [2, 3, 4, 5]) },
  { op: 'expand scalar', shapes: [[]], run: (x) => tg.expand(x, [3, 2]) },
  { op: 'expand keeps -1', shapes: [[3, 1]], run: (x) => tg.expand(x, [2, -1, 4]) },
  { op: 'expand to nothing', shapes: [[1, 3]], run: (x) => tg.expand(x, [0, 3]) },
  { op: 'slice', shapes: [[7, 9]], run: (x) => tg.slice(x, [2, 5], [1, 8, 3]) },
  { op: 'slice negative', shapes: [[7, 9]], run: (x) => tg.slice(x, [-3], [-8, -1, 2]) },
  { op: 'slice null', shapes: [[7, 9]], run: (x) => tg.slice(x, null, [8]) },
  { op: 'slice beyond', shapes: [[7]], run: (x) => tg.slice(x, [-100, 100, 4]) },
  { op: 'slice empty', shapes: [[7, 2]], run: (x) => tg.slice(x, [5, 2]) },
  {
    op: 'slice rank 4',
    shapes: [[5, 4, 6, 7]],
    run: (x) => tg.slice(x, [1, 5, 2], [1, 3], [0, 6, 5], [2, -1, 3]),
  },
  {
    op: 'pad',
    shapes: [[3, 4]],
    run: (x) =>
      tg.pad(
        x,
        [
          [1, 2],
          [0, 3],
        ],
        7.5,
      ),
  },
  { op: 'pad NaN', shapes: [[2]], run: (x) => tg.pad(x, [[1, 1]], Number.NaN) },
  { op: 'pad -Infinity', shapes: [[2]], run: (x) => tg.pad(x, [[0, 1]], -Infinity) },
  {
    op: 'pad empty',
    shapes: [[0, 2]],
    run: (x) =>
      tg.pad(
        x,
        [
          [1, 1],
          [1, 0],
        ],
        2,
      ),
  },
  {
    op: 'pad rank 4',
    shapes: [[2, 3, 5, 7]],
    run: (x) =>
      tg.pad(x, [
        [0, 0],
        [1, 0],
        [2, 2],
        [0, 3],
      ]),
  },
  {
    op: 'concat 0',
    shapes: [
      [2, 3],
      [1, 3],
      [4, 3],
    ],
    run: (...xs) => tg.concat(xs),
  },
  {
    op: 'concat 1',
    shapes: [
      [2, 3, 2],
      [2, 1, 2],
      [2, 0, 2],
    ],
    run: (...xs) => tg.concat(xs, 1),
  },
  {
    op: 'concat -1',
    shapes: [
      [2, 3],
      [2, 5],
    ],
    run: (...xs) => tg.concat(xs, -1),
  },
  { op: 'concat one', shapes: [[2, 3]], run: (...xs) => tg.concat(xs) },
  {
    op: 'stack 0',
    shapes: [
      [2, 3],
      [2, 3],
    ],
    run: (...xs) => tg.stack(xs),
  },
  {
    op: 'stack 1',
    shapes: [
      [2, 3],
      [2, 3],
    ],
    run: (...xs) => tg.stack(xs, 1),
  },
  {
    op: 'stack -1',
    shapes: [
      [2, 3],
      [2, 3],
      [2, 3],
    ],
    run: (...xs) => tg.stack(xs, -1),
  },
  { op: 'stack scalars', shapes: [[], []], run: (...xs) => tg.stack(xs) },
];

for (const { op, shapes, run } of movement) {
  test(`${op} ${show(shapes)} ${adapter}`, async () => {
    await agree((d) => run(...shapes.map((shape) => on(d, shape, count(shape)))), EXACT, op);
  });
}

// A GPU's threads move an element each, where those of a software adapter move patches.
test(`movement as a GPU does it ${adapter}`, async () => {
  const { adapterKind } = device;
  for (const { op, shapes, run } of movement.filter(({ op }) => !/by fours|scalar|empty/.test(op))) {
    Object.assign(device, { adapterKind: 'gpu' });
    try {
      await agree((d) => run(...shapes.map((shape) => on(d, shape, count(shape)))), EXACT, op);
    } finally {
      Object.assign(device, { adapterKind });
    }
  }
});

test(`movement of int32 and uint32 ${adapter}`, async () => {
  const [ints, words] = [
    Int32Array.of(-1, 2, 3, -4, 5, 2 ** 31 - 1),
    Uint32Array.of(1, 2, 3, 4, 5, 2 ** 32 - 1),
  ];
  await agree(
    (d) =>
      [on(d, [2, 3], ints), on(d, [2, 3], words)].flatMap((x) => [
        tg.transpose(x),
        tg.slice(x, [1], [0, 3, 2]),
        tg.concat([x, x], 1),
        tg.expand(tg.reshape(x, [6, 1]), [6, 2]),
      ]),
    EXACT,
    'movement',
  );
});

test(`slice and stack give the values that a person expects ${adapter}`, async () => {
  const x = on(device, [3, 4], count([3, 4]));
  assert.equal(await tg.slice(x, [-2], [3, 0]).array(), [[], []]);
  assert.equal(await tg.slice(x, [-2], [1, -1, 2]).array(), [[5], [9]]);
  assert.equal(await tg.stack([x.slice([0, 1]).flatten(), x.slice([2]).flatten()], 1).array(), [
    [0, 8],
    [1, 9],
    [2, 10],
    [3, 11],
  ]);
});

test(`view and t are what they are in PyTorch ${adapter}`, async () => {
  const x = on(device, [2, 3], count([2, 3]));
  const viewed = x.view([-1, 2]);
  assert.is(tg.internalsOf(viewed).storage, tg.internalsOf(x).storage);
  assert.equal(await viewed.array(), [
    [0, 1],
    [2, 3],
    [4, 5],
  ]);
  assert.equal(await x.t().array(), [
    [0, 3],
    [1, 4],
    [2, 5],
  ]);
  const line = x.view([6]);
  assert.is(line.t(), line);
});

// ------------------------------------------------------------------------------------------ gather, scatter, cast

const GATHERS: [Shape, number, Shape][] = [
  [[7], 0, [5]],
  [[4, 3], 0, [6, 3]],
  [[4, 3], 1, [4, 6]],
  [[4, 3], 0, [2, 1]],
  [[5, 3, 7], 1, [5, 4, 7]],
  [[5, 3, 7], 1, [2, 4, 3]],
  [[5, 3, 7], -1, [5, 3, 1]],
  [[3, 4], 0, [0, 4]],
  [[1009, 3], 0, [2003, 3]],
];

for (const [shape, axis, indexShape] of GATHERS) {
  const at = axis < 0 ? axis + shape.length : axis;
  test(`gather ${show([shape, indexShape])} axis ${axis} ${adapter}`, async () => {
    const index = Int32Array.from(integers(sizeOf(indexShape), 0, shape[at]!, 3));
    await agree(
      (d) => tg.gather(on(d, shape, count(shape)), axis, on(d, indexShape, index)),
      EXACT,
      'gather',
    );
  });
}

test(`gather is PyTorch's ${adapter}`, async () => {
  const x = on(device, [2, 2], Float32Array.of(1, 2, 3, 4));
  const y = tg.gather(x, 1, on(device, [2, 2], Int32Array.of(0, 0, 1, 0)));
  assert.equal(await y.array(), [
    [1, 1],
    [4, 3],
  ]);
});

test(`gather with an index out of range: NaN on the GPU ${adapter}`, async () => {
  const x = on(device, [3], Float32Array.of(1, 2, 3));
  const y = await tg.gather(x, 0, on(device, [4], Int32Array.of(0, 3, -1, 2))).data();
  close(y, [1, Number.NaN, Number.NaN, 3], EXACT, 'gather');
});

const SELECTIONS: [Shape, number, number][] = [
  [[5], 0, 8],
  [[5, 3], 0, 8],
  [[5, 3], 1, 2],
  [[4, 5, 6], 1, 7],
  [[4, 5, 6], 1, 0],
  [[2, 3, 4, 5], 2, 300],
];
for (const [shape, axis, many] of SELECTIONS) {
  test(`indexSelect, scatterAdd ${show([shape])} axis ${axis}, ${many} indices ${adapter}`, async () => {
    const index = Int32Array.from(integers(many, 0, shape[axis]!, 5));
    const y = shape.map((extent, k) => (k === axis ? many : extent));
    const broadcast = shape.map((_, k) => (k === axis ? many : 1));
    await agree(
      (d) => [
        tg.indexSelect(on(d, shape, count(shape)), axis, on(d, [many], index)),
        tg.scatterAdd(on(d, y, integers(sizeOf(y), -9, 9)), axis, on(d, broadcast, index), shape[axis]!),
      ],
      EXACT,
      'indexSelect, scatterAdd',
    );
  });
}

test(`oneHot of integers of each type; what is no class gives zeros ${adapter}`, async () => {
  const values = [
    Int32Array.of(2, 0, -1, 3, 2, 2 ** 31 - 1),
    Uint32Array.of(2, 0, 1, 3, 2, 2 ** 32 - 1),
    Uint8Array.of(2, 0, 1, 3, 2, 255),
  ];
  for (const one of values) await agree((d) => tg.oneHot(on(d, [2, 3], one), 3), EXACT, 'oneHot');
  const scalar = tg.oneHot(tg.tensor(1, { device, dtype: 'int32' }), 3);
  assert.equal(await scalar.array(), [0, 1, 0]);
  assert.throws(() => tg.oneHot(tg.ones([3], { device }), 3), /oneHot: expects integers, got float32/);
  assert.throws(
    () => tg.oneHot(on(device, [6], values[0]!), -1),
    /oneHot: the number of classes is a whole number.* got -1/,
  );
});

for (const [shape, axis, extent] of [
  [[6, 3], 0, 4],
  [[6, 3], 1, 7],
  [[5, 8, 3], 1, 2],
  [[2003], 0, 17],
] as [Shape, number, number][]) {
  test(`scatterAdd ${show([shape])} axis ${axis} into ${extent}, repeated indices ${adapter}`, async () => {
    const index = Int32Array.from(integers(sizeOf(shape), 0, extent, 7));
    await agree(
      (d) => tg.scatterAdd(on(d, shape, integers(sizeOf(shape), -9, 9)), axis, on(d, shape, index), extent),
      EXACT,
      'scatterAdd',
    );
  });
}

const STORED = [
  Float32Array.of(0, -0, 1.9, -1.9, 0.5, 255, 1e6, -1e6, 2 ** 24),
  Int32Array.of(0, -1, 7, 2 ** 31 - 1, -(2 ** 31), 255, 16_777_217),
  Uint32Array.of(0, 1, 2 ** 32 - 1, 2 ** 31, 255, 16_777_217),
  Uint8Array.of(0, 1, 127, 128, 255, 3, 4, 5, 6, 7, 8),
];
for (const values of STORED) {
  for (const dtype of ['float32', 'int32', 'uint32'] as const) {
    test(`cast ${values.constructor.name} to ${dtype} ${adapter}`, async () => {
      // A whole number above 2²⁴ is rounded to float32.
      await agree((d) => tg.cast(on(d, [values.length], values), dtype), ROUNDED, 'cast');
    });
  }
}

for (const count of [9, 12]) {
  test(`cast of ${count} floats that an integer cannot hold: the type's bounds, and 0 of NaN ${adapter}`, async () => {
    const hard = Float32Array.of(NaN, 3e9, -3e9, 1e20, -1e20, Infinity, -Infinity, -5, -0.5, -NaN, NaN, 7);
    const x = hard.subarray(0, count);
    const [int] = await agree(
      (d) => [tg.cast(on(d, [count], x), 'int32'), tg.cast(on(d, [count], x), 'uint32')],
      { relative: 2 ** -23, reason: 'the bound that float32 can hold may be meant: 2³¹ − 128' },
      'cast',
    );
    assert.is(int!.data[0], 0);
  });
}

// ------------------------------------------------------------------------------------------------------ training

const BATCH = { absolute: 2 ** -22, reason: 'the scale and the product are rounded, of values up to 2' };

for (const [pixels, start, size] of [
  [[2, 3], 0, 5],
  [[2, 3], 7, 5],
  [[1], 9, 10],
  [[1, 28, 28], 3, 4],
  [[], 2, 3],
] as [number[], number, number][]) {
  test(`batch of ${size} images [${pixels}] from ${start} of 10 ${adapter}`, async () => {
    const images = Uint8Array.from(integers(10 * sizeOf(pixels), 0, 256));
    const order = Uint32Array.of(3, 1, 4, 0, 5, 9, 2, 6, 8, 7);
    const attributes = { shape: [size, ...pixels], scale: 2 / 255, shift: -1 };
    await agree(
      (d) =>
        tg.apply(
          tg.ops.batch,
          [on(d, [10], order), on(d, [2], Uint32Array.of(start, 0)), on(d, [10, ...pixels], images)],
          attributes,
        ),
      BATCH,
      'batch',
    );
  });

  test(`the same from three tensors ${adapter}: [${pixels}], ${size} from ${start}`, async () => {
    const images = Uint8Array.from(integers(10 * sizeOf(pixels), 0, 256));
    const order = Uint32Array.of(3, 1, 4, 0, 5, 9, 2, 6, 8, 7);
    const attributes = { shape: [size, ...pixels], scale: 2 / 255, shift: -1 };
    const part = (d: Device, from: number, to: number) =>
      on(d, [to - from, ...pixels], images.subarray(from * sizeOf(pixels), to * sizeOf(pixels)));
    const batch = (d: Device, ...parts: tg.Tensor[]) =>
      tg.apply(
        tg.ops.batch,
        [on(d, [10], order), on(d, [2], Uint32Array.of(start, 0)), ...parts],
        attributes,
      );
    const [whole, parts] = await agree(
      (d) => [batch(d, part(d, 0, 10)), batch(d, part(d, 0, 3), part(d, 3, 4), part(d, 4, 10))],
      BATCH,
      'batch',
    );
    assert.equal(parts!.data, whole!.data);
  });
}

test(`assign, accumulate, also within one buffer ${adapter}`, async () => {
  const [a, b] = [integers(70_000, -9, 9, 1), integers(70_000, -9, 9, 2)];
  await agree(
    (d) => {
      const [x, y] = [on(d, [70, 1000], a), on(d, [70_000], b)];
      tg.run(tg.updates.accumulate, [x, y], null);
      tg.assign(y, x);
      tg.run(tg.updates.accumulate, [y, y], null);
      const [p, q] = [on(d, [3], Float32Array.of(1, 2, 3)), on(d, [3], Float32Array.of(4, 5, 6))];
      const flat = tg.flattenInto([p, q]);
      tg.assign(p, q);
      tg.run(tg.updates.accumulate, [q, p], null);
      tg.assign(q, q);
      const words = on(d, [2], Uint32Array.of(1, 2));
      tg.assign(words, on(d, [2], Uint32Array.of(2 ** 32 - 1, 7)));
      return [x, y, flat, words];
    },
    EXACT,
    'assign',
  );
});

for (const columns of [1, 2, 7]) {
  test(`logStep notes ${columns} metrics around the ring and moves the counters on ${adapter}`, async () => {
    const [ring, steps, cursor] = await agree(
      (d) => {
        const ring = tg.zeros([3, columns], { device: d });
        const steps = on(d, [2], Uint32Array.of(2 ** 32 - 3, 4));
        const cursor = on(d, [2], Uint32Array.of(2 ** 32 - 10, 1));
        for (let step = 0; step < 5; step++) {
          const metrics = Array.from({ length: columns }, (_, k) =>
            on(d, [], Float32Array.of(10 * step + k)),
          );
          tg.run(tg.updates.logStep, [ring, steps, cursor, ...metrics], { images: 3 });
        }
        return [ring, steps, cursor];
      },
      EXACT,
      'logStep',
    );
    // 2³² − 3 is a multiple of 3, plus 1; the low word begins anew after three steps.
    assert.equal(
      [0, 1, 2].map((row) => ring!.data[row * columns]),
      [30, 40, 10],
    );
    assert.equal([...steps!.data], [2, 5]);
    assert.equal([...cursor!.data], [5, 2]);
  });
}

test(`logStep refuses metrics that do not fit the ring ${adapter}`, () => {
  const [ring, counter] = [tg.zeros([3, 2], { device }), on(device, [2], new Uint32Array(2))];
  const one = tg.zeros([], { device });
  const logStep = (...metrics: tg.Tensor[]) => {
    tg.run(tg.updates.logStep, [ring, counter, on(device, [2], new Uint32Array(2)), ...metrics], {
      images: 1,
    });
  };
  assert.throws(() => logStep(one), /a ring of \[3, 2\] does not take/);
  assert.throws(() => logStep(one, tg.zeros([2], { device })), /metrics of \[\], \[2\]/);
});

test(`advance carries into the upper word ${adapter}`, async () => {
  const [state] = await agree(
    (d) => {
      const counter = on(d, [4], Uint32Array.of(5, 6, 2 ** 32 - 2, 2 ** 32 - 1));
      const run = (by: number) => tg.run(tg.updates.advance, [counter], { index: 2, by });
      for (const by of [1, 1, 2 ** 32 - 1, 1, 0]) run(by);
      return counter;
    },
    EXACT,
    'advance',
  );
  assert.equal([...state!.data], [5, 6, 0, 1]);
});

for (const [name, decay, decoupled] of [
  ['Adam', 0, 0],
  ['Adam with L2', 0.1, 0],
  ['AdamW', 0.1, 1],
] as [string, number, number][]) {
  test(`${name}: ten steps over 70,000 parameters ${adapter}`, async () => {
    const size = 70_000;
    const [p, g] = [numbers(size, -1, 1, 1), numbers(size, -1, 1, 2)];
    await agree(
      (d) => {
        const [parameters, gradients] = [on(d, [size], p), on(d, [size], g)];
        const [m, v, clock] = [[size], [size], [3]].map((shape) => tg.zeros(shape, { device: d }));
        const settings = tg.tensor([0.01, 0.9, 0.999, 1e-8, decay, 1 - 0.9, 1 - 0.999, decoupled], {
          device: d,
        });
        for (let step = 0; step < 10; step++) {
          tg.run(tg.updates.adam, [parameters, gradients, m!, v!, clock!, settings], null);
        }
        return [parameters, m!, v!, clock!];
      },
      {
        absolute: 1e-6,
        relative: 3e-6,
        reason: '√v in the divisor is good to a few ulp, and a step about lr: errors stay at 10·lr·1e-5',
      },
      name,
    );
  });
}

for (const [name, settings] of [
  ['SGD', [0.1, 0, 0, 0]],
  ['momentum', [0.1, 0.9, 0.01, 0]],
  ['Nesterov', [0.1, 0.9, 0.01, 1]],
] as [string, number[]][]) {
  test(`${name}: ten steps over 70,000 parameters ${adapter}`, async () => {
    const size = 70_000;
    const [p, g] = [numbers(size, -1, 1, 1), numbers(size, -1, 1, 2)];
    await agree(
      (d) => {
        const [parameters, gradients] = [on(d, [size], p), on(d, [size], g)];
        const velocity = tg.zeros([size], { device: d });
        for (let step = 0; step < 10; step++) {
          tg.run(tg.updates.sgd, [parameters, gradients, velocity, tg.tensor(settings, { device: d })], null);
        }
        return [parameters, velocity];
      },
      { absolute: 1e-5, reason: 'ten sums of numbers below 16, each rounded to 2⁻²¹' },
      name,
    );
  });
}

test.run();
