import {
  type AdapterKind,
  apply,
  type Device,
  type Op,
  referenceDevice,
  type Shape,
  scope,
  sizeOf,
  type Tensor,
  tensor,
  type WebGPUDevice,
  within,
  zeros,
} from '@tapegrad/tensor';
import * as assert from 'uvu/assert';
import { pretend } from '../../bench/isa/kernels.ts';
import { contractionsOf } from '../../packages/tensor/src/lowering/contraction/contract.ts';
import {
  contractionVariants,
  type ForcedVariant,
} from '../../packages/tensor/src/lowering/contraction/table.ts';
import type { Operands } from '../../packages/tensor/src/lowering/contraction/task.ts';
import type { Adapter } from '../../packages/tensor/src/lowering/contraction/variant.ts';
import { type ConvAttributes, convOps, convOutputSize } from '../../packages/tensor/src/ops/conv.ts';
import { matmul } from '../../packages/tensor/src/ops/matmul.ts';

/* Products and convolutions by which every variant of the contraction is held against the reference. */

/** A product, or a convolution, or one of its gradients, with shapes. */
export interface ContractionCase {
  readonly name: string;
  readonly op: Op<unknown>;
  readonly shapes: readonly [Shape, Shape];
  readonly attributes: unknown;
}

export function product(a: Shape, b: Shape, transposes = ''): ContractionCase {
  const [transposeA, transposeB] = [transposes.includes('A'), transposes.includes('B')];
  const name = `matmul [${a}]${transposeA ? 'ᵀ' : ''} x [${b}]${transposeB ? 'ᵀ' : ''}`;
  return { name, op: matmul, shapes: [a, b], attributes: { transposeA, transposeB } };
}

/** All four transposes of an M x K by K x N product. */
export function products(M: number, N: number, K: number): ContractionCase[] {
  return ['', 'A', 'B', 'AB'].map((t) =>
    product(t.includes('A') ? [K, M] : [M, K], t.includes('B') ? [N, K] : [K, N], t),
  );
}

type Pair = readonly [number, number];

/** A convolution and its two gradients. `extra` enlarges the image at its end, as output padding does. */
export function convolutions(
  [N, C, H, W]: readonly [number, number, number, number],
  O: number,
  kernel: Pair,
  { stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 }: Partial<ConvAttributes> = {},
): ContractionCase[] {
  const attributes = { stride, padding, dilation, groups };
  const x: Shape = [N, C, H, W];
  const w: Shape = [O, C / groups, ...kernel];
  const y: Shape = [N, O, ...convOutputSize([H, W], kernel, attributes)];
  const name = `[${x}] * [${w}], stride ${stride}, padding ${padding}, dilation ${dilation}, groups ${groups}`;
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

export const cases: readonly ContractionCase[] = [
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
  // More sums than a kernel takes at a time, and more output channels than one tile has rows.
  ...convolutions([1, 10, 6, 36], 35, [4, 4], { stride: [2, 2], padding: [1, 1] }),
  // The stride leaves rows and columns at the end that no output sees: output padding, for the transposed one.
  ...convolutions([2, 7, 10, 9], 3, [3, 3], { stride: [3, 2] }),
  product([12, 136], [264, 136], 'B'),
  // A stride beyond the kernel leaves pixels that no tap reaches: their gradient is 0.
  ...convolutions([1, 3, 9, 8], 33, [2, 1], { stride: [3, 3] }),
  // Groups: of several channels each way, of one each way (depthwise), of one in and several out, with phases.
  ...convolutions([2, 6, 9, 7], 4, [3, 3], { padding: [1, 1], groups: 2 }),
  ...convolutions([3, 8, 8, 8], 8, [4, 4], { stride: [2, 2], padding: [1, 1], groups: 2 }),
  ...convolutions([2, 36, 8, 12], 36, [3, 3], { padding: [1, 1], groups: 36 }),
  ...convolutions([2, 3, 11, 10], 9, [3, 2], {
    stride: [2, 3],
    dilation: [2, 1],
    padding: [2, 0],
    groups: 3,
  }),
];

const slow = new Set(['slides8', 'slides16', 'quads']);
/** Tiles that differ from tiles32 by their extents. */
export const otherTiles = ['tiles16x128', 'tiles32x64', 'tiles32x128', 'tiles64', 'tiles128x64', 'tiles128'];
/** Edges within a tile, several tiles, a window forwards and backwards, a sum over pixels. */
const TILED = /\[300,131\]|\[3,4,8,8\]/;

/**
 * The rows of a kernel change its unrolling, not its formulas: kernels that compile long see fewer shapes. lavapipe compiles
 * kernels with barriers ten times as long as SwiftShader, which gets the same text of them: there tiles and `thin` see a few of
 * the shapes that they see on SwiftShader, and those of which it gets another text; all tiles but the smallest see one.
 */
export function casesOf(variant: string, adapter: AdapterKind): readonly ContractionCase[] {
  if (adapter === 'lavapipe' && variant === 'tiles32')
    return cases.filter(({ name }) => TILED.test(name) || name.startsWith('input gradient [2,1,12,8]'));
  if (adapter === 'lavapipe' && otherTiles.includes(variant))
    return cases.filter(({ name }) => name.includes('[300,131]'));
  if (adapter === 'lavapipe' && variant === 'thin')
    return cases.filter(({ name }, i) => i % 5 === 0 || name.startsWith('input gradient [2,1,12,8]'));
  if (slow.has(variant)) return cases.filter(({ name }) => /\[3,4,8,8\]|\[2,5,10,7\]|36/.test(name));
  // They compile long, too. Two of five: in a row of four transposes, or three kinds of convolution, each has its turn.
  if (variant === 'tiles32') return cases.filter((_, i) => i % 5 < 2);
  if (!otherTiles.includes(variant)) return cases;
  // One kind of convolution each, so that two of them see each kind.
  const kind = otherTiles.indexOf(variant) % 3;
  return cases.filter(({ name }) => TILED.test(name)).filter((_, i) => i === 0 || i === 1 + kind);
}

/** Images that fit a subgroup of 8: a row for each lane, two rows for each, several images, a stride that is no phase. */
export const banded: readonly ContractionCase[] = [
  ...convolutions([3, 5, 14, 14], 6, [4, 4], { stride: [2, 2], padding: [1, 1] }),
  ...convolutions([2, 1, 28, 28], 3, [4, 4], { stride: [2, 2], padding: [1, 1] }),
  ...convolutions([5, 2, 4, 6], 9, [2, 2], { stride: [2, 2] }),
  ...convolutions([3, 4, 8, 9], 5, [3, 4], { padding: [1, 2] }),
];

/** Windows over images and channels by the sixteens, which tiles sum in blocks of one tap, or one pixel: see `BY_I0` there. */
export const bySixteens: readonly ContractionCase[] = [
  ...convolutions([16, 32, 8, 8], 32, [4, 4], { stride: [2, 2], padding: [1, 1] }),
  ...convolutions([16, 16, 6, 7], 16, [3, 4], { stride: [2, 1], padding: [1, 2], dilation: [1, 2] }),
  ...convolutions([16, 32, 5, 4], 32, [1, 3], { padding: [0, 1], groups: 2 }),
  ...convolutions([16, 16, 5, 4], 32, [1, 1]),
];

/** Channels for 4, 8 or 16 lanes: planes by vec4s and not, strides that leave pixels out, a dilation, groups, padding all round. */
export const planar: readonly ContractionCase[] = [
  ...convolutions([5, 8, 6, 10], 5, [4, 4], { stride: [2, 2], padding: [1, 1] }),
  ...convolutions([7, 12, 9, 7], 3, [2, 2], { stride: [2, 1], padding: [1, 0] }),
  ...convolutions([3, 16, 7, 5], 17, [2, 4], { dilation: [2, 1], padding: [2, 2] }),
  ...convolutions([4, 16, 8, 8], 6, [4, 4], { stride: [2, 2], padding: [1, 1], groups: 2 }),
  ...convolutions([32, 8, 14, 14], 16, [4, 4], { stride: [2, 2], padding: [1, 1] }),
];

/**
 * Few channels, and rows of images for up to 32 lanes, for the weight gradients whose pixels lanes divide: by vec4s and not, fewer
 * taps than lanes, a stride beyond the window, more rows than a workgroup has, channels, a dilation, groups, padding all round.
 */
export const pixelated: readonly ContractionCase[] = [
  ...convolutions([21, 1, 12, 8], 5, [4, 4], { stride: [2, 2], padding: [1, 1] }),
  ...convolutions([40, 2, 7, 9], 3, [3, 2], { stride: [2, 1], padding: [1, 0] }),
  ...convolutions([9, 1, 13, 11], 35, [3, 3], { dilation: [2, 3], padding: [2, 1] }),
  ...convolutions([33, 3, 8, 6], 5, [2, 2], { stride: [3, 3] }),
  ...convolutions([12, 6, 9, 8], 6, [3, 3], { padding: [1, 1], groups: 3 }),
  ...convolutions([32, 1, 28, 28], 16, [4, 4], { stride: [2, 2], padding: [1, 1] }),
].filter((_, i) => i % 3 === 2);

/** The same values everywhere: multiples of 1/64 in [-1, 1), which float32 holds exactly. */
export function values(count: number, seed: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 25) - 64) / 64;
  });
}

export function compute(
  device: Device,
  { op, shapes, attributes }: ContractionCase,
  map = (v: number) => v,
): Tensor {
  const inputs = shapes.map((shape, i) =>
    tensor(values(sizeOf(shape), i + 1).map(map), { shape, device, dtype: 'float32' }),
  );
  return apply(op, inputs, attributes);
}

/** The reference's result, and the sum of the summands' magnitudes, to which rounding errors are relative. */
async function expectedOf(one: ContractionCase) {
  const result = compute(referenceDevice, one);
  return {
    shape: result.shape,
    values: await result.data(),
    magnitudes: await compute(referenceDevice, one, Math.abs).data(),
  };
}

/** Many variants are held against the same cases. */
const known = new Map<string, ReturnType<typeof expectedOf>>();

/** Holds what a device computes, by a variant if one is forced, against the reference. */
export async function check(gpu: Device, one: ContractionCase, forced?: ForcedVariant): Promise<void> {
  const expected = known.get(one.name) ?? expectedOf(one);
  known.set(one.name, expected);
  const { shape, values: y, magnitudes } = await expected;
  const got = within(forced ?? {}, () => compute(gpu, one));
  assert.equal(got.shape, shape);
  // Rounding errors of a float32 sum of K terms grow as √K.
  const terms = sizeOf(one.shapes[0]);
  const x = await got.data();
  got.dispose();
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

const tasks = new Map<string, ReturnType<typeof contractionsOf>>();
/** Where contractions are asked for to see what they are: nothing is compiled. */
const nowhere = await pretend({ kind: 'gpu', subgroups: undefined });

/** The contractions of a case as a device is told to compute it, found once: many variants are asked whether they fit it. */
export function tasksOf(device: Device, { name, op, shapes, attributes }: ContractionCase) {
  // Some tests change what a device is taken for.
  const { adapterKind, software, subgroups } = device as WebGPUDevice;
  const key = JSON.stringify([name, adapterKind, software, subgroups]);
  let found = tasks.get(key);
  if (!found) {
    Object.assign(nowhere, { adapterKind, software, subgroups });
    found = scope(() =>
      contractionsOf(() => {
        apply(
          op,
          shapes.map((shape) => zeros(shape, { device: nowhere })),
          attributes,
        );
      }),
    );
    tasks.set(key, found);
  }
  return found;
}

/** What is known of a device, as it is at the moment. */
export const adapterOf = (gpu: WebGPUDevice): Adapter => ({
  kind: gpu.adapterKind,
  subgroups: gpu.subgroups,
  matrices: gpu.matrices,
});

/** Whether a variant fits any contraction of a case on a device, or on another adapter. */
export function fits(
  gpu: WebGPUDevice,
  name: string,
  one: ContractionCase,
  adapter = adapterOf(gpu),
): boolean {
  return tasksOf(gpu, one).some((task) => contractionVariants.get(name)!.plan(task, adapter) !== undefined);
}

/** The settings of the kernels by which a variant computes a case on a device. */
function settingsOf(device: WebGPUDevice, name: string, one: ContractionCase): string[][] {
  const variant = contractionVariants.get(name)!;
  return tasksOf(device, one).flatMap((task) => {
    const plan = variant.plan(task, adapterOf(device));
    if (!plan) return [];
    const { constants = {} } = variant.launch(plan, [] as unknown as Operands);
    return [Object.entries(constants).map(([setting, value]) => `${setting}=${value}`)];
  });
}

/**
 * Of the cases that a variant fits, those that few of its kernels compute: so few as have every two settings that any of its
 * kernels has together. What takes time is to compile a kernel, so all cases are among them that need no other.
 */
export function pairwise(
  device: WebGPUDevice,
  name: string,
  list: readonly ContractionCase[],
): ContractionCase[] {
  const kernelsOf = new Map(list.map((one) => [one, settingsOf(device, name, one)]));
  const pairsOf = (one: ContractionCase) =>
    kernelsOf.get(one)!.flatMap((settings) => settings.flatMap((a) => settings.map((b) => `${a} ${b}`)));
  const missing = new Set(list.flatMap(pairsOf));
  const kernels = new Set<string>();
  while (missing.size > 0) {
    const adds = list.map((one) => new Set(pairsOf(one).filter((pair) => missing.has(pair))).size);
    const best = list[adds.indexOf(Math.max(...adds))]!;
    for (const pair of pairsOf(best)) missing.delete(pair);
    for (const settings of kernelsOf.get(best)!) kernels.add(settings.join());
  }
  return list.filter((one) => kernelsOf.get(one)!.every((settings) => kernels.has(settings.join())));
}
