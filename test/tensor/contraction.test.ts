/* Runs on every adapter. */
import { openDevice } from '@tapegrad/node';
import type { Op } from '@tapegrad/tensor';
import {
  apply,
  type Device,
  referenceDevice,
  type Shape,
  sizeOf,
  type Tensor,
  tensor,
  within,
} from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { contractionsOf } from '../../packages/tensor/src/lowering/contraction/contract.ts';
import {
  builtInChoice,
  contractionVariants,
  ForcedVariant,
} from '../../packages/tensor/src/lowering/contraction/table.ts';
import { type ConvAttributes, convOps, convOutputSize } from '../../packages/tensor/src/ops/conv.ts';
import { matmul } from '../../packages/tensor/src/ops/matmul.ts';
import { expandTemplate } from '../../packages/tensor/src/webgpu/template.ts';

const gpu = await openDevice(process.env.TAPEGRAD_ADAPTER ?? 'auto');
const adapter = { kind: gpu.adapterKind, subgroups: gpu.subgroups };

interface Case {
  readonly name: string;
  readonly op: Op<unknown>;
  readonly shapes: readonly [Shape, Shape];
  readonly attributes: unknown;
}

function product(a: Shape, b: Shape, transposes = ''): Case {
  const [transposeA, transposeB] = [transposes.includes('A'), transposes.includes('B')];
  const name = `matmul [${a}]${transposeA ? 'ᵀ' : ''} x [${b}]${transposeB ? 'ᵀ' : ''}`;
  return { name, op: matmul, shapes: [a, b], attributes: { transposeA, transposeB } };
}

/** All four transposes of an M x K by K x N product. */
function products(M: number, N: number, K: number): Case[] {
  return ['', 'A', 'B', 'AB'].map((t) =>
    product(t.includes('A') ? [K, M] : [M, K], t.includes('B') ? [N, K] : [K, N], t),
  );
}

type Pair = readonly [number, number];

/** A convolution and its two gradients. `extra` enlarges the image at its end, as output padding does. */
function convolutions(
  [N, C, H, W]: readonly [number, number, number, number],
  O: number,
  kernel: Pair,
  { stride = [1, 1], padding = [0, 0], dilation = [1, 1] }: Partial<ConvAttributes> = {},
): Case[] {
  const attributes = { stride, padding, dilation };
  const x: Shape = [N, C, H, W];
  const w: Shape = [O, C, ...kernel];
  const y: Shape = [N, O, ...convOutputSize([H, W], kernel, attributes)];
  const name = `[${x}] * [${w}], stride ${stride}, padding ${padding}, dilation ${dilation}`;
  return [
    { name: `conv2d ${name}`, op: convOps.conv2d, shapes: [x, w], attributes },
    {
      name: `input gradient ${name}`,
      op: convOps.conv2dInputGradient,
      shapes: [y, w],
      attributes: { ...attributes, size: [H, W] },
    },
    {
      name: `weight gradient ${name}`,
      op: convOps.conv2dWeightGradient,
      shapes: [x, y],
      attributes: { ...attributes, size: kernel },
    },
  ];
}

const cases: Case[] = [
  ...products(1, 1, 1),
  ...products(5, 3, 12),
  ...products(4, 4, 4),
  ...products(13, 22, 7),
  ...products(37, 41, 19),
  ...products(36, 44, 20),
  ...products(64, 5, 32),
  ...products(3, 129, 67),
  ...products(70, 36, 260),
  product([300, 131], [131, 21]),
  product([2, 66, 132], [2, 132, 34]),
  product([0, 3], [3, 4]),
  product([3, 0], [0, 4]),
  product([4, 0], [0, 4]),
  product([3, 5, 6], [3, 6, 7]),
  product([3, 8, 8], [3, 8, 8]),
  product([3, 5, 6], [6, 7]),
  product([2, 1, 5, 6], [3, 6, 7]),
  product([2, 4, 36], [2, 8, 36], 'B'),
  ...convolutions([2, 3, 9, 11], 5, [3, 3], { stride: [2, 2], padding: [1, 1] }),
  ...convolutions([1, 1, 8, 8], 1, [1, 1]),
  ...convolutions([3, 4, 8, 8], 8, [4, 4], { stride: [2, 2], padding: [1, 1] }),
  ...convolutions([2, 1, 12, 8], 16, [4, 4], { stride: [2, 2], padding: [1, 1] }),
  ...convolutions([2, 5, 10, 7], 7, [2, 3], { stride: [3, 1], padding: [0, 2] }),
  ...convolutions([2, 3, 13, 11], 4, [3, 2], { dilation: [2, 3], padding: [2, 1] }),
  ...convolutions([2, 2, 11, 12], 3, [3, 3], { stride: [2, 3], dilation: [2, 2], padding: [1, 2] }),
  ...convolutions([2, 2, 8, 6], 5, [3, 4], { stride: [2, 1], padding: [1, 2] }),
  ...convolutions([3, 1, 9, 6], 3, [2, 5], { stride: [3, 2], padding: [0, 1] }),
  // The stride leaves rows and columns at the end that no output sees: output padding, for the transposed one.
  ...convolutions([2, 7, 10, 9], 3, [3, 3], { stride: [3, 2] }),
  // A stride beyond the kernel leaves pixels that no tap reaches: their gradient is 0.
  ...convolutions([1, 3, 9, 8], 33, [2, 1], { stride: [3, 3] }),
];

/** The rows of a kernel change its unrolling, not its formulas: kernels that compile long see fewer shapes. */
const fewer = (all: readonly Case[]) => all.filter(({ name }) => /\[3,4,8,8\]|\[2,5,10,7\]|36/.test(name));
const slow = new Set(['slides8', 'slides16']);

/** Each variant by itself, and with its sums cut into parts. */
const forms: [name: string, parts?: number][] = [
  ...[...contractionVariants.keys()].map((name) => [name] as [string]),
  ['slides4', 2],
  ['lanes8', 3],
  ['tiles64', 3],
  ['alone4', 2],
];

/** The same values everywhere: multiples of 1/64 in [-1, 1), which float32 holds exactly. */
function values(count: number, seed: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 25) - 64) / 64;
  });
}

function compute(device: Device, { op, shapes, attributes }: Case, map = (v: number) => v): Tensor {
  const inputs = shapes.map((shape, i) =>
    tensor(values(sizeOf(shape), i + 1).map(map), { shape, device, dtype: 'float32' }),
  );
  return apply(op, inputs, attributes);
}

/** Holds what a variant computes against the reference device. */
async function check(one: Case, forced?: ForcedVariant): Promise<void> {
  const got = within(forced ?? {}, () => compute(gpu, one));
  const expected = compute(referenceDevice, one);
  assert.equal(got.shape, expected.shape);
  // Rounding errors of a sum are relative to the sum of magnitudes; those of a float32 sum of K terms grow as √K.
  const magnitudes = await compute(referenceDevice, one, Math.abs).data();
  const terms = sizeOf(one.shapes[0]);
  const [x, y] = [await got.data(), await expected.data()];
  for (let i = 0; i < y.length; i++) {
    const error = Math.abs(x[i]! - y[i]!);
    const allowed = 1e-6 * Math.sqrt(Math.min(terms, 1e4)) * magnitudes[i]!;
    if (!(error <= allowed)) {
      assert.unreachable(
        `${one.name}: element ${i} of ${y.length} is ${x[i]}, not ${y[i]} (${error} > ${allowed})`,
      );
    }
  }
}

for (const one of cases) test(`the one chosen, ${one.name}, on ${gpu.name}`, () => check(one));

/** The contractions of a case, and whether a variant fits any of them here. */
const tasksOf = (one: Case) => contractionsOf(() => compute(gpu, one));
const fits = (name: string, one: Case) =>
  tasksOf(one).some((task) => contractionVariants.get(name)!.plan(task, adapter) !== undefined);

for (const [name, parts] of forms) {
  const fitting = (slow.has(name) ? fewer(cases) : cases).filter((one) => fits(name, one));
  const suite = fitting.length > 0 ? test : test.skip;
  suite(`${name}${parts ? ` in ${parts} parts` : ''}, ${fitting.length} cases, on ${gpu.name}`, async () => {
    for (const one of fitting) await check(one, new ForcedVariant(name, parts));
  });
}

test('what fits what: products, convolutions, adapters without known subgroups', () => {
  const [narrow, wide] = [
    product([36, 20], [20, 44]),
    convolutions([3, 4, 8, 8], 8, [4, 4], { stride: [2, 2], padding: [1, 1] })[0]!,
  ];
  const able = (one: Case, subgroups: { min: number; max: number } | undefined) =>
    [...contractionVariants.values()]
      .filter((variant) => variant.plan(tasksOf(one)[0]!, { kind: 'gpu', subgroups }))
      .map(({ name }) => name);
  const alone = ['naive', 'alone4', 'plainAlone4', 'tiles32', 'tiles64', 'tiles128'];
  const lanes = ['lanes4', 'lanes8', 'lanes16', 'plain4'];
  const sorted = (names: readonly string[]) => [...names].sort();
  assert.equal(sorted(able(narrow, undefined)), sorted(alone));
  assert.equal(sorted(able(narrow, { min: 8, max: 16 })), sorted(alone));
  assert.equal(sorted(able(narrow, { min: 8, max: 8 })), sorted([...alone, ...lanes, 'resident']));
  assert.equal(sorted(able(wide, undefined)), sorted([...alone, 'slidesAlone4']));
  assert.equal(
    sorted(able(wide, { min: 8, max: 8 })),
    sorted([...alone, ...lanes, 'slidesAlone4', 'slides4', 'slides8', 'slides16', 'bands']),
  );
  // Nothing to add up: only the plain kernel is made for that.
  assert.equal(able(product([4, 0], [0, 4]), { min: 8, max: 8 }), ['naive']);
});

// Images that fit a subgroup of 8: a row for each lane, two rows for each, several images, a stride that is no phase.
const banded: Case[] = [
  ...convolutions([3, 5, 14, 14], 6, [4, 4], { stride: [2, 2], padding: [1, 1] }),
  ...convolutions([2, 1, 28, 28], 3, [4, 4], { stride: [2, 2], padding: [1, 1] }),
  ...convolutions([5, 2, 4, 6], 9, [2, 2], { stride: [2, 2] }),
  ...convolutions([3, 4, 8, 9], 5, [3, 4], { padding: [1, 2] }),
];
const known = adapter.subgroups?.min === adapter.subgroups?.max && adapter.subgroups;
(known ? test : test.skip)('bands, and their choice', async () => {
  const [possible, chosen] = [new Set<string>(), new Set<string>()];
  for (const one of banded) {
    await check(one, new ForcedVariant('bands'));
    await check(one);
    if (fits('bands', one)) possible.add(one.name);
    if (builtInChoice(tasksOf(one)[0]!, adapter).variant.name === 'bands') chosen.add(one.name);
  }
  if (adapter.subgroups!.min === 8) assert.is(possible.size, 8, [...possible].join('\n'));
  // The phases of a stride together, where they are not too small to compile a kernel for.
  if (adapter.kind === 'lavapipe' && adapter.subgroups!.min >= 8)
    assert.equal([...chosen], [banded[1]!.name]);
});

test('the choice splits a long sum, and computes the same bytes again', async () => {
  const one = product([7000, 24], [7000, 40], 'A');
  const [first, second, expected] = [compute(gpu, one), compute(gpu, one), compute(referenceDevice, one)];
  const [x, y, z] = [await first.data(), await second.data(), await expected.data()];
  assert.equal(x, y);
  assert.ok(x.every((v, i) => Math.abs(v - z[i]!) < 1e-3));
});

test('more tiles than one dimension of workgroups holds', async () => {
  const rows = 4 * 70_000;
  for (const name of ['lanes4', 'alone4'] as const) {
    const one = product([rows, 2], [2, 17]);
    if (!fits(name, one)) continue;
    const x = await within(new ForcedVariant(name), () => compute(gpu, one)).data();
    const y = await compute(referenceDevice, one).data();
    assert.is(
      x.findIndex((v, i) => Math.abs(v - y[i]!) > 1e-5),
      -1,
    );
  }
});

test('infinities of one summand stay with it: tails are masked, not multiplied by 0', async () => {
  const a = tensor(new Float64Array(40 * 3).fill(1), { shape: [40, 3], device: gpu, dtype: 'float32' });
  const b = values(3 * 40, 1);
  b[2 * 40 + 39] = Number.POSITIVE_INFINITY;
  const attributes = { transposeA: false, transposeB: false };
  for (const name of contractionVariants.keys()) {
    const c = within(new ForcedVariant(name), () =>
      apply(matmul, [a, tensor(b, { shape: [3, 40], device: gpu, dtype: 'float32' })], attributes),
    );
    const x = await c.data();
    assert.is(x[39], Number.POSITIVE_INFINITY, name);
    assert.ok(x.subarray(0, 39).every(Number.isFinite), name);
  }
});

// ------------------------------------------------------------------------------------------------------- templates

test('templates: loops, nested and empty', () => {
  const source =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the template's own syntax
    '//% for i in 0..N\nlet a${i} = ${i * 4 + 1};\n//% for j in i..2\nb${i}${j}\n//% end\n//% end\nend';
  assert.is(expandTemplate(source, { N: 2 }), 'let a0 = 1;\nb00\nb01\nlet a1 = 5;\nb11\nend');
  assert.is(expandTemplate(source, { N: 0 }), 'end');
});

test('templates: conditions, else, and branches not taken', () => {
  const source =
    ' //% if A && !B\nx\n //% if n > 1\ny\n //% else\nz\n //% end\n//% else\n//% if unknown\n//% end\nw\n//% end';
  assert.is(expandTemplate(source, { A: true, B: false, n: 2, unknown: 1 }), 'x\ny');
  assert.is(expandTemplate(source, { A: true, B: false, n: 1, unknown: 1 }), 'x\nz');
  assert.is(expandTemplate(source, { A: true, B: true, unknown: 1 }), 'w');
});

test('templates: arithmetic is that of whole numbers, with the usual precedence', () => {
  const value = (text: string) => expandTemplate(`\${${text}}`, { R: 13, L: 8, yes: true });
  assert.is(value('R / L'), '1');
  assert.is(value('R % L / 4 * 4'), '4');
  assert.is(value('1 + 2 * (3 - R)'), '-19');
  assert.is(value('R - 1 - 2'), '10');
  assert.is(value('R >= 13 && R != L || 0'), 'true');
  assert.is(value('!yes || R == 1'), 'false');
});

test('templates: names for values, until the block ends', () => {
  const source =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the template's own syntax
    '//% let n = N + 1\n//% for i in 0..2\n//% let n = n * 2 + i\n${n}\n//% end\n${n}';
  assert.is(expandTemplate(source, { N: 4 }), '10\n11\n5');
});

test('templates: mistakes name their line', () => {
  const fails = (source: string, message: string) =>
    assert.throws(
      () => expandTemplate(source, { N: 2 }),
      (error: Error) => error.message.includes(message) || assert.unreachable(error.message),
    );
  fails('a\n//% for i in 0..M\n//% end', "template, line 2: unknown name 'M'");
  fails('//% for i in 0..N\nx', 'has no end');
  fails('x\n//% end', 'template, line 2: closes nothing');
  fails('//% while N', 'neither for, let, if, entry, else nor end');
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the template's own syntax
  fails('${N + (1}', "expected ')'");
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the template's own syntax
  fails('${N N}', "unexpected 'N'");
});

test.after(() => gpu.destroy());
test.run();
