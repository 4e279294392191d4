/* Runs on every adapter. */
import * as tg from '@tapegrad/tensor';
import { type Shape, sizeOf, type Tensor } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, agree, close, device, integers, on } from '../helpers/device.ts';
import { exact as EXACT, rounded as ROUNDED } from '../helpers/tolerances.ts';

/* Ops that move, pick or convert elements: kernel against the float64 reference, exactly. */

const show = (shapes: readonly Shape[]) => shapes.map((shape) => `[${shape.join(', ')}]`).join(' x ');
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

test.run();
