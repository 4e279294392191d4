/* Runs on every adapter. */

import type { Device, Op, Shape, Tensor } from '@tapegrad/tensor';
import * as tg from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ElementwiseOp } from '../../packages/tensor/src/ops/elementwise-op.ts';
import { adapter, close, numbers, on, type Tolerance } from '../helpers/device.ts';
import { type FiniteMath, withFiniteMath } from '../helpers/finite-math.ts';
import { rewriting } from '../helpers/rewritten.ts';

/*
 * NaN and infinity come out as the reference has them, even if a compiler assumes that there are none: kernels are compiled
 * from text that such a compiler may turn them into. That the text without its precautions fails is tested, too.
 */

const compilers: Record<string, FiniteMath> = {
  'all comparisons turned, the first of a maximum': { negated: () => true, extremes: 'first' },
  'no comparison turned, the second of a maximum': { negated: () => false, extremes: 'second' },
  'every other comparison turned': { negated: (index) => index % 2 === 0, extremes: 'second' },
};

const [nan, inf] = [Number.NaN, Infinity];
const SPECIAL = Float32Array.of(
  ...[nan, inf, -inf, 0, -0, 1, -1, 0.5, -0.5, 2, -2, 3, 88, -88, 1e4, -1e4, 3.4e38, -3.4e38, 1e-30],
);

/** What ops with parameters are given; several lists are several cases. */
const parameters: Readonly<Record<string, readonly (readonly number[])[]>> = {
  leakyRelu: [[0.2]],
  elu: [[1], [0.5]],
  clamp: [
    [-1, 2],
    [-inf, 2],
    [0, inf],
  ],
  affine: [
    [3, -1],
    [0, 1],
  ],
  powScalar: [[2], [3], [-1], [0.5], [0], [1], [nan], [inf]],
};

/** Inputs of an op, by its expression: `a`, `b`, `c`. */
const inputsOf = ({ expression }: Pick<ElementwiseOp, 'expression'>) =>
  /\bc\b/.test(expression) ? 3 : /\bb\b/.test(expression) ? 2 : 1;

/** Beyond [−π, π] WGSL promises nothing of sin and cos; what of a number is finite is tested in elementwise.test.ts. */
const domain = (name: string) =>
  /^(sin|cos)$/.test(name) ? SPECIAL.map((v) => (v > 4 || v < -4 ? 1 : v)) : SPECIAL;

/** What is finite may have the errors that elementwise.test.ts allows, the largest of them; here it is about what is not. */
const FINITE: Tolerance = { absolute: 1e-3, relative: 1e-4 };

function elementwise(op: ElementwiseOp, attributes: readonly number[]) {
  const values = domain(op.name);
  const n = values.length;
  const shapes: Shape[][] = [[], [[n]], [[n, 1], [n]], [[n, 1, 1], [n, 1], [n]]];
  return (d: Device) =>
    tg.apply(
      op as Op<readonly number[]>,
      shapes[inputsOf(op)]!.map((shape) => on(d, shape, values)),
      attributes,
    );
}

/** Rows of which some have a NaN or infinities somewhere, long enough for lines and for chunks. */
function rows([many, extent]: readonly [number, number]): Float32Array {
  const x = numbers(many * extent, -9, 9);
  for (let row = 0; row < many; row++) {
    const put = (value: number, times: number) => {
      for (let k = 0; k < times; k++) x[row * extent + ((row * 97 + k * 31) % extent)] = value;
    };
    if (row % 5 === 1) put(nan, 2);
    if (row % 5 === 2) put(inf, 1);
    if (row % 5 === 3) put(-inf, 2);
    if (row % 5 === 4) x.fill(-inf, row * extent, (row + 1) * extent);
  }
  return x;
}

const along: [string, (x: Tensor, axis: number) => Tensor][] = [
  ['sum', (x, axis) => tg.sum(x, [axis])],
  ['max', (x, axis) => tg.max(x, [axis])],
  ['min', (x, axis) => tg.min(x, [axis])],
  ['argmax', (x, axis) => tg.argmax(x, axis)],
  ['argmin', (x, axis) => tg.argmin(x, axis)],
  ['softmax', (x, axis) => tg.softmax(x, axis)],
  ['logSoftmax', (x, axis) => tg.logSoftmax(x, axis)],
  ['logSumExp', (x, axis) => tg.logSumExp(x, [axis])],
];

const shapes: readonly (readonly [number, number])[] = [
  [11, 7],
  [15, 1000],
];

type Case = readonly [name: string, fn: (device: Device) => Tensor];
const cases: Case[] = [
  ...(Object.values(tg.elementwiseOps) as ElementwiseOp[]).flatMap((op) =>
    (parameters[op.name] ?? [[]]).map((p): Case => [`${op.name} ${p.join(' ')}`.trim(), elementwise(op, p)]),
  ),
  ...along.flatMap(([name, fn]) =>
    shapes.flatMap((shape): Case[] => [
      [`${name} of rows [${shape}]`, (d) => fn(on(d, shape, rows(shape)), 1)],
      [`${name} of columns [${shape}]`, (d) => fn(on(d, shape, rows(shape)).transpose(), 0)],
    ]),
  ),
  ['maxPool2d', (d) => tg.maxPool2d(on(d, [3, 1, 16, 20], rows([3, 320])), 3, { stride: 2, padding: 1 })],
  ['a tensor full of NaN', (d) => tg.full([5], nan, { device: d })],
  ['padding with an infinity', (d) => tg.pad(on(d, [2], Float32Array.of(1, nan)), [[1, 1]], -inf)],
  [
    'a product with NaN and infinity in it',
    (d) => on(d, [5, 40], rows([5, 40])).matmul(on(d, [40, 6], numbers(240, 0.5, 1))),
  ],
];

test('every op with parameters has some here', () => {
  for (const op of Object.values(tg.elementwiseOps) as ElementwiseOp[]) {
    if (/\bp\./.test(op.expression)) assert.ok(parameters[op.name], op.name);
  }
});

test('only what an op was given is looked at as it is', () => {
  for (const { name, expression } of Object.values(tg.elementwiseOps) as ElementwiseOp[]) {
    assert.not.match(expression, /is_given_\w+\((?!(f32\()?[abc]\))|bitcast/, name);
  }
});

/** The cases that a device fails, and how. */
async function failures(device: Device, some: readonly Case[]): Promise<[name: string, error: string][]> {
  const failed: [string, string][] = [];
  for (const [name, fn] of some) {
    const [got, expected] = [tg.scope(() => fn(device)), tg.scope(() => fn(tg.referenceDevice))];
    try {
      close(await got.data(), await expected.data(), FINITE, name);
    } catch (error) {
      failed.push([name, (error as Error).message]);
    }
    got.dispose();
    expected.dispose();
  }
  return failed;
}

for (const [name, how] of Object.entries(compilers)) {
  test(`NaN and infinity: ${name}, on ${adapter}`, async () => {
    const device = await rewriting(adapter, (code) => withFiniteMath(code, how));
    assert.equal(await failures(device, cases), []);
    device.destroy();
  });
}

const careless: Record<string, [rewrite: (code: string) => string, fail: readonly string[]]> = {
  'look at bits that a compiler knows': [
    (code) => code.replaceAll(' ^ params.opaque_zero', '').replaceAll('given_bits', 'known_bits'),
    ['clamp 0 Infinity', 'maximum', 'less', 'max of rows [15,1000]', 'argmax of rows [15,1000]'],
  ],
  compare: [
    (code) =>
      code
        .replaceAll('is_given_negative(a)', '(a <= 0.0)')
        .replaceAll('is_given_zero(f32(a))', '(a == 0)')
        .replaceAll(/is_given_nan\([ab]\)/g, 'false'),
    ['relu', 'where', 'maximum', 'less', 'max of rows [15,1000]'],
  ],
};
for (const [name, [rewrite, fail]] of Object.entries(careless)) {
  test(`kernels that ${name} would fail, on ${adapter}`, async () => {
    const how = compilers['all comparisons turned, the first of a maximum']!;
    const device = await rewriting(adapter, (code) => withFiniteMath(rewrite(code), how));
    const some = cases.filter(([one]) => fail.includes(one));
    const failed = await failures(device, some);
    assert.equal(failed.map(([one]) => one).sort(), [...fail].sort());
    device.destroy();
  });
}

test.run();
