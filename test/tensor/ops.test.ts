/* Runs on every adapter, for long. */
import * as tg from '@tapegrad/tensor';
import { type Device, type Shape, sizeOf } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, agree, device, integers, numbers, on } from '../helpers/device.ts';
import {
  exact as EXACT,
  logSoftMax as LOG_SOFTMAX,
  softMax as SOFTMAX,
  sumOf,
} from '../helpers/tolerances.ts';

/*
 * Reductions, sums along an axis, softmax and the ops of a training step: kernel against the float64 reference. Tolerances are
 * those of the table in `tolerances.ts`, which follow from what WGSL allows, or are made of them and say so; ops that move, compare
 * or count are exact.
 */

const show = (shapes: readonly Shape[]) => shapes.map((shape) => `[${shape.join(', ')}]`).join(' x ');
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

const BIG = 3.4e38;

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
