/* Runs on every adapter. */
import { grad, requiresGrad } from '@tapegrad/autograd';
import * as tg from '@tapegrad/tensor';
import { type Device, referenceDevice, type Shape, sizeOf, type Tensor } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, agree, device, on } from '../helpers/device.ts';

/*
 * int32 and uint32, over their whole range: the reference against BigInt, which cannot round, and the kernels against the
 * reference, exactly.
 */

type IntegerType = 'int32' | 'uint32';
const TYPES: readonly IntegerType[] = ['int32', 'uint32'];
const arrays = { int32: Int32Array, uint32: Uint32Array };
const least = { int32: -(2 ** 31), uint32: 0 };
const greatest = { int32: 2 ** 31 - 1, uint32: 2 ** 32 - 1 };

/** Where float32, float64, or a sign would go wrong. */
const SPECIAL = [
  ...[
    0, 1, 2, 3, -1, -2, 255, 256, 46_340, 46_341, 65_535, 65_536, 65_537, 16_777_216, 16_777_217, 16_777_219,
  ],
  ...[94_906_267, 2 ** 30, 2 ** 31 - 2, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 2, 2 ** 32 - 1],
];

/** Reproducible integers of the whole range. */
function whole(type: IntegerType, size: number, seed = 1): Int32Array | Uint32Array {
  let state = seed;
  return new arrays[type](size).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state ^ (state >>> 15);
  });
}

/** Few different ones, so that some are equal. */
const few = (type: IntegerType, size: number, seed: number) =>
  whole(type, size, seed).map((value) => SPECIAL[Math.abs(value) % 7]! - (type === 'int32' ? 3 : 0));

const truth = (value: boolean) => (value ? 1n : 0n);

/** What each op is, in numbers that have no end. */
const binary: Record<
  string,
  [fn: (a: Tensor, b: Tensor) => Tensor, define: (a: bigint, b: bigint) => bigint]
> = {
  add: [tg.add, (a, b) => a + b],
  sub: [tg.sub, (a, b) => a - b],
  mul: [tg.mul, (a, b) => a * b],
  minimum: [tg.minimum, (a, b) => (a < b ? a : b)],
  maximum: [tg.maximum, (a, b) => (a > b ? a : b)],
  equal: [tg.equal, (a, b) => truth(a === b)],
  notEqual: [tg.notEqual, (a, b) => truth(a !== b)],
  less: [tg.less, (a, b) => truth(a < b)],
  lessEqual: [tg.lessEqual, (a, b) => truth(a <= b)],
  greater: [tg.greater, (a, b) => truth(a > b)],
  greaterEqual: [tg.greaterEqual, (a, b) => truth(a >= b)],
};

const unary: Record<string, [fn: (x: Tensor) => Tensor, define: (x: bigint) => bigint]> = {
  neg: [tg.neg, (x) => -x],
  abs: [tg.abs, (x) => (x < 0n ? -x : x)],
  sign: [tg.sign, (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n)],
  'add 5': [(x) => tg.add(x, 5), (x) => x + 5n],
  'add 2147483647': [(x) => tg.add(2 ** 31 - 1, x), (x) => x + 2147483647n],
  'sub 16777217': [(x) => tg.sub(x, 16_777_217), (x) => x - 16777217n],
  '7 - x': [(x) => tg.sub(7, x), (x) => 7n - x],
  'mul 94906267': [(x) => tg.mul(x, 94_906_267), (x) => x * 94906267n],
  'less 65536': [(x) => tg.less(x, 65_536), (x) => truth(x < 65536n)],
  '3 ≥ x': [(x) => tg.greaterEqual(3, x), (x) => truth(3n >= x)],
  'maximum 16777219': [(x) => tg.maximum(x, 16_777_219), (x) => (x > 16777219n ? x : 16777219n)],
  'clamp 3…16777217': [
    (x) => tg.clamp(x, { min: 3, max: 16_777_217 }),
    (x) => (x < 3n ? 3n : x > 16777217n ? 16777217n : x),
  ],
  'clamp 2147483646…': [(x) => tg.clamp(x, { min: 2 ** 31 - 2 }), (x) => (x < 2147483646n ? 2147483646n : x)],
  'clamp …16777217': [(x) => tg.clamp(x, { max: 16_777_217 }), (x) => (x > 16777217n ? 16777217n : x)],
};

/** As the type holds it. */
const wrapped = (type: IntegerType, value: bigint) =>
  Number(type === 'int32' ? BigInt.asIntN(32, value) : BigInt.asUintN(32, value));

for (const type of TYPES) {
  const values = Array.from(arrays[type].from(SPECIAL));
  const big = values.map(BigInt);
  const n = values.length;
  const special = (d: Device, shape: Shape) => on(d, shape, arrays[type].from(SPECIAL));

  for (const [name, [fn, define]] of Object.entries(binary)) {
    test(`${name} of ${type}: every pair of ${n} values that are hard ${adapter}`, async () => {
      const [result] = await agree((d) => fn(special(d, [n, 1]), special(d, [n])), {}, name);
      assert.is(result!.dtype, type);
      const wanted = big.flatMap((a) => big.map((b) => wrapped(type, define(a, b))));
      assert.equal(Array.from(result!.data), wanted);
    });
  }

  for (const [name, [fn, define]] of Object.entries(unary)) {
    test(`${name} of ${type} ${adapter}`, async () => {
      const [result] = await agree((d) => fn(special(d, [n])), {}, name);
      assert.is(result!.dtype, type);
      assert.equal(
        Array.from(result!.data),
        big.map((x) => wrapped(type, define(x))),
      );
    });
  }

  const shapes: [Shape, Shape][] = [
    [[], []],
    [[7], []],
    [[], [2, 4]],
    [
      [3, 1, 5],
      [4, 1],
    ],
    [
      [0, 3],
      [1, 3],
    ],
    [
      [2, 1, 3, 1, 2, 1],
      [1, 5, 1, 2, 1, 3],
    ],
    [[7, 11, 16], [16]],
    [
      [8, 12, 16],
      [8, 1, 1],
    ],
    [[70_001], [70_001]],
  ];
  for (const [a, b] of shapes) {
    // Broadcasting is the same for all, and tested with floats.
    test(`${type} [${a.join(', ')}] x [${b.join(', ')}] ${adapter}`, async () => {
      const [x, y] = [whole(type, sizeOf(a), 3), whole(type, sizeOf(b), 5)];
      await agree((d) => tg.mul(on(d, a, x), on(d, b, y)), {}, `mul ${type}`);
    });
  }

  test(`where with ${type}: as what is taken, and as the condition of it ${adapter}`, async () => {
    const [x, y] = [whole(type, 60, 1), whole(type, 5, 2)];
    const condition = few(type, 12, 3);
    const truths = condition.map((value) => Number(value === condition[0]));
    await agree(
      (d) => {
        const integer = on(d, [3, 4, 1], truths as Int32Array);
        const real = tg.cast(integer, 'float32');
        const [a, b] = [on(d, [3, 4, 5], x), on(d, [5], y)];
        const halves = tg.add(tg.cast(tg.sign(b), 'float32'), 0.5);
        return [
          tg.where(integer, a, b),
          tg.where(real, a, b),
          tg.where(integer, a, greatest[type]),
          tg.where(real, least[type], b),
          tg.where(integer, halves, -1.25),
          tg.where(integer, 0.25, 0.5),
          tg.where(on(d, [5], y), a, b),
        ];
      },
      {},
      'where',
    );
  });

  test(`methods of ${type} ${adapter}`, async () => {
    await agree(
      (d) => {
        const [x, y] = [special(d, [n]), on(d, [n], whole(type, n, 9))];
        return [
          x.add(y),
          x.sub(1),
          x.mul(y),
          x.minimum(y),
          x.maximum(y),
          x.less(y),
          x.equal(x),
          x.clamp({ max: 9 }),
        ];
      },
      {},
      'methods',
    );
  });

  test(`${type} in a captured program, beside floats that are merged ${adapter}`, async () => {
    const fuseFrom = device.fuseFrom;
    device.fuseFrom = 0;
    const step = (x: Tensor, y: Tensor, real: Tensor) => {
      const mask = x.mul(y).add(3).greater(y).mul(2).sub(1);
      const scores = real.mul(3).add(1).relu();
      const chosen = tg.where(mask.less(1), scores.mul(0.5).exp(), scores.sub(2));
      return [
        mask,
        chosen,
        tg.where(scores.greater(1).mul(2), x, y.minimum(7)),
        tg.cast(mask, 'float32').mul(2).sum(),
      ];
    };
    const [x, y] = [on(device, [40], whole(type, 40, 1)), on(device, [40], whole(type, 40, 2))];
    const real = on(
      device,
      [40],
      Float32Array.from({ length: 40 }, (_, i) => Math.sin(i)),
    );
    const read = (list: readonly Tensor[]) => Promise.all(list.map(async (t) => [...(await t.data())]));
    try {
      const wanted = await read(step(x, y, real));
      const captured = tg.capture(step);
      for (let round = 0; round < 3; round++) assert.equal(await read(captured(x, y, real)), wanted);
      const launches = captured.programs[0]!.print();
      assert.match(launches, / \+ /, 'the floats are merged');
      captured.dispose();
    } finally {
      device.fuseFrom = fuseFrom;
    }
  });
}

// ------------------------------------------------------------------------------------------------------ what is refused

const int = (...values: number[]) => tg.tensor(values, { dtype: 'int32', device: referenceDevice });
const unsigned = (...values: number[]) => tg.tensor(values, { dtype: 'uint32', device: referenceDevice });
const real = (...values: number[]) => tg.tensor(values, { device: referenceDevice });
const bytes = (...values: number[]) => tg.tensor(Uint8Array.from(values), { device: referenceDevice });

const refusals: [() => Tensor, RegExp][] = [
  [() => tg.add(int(1), real(1)), /^add: expects one type, got int32 and float32: cast one of them$/],
  [() => tg.less(int(1), unsigned(1)), /^less: expects one type, got int32 and uint32: cast one of them$/],
  [
    () => tg.add(bytes(1), bytes(1)),
    /^add: expects float32, int32 or uint32, got uint8: cast the uint8 first$/,
  ],
  [() => tg.mul(bytes(1), 2), /^mul: expects float32, int32 or uint32, got uint8: cast the uint8 first$/],
  [
    () => tg.add(int(1), 0.5),
    /^add: 0.5 is no int32, which holds whole numbers from -2147483648 to 2147483647: cast/,
  ],
  [() => tg.sub(2 ** 31, int(1)), /^sub: 2147483648 is no int32/],
  [() => tg.mul(unsigned(1), -1), /^mul: -1 is no uint32, which holds whole numbers from 0 to 4294967295/],
  [() => tg.less(unsigned(1), -1), /^less: -1 is no uint32/],
  [() => tg.maximum(Number.NaN, int(1)), /^maximum: NaN is no int32/],
  [() => tg.clamp(int(1), { min: 0.5 }), /^clamp: 0.5 is no int32/],
  [() => tg.clamp(unsigned(1), { min: -1 }), /^clamp: -1 is no uint32/],
  [() => tg.where(bytes(1), int(1), int(2)), /^where: expects float32, int32 or uint32, got uint8/],
  [() => tg.where(int(1), int(1), real(1)), /^where: expects one type, got int32 and float32/],
  [() => tg.where(int(1), int(1), 0.5), /^where: 0.5 is no int32/],
  [() => tg.div(int(1), 2), /^div: expects float32, got int32; cast it first/],
  [() => tg.relu(int(1)), /^relu: expects float32, got int32; cast it first/],
];
for (const [run, message] of refusals) {
  test(`refused: ${run.toString().slice(6)} ${adapter}`, () => assert.throws(run, message));
}

// ---------------------------------------------------------------------------------------------------------- gradients

test(`integers are constants in a graph: what comes of them carries none, and asking is an error ${adapter}`, async () => {
  for (const where of [device, referenceDevice]) {
    const x = requiresGrad(tg.tensor([0.5, -2, 3], { device: where }));
    const index = tg.tensor([1, 2, 3], { dtype: 'int32', device: where });
    const counts = tg.cast(x, 'int32').mul(index).add(1);
    assert.throws(() => counts.backward(), /^backward: expects float32, got int32, which has no derivative$/);
    assert.throws(() => requiresGrad(counts), /^requiresGrad: expects float32, got int32$/);
    assert.throws(
      () => tg.cast(counts, 'float32').sum().backward(),
      /^backward: .* depends on no tensor that requires grad/,
    );
    assert.throws(
      () => grad((t: Tensor) => t.mul(2) as Tensor)(index),
      /no gradient for argument 0, which is int32/,
    );
    // The gradient passes by them.
    tg.where(index.greater(1), x.mul(2), 0).sum().backward();
    assert.equal([...(await x.grad!.data())], [0, 2, 2]);
  }
});

test.run();
