/* Runs without an adapter. */
/** Every rule, against central differences to second order. */

import { gradcheck, rules } from '@tapegrad/autograd';
import * as tg from '@tapegrad/tensor';
import { type OpName, observe, ops } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

tg.setDefaultDevice(tg.referenceDevice);

const numbers = (seed: number, ...shape: number[]) =>
  new tg.Generator(seed, { device: tg.referenceDevice }).normal(shape);
const positive = (seed: number, ...shape: number[]) =>
  numbers(seed, ...shape)
    .square()
    .add(0.5);
const index = tg.tensor(Int32Array.of(2, 0, 2, 1));

/** A function of its inputs that uses the op. */
type Case = readonly [fn: (...args: tg.Tensor[]) => tg.Tensor, ...inputs: tg.Tensor[]];

/** The rule of this op says that it has no derivative. */
const none: readonly Case[] = [];

const matmuls = [false, true].flatMap((transposeA) =>
  [false, true].map((transposeB): Case => {
    const a = transposeA ? [4, 3] : [3, 4];
    const b = transposeB ? [2, 4] : [4, 2];
    return [(x, y) => tg.matmul(x, y, { transposeA, transposeB }), numbers(1, 2, ...a), numbers(2, ...b)];
  }),
);
const strided = { stride: [2, 2], padding: [1, 1], dilation: [1, 1] } as const;

/** Windows of 2x2 side by side, and the pixel that each has chosen. */
const pooled: tg.Attributes<'poolScatter'> = {
  kernel: [2, 2],
  stride: [2, 2],
  padding: [0, 0],
  dilation: [1, 1],
  ceilMode: false,
  size: [4, 4],
};
const chosen = tg.tensor(Int32Array.of(1, 7, 8, 15, 0, 2, 13, 10), { shape: [1, 2, 2, 2] });

/** An op that is missing here does not compile; one whose cases do not use it fails. */
const cases: { readonly [K in OpName]: readonly Case[] } = {
  neg: [[tg.neg, numbers(1, 5)]],
  abs: [[tg.abs, positive(1, 5)]],
  sign: none,
  exp: [[tg.exp, numbers(1, 5)]],
  log: [[tg.log, positive(1, 5)]],
  log1p: [[tg.log1p, positive(1, 5)]],
  sqrt: [[tg.sqrt, positive(1, 5)]],
  square: [[tg.square, numbers(1, 5)]],
  reciprocal: [[tg.reciprocal, positive(1, 5)]],
  sin: [[tg.sin, numbers(1, 5)]],
  cos: [[tg.cos, numbers(1, 5)]],
  floor: none,
  ceil: none,
  round: none,
  relu: [[tg.relu, numbers(3, 3, 4)]],
  leakyRelu: [[(x) => tg.leakyRelu(x, 0.2), numbers(3, 3, 4)]],
  elu: [[(x) => tg.elu(x, 0.7), numbers(3, 3, 4)]],
  gelu: [[(x) => tg.gelu(x), numbers(3, 3, 4)]],
  geluTanh: [[(x) => tg.gelu(x, { approximate: 'tanh' }), numbers(3, 3, 4)]],
  normalCdf: [[(x) => tg.apply(ops.normalCdf, [x], []), numbers(3, 3, 4)]],
  silu: [[tg.silu, numbers(3, 3, 4)]],
  sigmoid: [[tg.sigmoid, numbers(1, 5)]],
  tanh: [[tg.tanh, numbers(1, 5)]],
  softplus: [[tg.softplus, numbers(1, 5)]],
  clamp: [[(x) => tg.clamp(x, { min: -0.5, max: 0.7 }), numbers(4, 20)]],
  affine: [[(x) => tg.sub(2, x.mul(3)), numbers(1, 5)]],
  powScalar: [[(x) => tg.pow(x, 2.5), positive(1, 5)]],
  add: [[tg.add, numbers(1, 3, 1), numbers(2, 4)]],
  sub: [[tg.sub, numbers(1, 3, 1), numbers(2, 4)]],
  mul: [[tg.mul, numbers(1, 2, 3, 4), numbers(2, 3, 1)]],
  div: [[tg.div, numbers(1, 3, 1), positive(2, 4)]],
  pow: [[tg.pow, positive(1, 3, 1), numbers(2, 4)]],
  minimum: [[tg.minimum, numbers(1, 3, 1), numbers(2, 4)]],
  maximum: [[tg.maximum, numbers(1, 3, 1), numbers(2, 4)]],
  maskPositive: [[(a) => tg.apply(ops.maskPositive, [a, numbers(5, 4)], []), numbers(1, 4)]],
  equal: none,
  notEqual: none,
  less: none,
  lessEqual: none,
  greater: none,
  greaterEqual: none,
  where: [[(a, b) => tg.where(tg.greater(numbers(5, 3, 4), 0), a, b), numbers(1, 3, 1), numbers(2, 4)]],
  sum: [
    [(x) => tg.sum(x, [0, 2]), numbers(1, 3, 2, 4)],
    [(x) => tg.square(tg.sum(x, 1, { keepDims: true })), numbers(1, 3, 2, 4)],
  ],
  prod: [
    [(x) => tg.prod(x, [0, 2]), numbers(1, 3, 2, 3)],
    [
      (x) => tg.prod(x, 1, { keepDims: true }),
      tg.tensor([
        [0, 2, 3],
        [0, 4, 0],
        [5, 6, 7],
      ]),
    ],
    [(x) => tg.prod(x), numbers(1, 7)],
  ],
  max: [[(x) => tg.max(x, 1), numbers(1, 3, 5)]],
  min: [[(x) => tg.min(x), numbers(1, 3, 5)]],
  argmax: none,
  argmin: none,
  cumsum: [
    [(x) => tg.cumsum(x, 0).square(), numbers(1, 3, 4)],
    [(x) => tg.cumsum(x, -1, { reverse: true }).square(), numbers(1, 3, 4)],
  ],
  softmax: [[(x) => tg.softmax(x, 1), numbers(1, 2, 3, 2)]],
  logSoftmax: [[(x) => tg.logSoftmax(x, 0), numbers(1, 3, 4)]],
  matmul: [...matmuls, [(a, b) => tg.matmul(a, b), numbers(1, 2, 1, 2, 3), numbers(2, 3, 3, 2)]],
  conv2d: [
    [
      (x, w) => tg.conv2d(x, w, { stride: [2, 1], padding: [1, 2], dilation: [1, 2] }),
      numbers(1, 2, 3, 5, 6),
      numbers(2, 4, 3, 3, 2),
    ],
    [
      (x, w) => tg.conv2d(x, w, { stride: [2, 1], padding: 1, groups: 2 }),
      numbers(1, 2, 4, 5, 4),
      numbers(2, 6, 2, 3, 2),
    ],
    [(x, w) => tg.conv2d(x, w, { padding: 'same' }), numbers(1, 1, 2, 4, 5), numbers(2, 2, 2, 2, 3)],
  ],
  conv2dInputGradient: [
    [
      (x, w) => tg.convTranspose2d(x, w, { stride: 2, padding: 1, groups: 3 }),
      numbers(1, 2, 3, 3, 2),
      numbers(2, 3, 2, 3, 4),
    ],
    [
      (x, w) => tg.convTranspose2d(x, w, { stride: 2, padding: 1, outputPadding: [1, 0] }),
      numbers(1, 2, 3, 3, 2),
      numbers(2, 3, 2, 3, 4),
    ],
  ],
  conv2dWeightGradient: [
    [
      (x, y) => tg.apply(ops.conv2dWeightGradient, [x, y], { ...strided, size: [3, 3] }),
      numbers(1, 2, 2, 5, 7),
      numbers(2, 2, 3, 3, 4),
    ],
    [
      (x, y) => tg.apply(ops.conv2dWeightGradient, [x, y], { ...strided, groups: 2, size: [3, 3] }),
      numbers(1, 2, 4, 5, 3),
      numbers(2, 2, 2, 3, 2),
    ],
  ],
  maxPool2d: [
    [(x) => tg.maxPool2d(x, 2).square(), numbers(1, 2, 2, 4, 5)],
    [(x) => tg.maxPool2d(x, [3, 2], { stride: [2, 1], padding: 1 }).square(), numbers(1, 1, 2, 5, 4)],
    [(x) => tg.maxPool2d(x, 2, { stride: 2, dilation: 2, ceilMode: true }).square(), numbers(1, 1, 1, 6, 7)],
  ],
  maxPool2dIndices: none,
  poolGather: [[(x) => tg.apply(ops.poolGather, [x, chosen], pooled).square(), numbers(1, 1, 2, 4, 4)]],
  poolScatter: [[(y) => tg.apply(ops.poolScatter, [y, chosen], pooled).square(), numbers(1, 1, 2, 2, 2)]],
  avgPool2d: [
    [(x) => tg.avgPool2d(x, 2).square(), numbers(1, 2, 2, 4, 5)],
    [
      (x) => tg.avgPool2d(x, [3, 2], { stride: [2, 1], padding: 1, countIncludePad: false }).square(),
      numbers(1, 1, 2, 5, 4),
    ],
  ],
  avgPool2dGradient: [
    [
      (y) => tg.apply(ops.avgPool2dGradient, [y], { ...pooled, countIncludePad: true }).square(),
      numbers(1, 1, 2, 2, 2),
    ],
  ],
  reshape: [[(x) => x.reshape([3, -1]).mul(numbers(9, 3, 4)), numbers(1, 2, 6)]],
  permute: [[(x) => x.permute([2, 0, 1]).square(), numbers(1, 2, 3, 4)]],
  expand: [[(x) => tg.expand(x, [4, 2, 3]).square(), numbers(1, 2, 1)]],
  slice: [[(x) => tg.slice(x, [1, -1], [0, 5, 2]).square(), numbers(1, 4, 5)]],
  pad: [
    [
      (x) => {
        const [rows, columns] = [
          [1, 0],
          [0, 2],
        ] as const;
        return tg.pad(x, [rows, columns], 3).square();
      },
      numbers(1, 2, 3),
    ],
  ],
  concat: [[(a, b) => tg.concat([a, b, a], 1).square(), numbers(1, 2, 3), numbers(2, 2, 1)]],
  gather: [
    [(x) => tg.gather(x, 0, index.reshape([2, 2])).square(), numbers(1, 3, 2)],
    [(x) => tg.indexSelect(x, 1, index).square(), numbers(1, 2, 3)],
  ],
  scatterAdd: [
    [
      (y) => tg.apply(ops.scatterAdd, [y, index.reshape([4, 1])], { axis: 0, extent: 3 }).square(),
      numbers(1, 4, 2),
    ],
  ],
  cast: [[(x) => tg.cast(x, 'float32').square(), numbers(1, 5)]],
  random: none,
  batch: none,
};

/** Functions made of several ops. */
const composed: Readonly<Record<string, Case>> = {
  mean: [(x) => tg.mean(x, -1), numbers(1, 3, 5)],
  logSumExp: [(x) => tg.logSumExp(x, 0), numbers(1, 3, 5)],
  variance: [(x) => tg.variance(x, 0, { correction: 0 }), numbers(1, 3, 5)],
  std: [(x) => tg.std(x, [0, 1], { keepDims: true }), numbers(1, 3, 5)],
  squeeze: [(x) => tg.squeeze(x).square(), numbers(1, 3, 1, 2)],
  unsqueeze: [(x) => tg.unsqueeze(x, 1).mul(numbers(2, 4, 3)), numbers(1, 2, 3)],
  stack: [(a, b) => tg.stack([a, b], 1).square(), numbers(1, 2, 3), numbers(2, 2, 3)],
};

for (const name of Object.keys(ops) as OpName[]) {
  test(`the rule of ${name}`, async () => {
    assert.is(
      cases[name].length > 0,
      rules[name] !== null,
      'an op with a rule has cases, one without has none',
    );
    for (const [fn, ...inputs] of cases[name]) {
      const used = new Set<string>();
      observe(
        ({ op }) => used.add(op.name),
        () => fn(...inputs),
      );
      assert.ok(used.has(ops[name].name), `a case of ${name} uses ${[...used].join(', ')} only`);
      await gradcheck(fn, inputs, { order: 2 });
    }
  });
}

for (const [name, [fn, ...inputs]] of Object.entries(composed))
  test(`gradcheck to second order: ${name}`, () => gradcheck(fn, inputs, { order: 2 }));

test.run();
