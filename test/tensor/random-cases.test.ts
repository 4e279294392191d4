/* Runs on every adapter. */
import * as tg from '@tapegrad/tensor';
import { type Device, type Shape, sizeOf, type Tensor } from '@tapegrad/tensor';
import fc from 'fast-check';
import { test } from 'uvu';
import { adapter, agree, integers, numbers, on, type Reasoned } from '../helpers/device.ts';
import { division, exponential, hyperbolicTangent, logSoftMax, softPlus } from '../helpers/tolerances.ts';

/*
 * Random shapes (rank up to 4, extents 0 to 17), axes and values from a fixed seed: kernel against reference. Values are
 * small whole numbers where sums and products of them are exact in float32, so that most comparisons are exact.
 */

const SEED = 20_240;
const extent = fc.integer({ min: 0, max: 17 });
const shapes = fc.array(extent, { maxLength: 4 });
const nonScalars = fc.array(extent, { minLength: 1, maxLength: 4 });
const seeds = fc.integer({ min: 1, max: 1 << 30 });

const whole = (d: Device, shape: Shape, seed: number) => on(d, shape, integers(sizeOf(shape), -8, 9, seed));

function property<T>(
  name: string,
  runs: number,
  cases: fc.Arbitrary<T>,
  check: (one: T) => Promise<unknown>,
) {
  test(`${name}: ${runs} random cases ${adapter}`, async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (one) => {
        await check(one);
      }),
      { seed: SEED, numRuns: runs },
    );
  });
}

const UNARY: Record<string, [(x: Tensor) => Tensor, Reasoned]> = {
  neg: [tg.neg, {}],
  abs: [tg.abs, {}],
  sign: [tg.sign, {}],
  relu: [tg.relu, {}],
  square: [tg.square, {}],
  'affine -3x + 2': [(x) => tg.sub(2, tg.mul(x, 3)), {}],
  clamp: [(x) => tg.clamp(x, { min: -3, max: 4 }), {}],
  exp: [tg.exp, exponential(8)],
  ceil: [(x) => tg.ceil(tg.mul(x, 0.5)), {}],
  round: [(x) => tg.round(tg.mul(x, 0.5)), {}],
  tanh: [tg.tanh, hyperbolicTangent],
  softplus: [tg.softplus, softPlus],
};

property(
  'elementwise, one operand',
  60,
  fc.record({ shape: shapes, op: fc.constantFrom(...Object.keys(UNARY)), seed: seeds }),
  ({ shape, op, seed }) => agree((d) => UNARY[op]![0](whole(d, shape, seed)), UNARY[op]![1], op),
);

const BINARY: Record<string, [(a: Tensor, b: Tensor) => Tensor, Reasoned]> = {
  add: [tg.add, {}],
  sub: [tg.sub, {}],
  mul: [tg.mul, {}],
  div: [tg.div, division],
  minimum: [tg.minimum, {}],
  maximum: [tg.maximum, {}],
  equal: [tg.equal, {}],
  notEqual: [tg.notEqual, {}],
  less: [tg.less, {}],
  greaterEqual: [tg.greaterEqual, {}],
};

/** Shapes that broadcast to one: leading axes left out, some extents 1. */
const broadcasts = (operands: number) =>
  shapes.chain((shape) =>
    fc.record({
      operands: fc.array(
        fc
          .record({
            missing: fc.integer({ min: 0, max: shape.length }),
            single: fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
          })
          .map(({ missing, single }) => shape.map((e, k) => (single[k] ? 1 : e)).slice(missing)),
        { minLength: operands, maxLength: operands },
      ),
      seed: seeds,
    }),
  );

property(
  'elementwise, two operands',
  120,
  fc.tuple(broadcasts(2), fc.constantFrom(...Object.keys(BINARY))),
  ([{ operands, seed }, op]) =>
    agree(
      (d) => BINARY[op]![0](whole(d, operands[0]!, seed), whole(d, operands[1]!, seed + 1)),
      BINARY[op]![1],
      op,
    ),
);

property('where', 40, broadcasts(3), ({ operands, seed }) =>
  agree(
    (d) => {
      const [c, a, b] = operands.map((shape, k) => whole(d, shape, seed + k)) as [Tensor, Tensor, Tensor];
      return tg.where(tg.greater(c, 0), a, b);
    },
    {},
    'where',
  ),
);

const withAxes = shapes.chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    axes: fc.subarray([...shape.keys()]),
    seed: seeds,
    keepDims: fc.boolean(),
  }),
);

property('sum, max, min', 100, withAxes, ({ shape, axes, seed, keepDims }) =>
  agree(
    (d) => {
      const x = whole(d, shape, seed);
      const total = tg.sum(x, axes, { keepDims });
      if (axes.some((axis) => shape[axis] === 0)) return total;
      return [total, tg.max(x, axes, { keepDims }), tg.min(x, axes, { keepDims })];
    },
    {},
    'reduction',
  ),
);

const withAxis = nonScalars.chain((shape) =>
  fc.record({ shape: fc.constant(shape), axis: fc.integer({ min: 0, max: shape.length - 1 }), seed: seeds }),
);

property('argmax, argmin, cumsum, softmax, logSumExp', 60, withAxis, ({ shape, axis, seed }) =>
  agree(
    (d) => {
      const x = whole(d, shape, seed);
      const real = on(d, shape, numbers(sizeOf(shape), -8, 8, seed));
      const sums = [tg.cumsum(x, axis), tg.cumsum(x, axis, { reverse: true })];
      const soft = [...sums, tg.softmax(real, axis), tg.logSoftmax(real, axis), tg.logSumExp(real, axis)];
      return shape[axis] === 0 ? soft : [tg.argmax(x, axis), tg.argmin(x, axis), ...soft];
    },
    // Indices differ by 1 or not at all.
    { ...logSoftMax, relative: 2 ** -21 },
    'axis',
  ),
);

const movements = shapes.chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    axes: fc.shuffledSubarray([...shape.keys()], { minLength: shape.length, maxLength: shape.length }),
    ranges: fc.tuple(
      ...shape.map(() =>
        fc.tuple(
          fc.integer({ min: -20, max: 20 }),
          fc.integer({ min: -20, max: 20 }),
          fc.integer({ min: 1, max: 5 }),
        ),
      ),
    ),
    widths: fc.tuple(
      ...shape.map(() => fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }))),
    ),
    leading: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
    seed: seeds,
  }),
);

property('permute, slice, pad, expand', 100, movements, ({ shape, axes, ranges, widths, leading, seed }) =>
  agree(
    (d) => {
      const x = whole(d, shape, seed);
      return [
        tg.permute(x, axes),
        tg.slice(tg.permute(x, axes), ...ranges),
        tg.pad(x, widths, -1.5),
        tg.expand(x, [...leading, ...shape]),
        tg.reshape(tg.permute(x, axes), [x.size]),
      ];
    },
    {},
    'movement',
  ),
);

const joins = withAxis.chain((one) =>
  fc.record({ one: fc.constant(one), extents: fc.array(extent, { minLength: 1, maxLength: 4 }) }),
);

property('concat, stack', 40, joins, ({ one: { shape, axis, seed }, extents }) =>
  agree(
    (d) => {
      const parts = extents.map((e, i) => whole(d, shape.with(axis, e), seed + i));
      return [tg.concat(parts, axis), tg.stack([parts[0]!, tg.neg(parts[0]!)], axis)];
    },
    {},
    'concat',
  ),
);

const gathers = withAxis
  .filter(({ shape, axis }) => shape[axis]! > 0)
  .chain((one) =>
    fc.record({
      one: fc.constant(one),
      many: extent,
      single: fc.array(fc.boolean(), { minLength: one.shape.length, maxLength: one.shape.length }),
    }),
  );

property('gather op, indexSelect, scatterAdd', 80, gathers, ({ one: { shape, axis, seed }, many, single }) =>
  agree(
    (d) => {
      // Axes of extent 1 in the index broadcast for the op; `gather` itself takes them as PyTorch does.
      const indexShape = shape.map((e, k) => (k === axis ? many : single[k] ? 1 : e));
      const index = on(d, indexShape, Int32Array.from(integers(sizeOf(indexShape), 0, shape[axis]!, seed)));
      const line = on(d, [many], Int32Array.from(integers(many, 0, shape[axis]!, seed)));
      const x = whole(d, shape, seed + 1);
      return [
        tg.apply(tg.ops.gather, [x, index], { axis }),
        tg.gather(x, axis, index),
        tg.indexSelect(x, axis, line),
        tg.scatterAdd(whole(d, shape.with(axis, many), seed + 2), axis, index, shape[axis]!),
      ];
    },
    {},
    'gather',
  ),
);

test.run();
