import * as wgsl from '@tapegrad/shaders';
import type { TensorView } from '../contracts.ts';
import type { StridedCopy } from '../ops/movement.ts';
import { sizeOf } from '../shape.ts';
import { axesOf, digitFields, digitsOf } from './digits.ts';
import { type LaunchContext, shader } from './launch.ts';

const WORKGROUP = 64;

const byPatches = shader(wgsl.copy, {
  patches: 'u32',
  source_offset: 'u32',
  target_offset: 'u32',
  counts: 'vec2u',
  extents: 'vec2u',
  source_near: 'vec2u',
  target_near: 'vec2u',
  ...digitFields,
});

const byBlocks = shader(
  { ...wgsl.copy, entry: 'blocks' },
  {
    blocks: 'u32',
    source_offset: 'u32',
    target_offset: 'u32',
    source_row: 'u32',
    target_row: 'u32',
    ...digitFields,
  },
);

/** The value's bits: a compiler may take a float32 for finite. */
const filling = shader({ ...wgsl.copy, entry: 'fill' }, { size: 'u32', bits: 'u32' });

/** Copies elements from one strided walk to another. */
export function copyStrided(
  gpu: LaunchContext,
  source: TensorView,
  target: TensorView,
  { extents, from, to }: Omit<StridedCopy, 'input'>,
): void {
  const size = sizeOf(extents);
  if (size === 0) return;
  const { shape, strides } = digitsOf('copy', extents, from.strides, to.strides);
  const isInOrder = size === 1 || (shape.length === 1 && strides.every(([stride]) => stride === 1));
  const HALF = target.dtype === 'float16';
  const fusion = isInOrder && { fusion: { role: 'copy', size, from: from.offset, to: to.offset } as const };
  const walk = { shape, from: strides[0]!, to: strides[1]!, offsets: [from.offset, to.offset] } as const;
  const blocks = blocksOf(walk);
  if (blocks) {
    const { constants, ...uniforms } = blocks;
    gpu.launch({
      shader: byBlocks,
      constants: { WORKGROUP, HALF, ...constants },
      outputs: [target],
      inputs: [source],
      uniforms,
      workgroups: Math.ceil(uniforms.blocks / WORKGROUP),
      ...fusion,
    });
    return;
  }
  const PATCH = gpu.kind === 'gpu' ? 1 : 4;
  const { RANK, ...uniforms } = patchesOf(walk, PATCH);
  gpu.launch({
    shader: byPatches,
    constants: { WORKGROUP, HALF, PATCH, RANK },
    outputs: [target],
    inputs: [source],
    uniforms,
    workgroups: Math.ceil(uniforms.patches / WORKGROUP),
    ...fusion,
  });
}

interface Walk {
  readonly shape: readonly number[];
  /** Strides in the source and in the target. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly offsets: readonly [number, number];
}

/**
 * The walk by blocks of four vec4s: of 4 x 4 elements where different axes are contiguous in the source and in the target,
 * otherwise of four rows, or of sixteen neighbours. Undefined where an axis is no multiple of four, or something else moves an
 * address by less than a vec4.
 */
function blocksOf({ shape, from, to, offsets }: Walk) {
  const [p, q] = [from.indexOf(1), to.indexOf(1)];
  if (p < 0 || q < 0) return undefined;
  const aligned = (strides: readonly number[], own: number) =>
    fours(...strides.filter((_, axis) => axis !== own));
  if (!fours(shape[p]!, shape[q]!, ...offsets) || !aligned(from, p) || !aligned(to, q)) return undefined;
  const TRANSPOSED = p !== q;
  // The axis along which the block's rows lie.
  const rows = TRANSPOSED ? q : shape.findIndex((extent, axis) => axis !== p && fours(extent));
  const ROWS = rows >= 0 || fours(shape[p]! / 4) ? 4 : 1;
  const along = (axis: number) =>
    (axis === p ? 4 : 1) * (axis === rows || (axis === p && rows < 0) ? ROWS : 1);
  const counts = shape.map((extent, axis) => extent / along(axis));
  const strides = (walk: readonly number[]) => walk.map((stride, axis) => (stride * along(axis)) / 4);
  return {
    constants: { RANK: shape.length, TRANSPOSED, ROWS },
    blocks: sizeOf(counts),
    source_offset: offsets[0] / 4,
    target_offset: offsets[1] / 4,
    source_row: rows < 0 ? 1 : from[rows]! / 4,
    target_row: TRANSPOSED ? to[p]! / 4 : rows < 0 ? 1 : to[rows]! / 4,
    axes: axesOf(counts, strides(from), strides(to)),
  };
}

/**
 * The walk by patches of so many elements each way, fewer at the edges: along the axis that is nearest to contiguous in the
 * target, and along the one that is in the source, or the longest of the others where they are the same.
 */
function patchesOf({ shape, from, to, offsets }: Walk, patch: number) {
  const axes = [...shape.keys()];
  const least = (strides: readonly number[]) =>
    axes.reduce((best, axis) => (strides[axis]! < strides[best]! ? axis : best), 0);
  const longest = (among: readonly number[]) =>
    among.reduce<number | undefined>(
      (best, axis) => (best === undefined || shape[axis]! > shape[best]! ? axis : best),
      undefined,
    );
  const x = least(to);
  // A stride of 0, of an axis that is expanded, is near as well.
  const nearest = least(from);
  const y = nearest === x ? longest(axes.filter((axis) => axis !== x)) : nearest;
  const near = (values: readonly number[], otherwise: number) =>
    [values[x] ?? otherwise, y === undefined ? otherwise : values[y]!] as const;
  const extents = near(shape, 1);
  const counts = [Math.ceil(extents[0] / patch), Math.ceil(extents[1] / patch)] as const;
  const others = axes.filter((axis) => axis !== x && axis !== y);
  const of = (values: readonly number[]) => others.map((axis) => values[axis]!);
  return {
    RANK: others.length,
    patches: sizeOf(counts) * sizeOf(of(shape)),
    source_offset: offsets[0],
    target_offset: offsets[1],
    counts,
    extents,
    source_near: near(from, 0),
    target_near: near(to, 0),
    axes: axesOf(of(shape), of(from), of(to)),
  };
}

const fours = (...values: number[]) => values.every((value) => value % 4 === 0);

/** Copies all elements in their order. */
export function copyWhole(gpu: LaunchContext, source: TensorView, target: TensorView): void {
  const inOrder = { offset: 0, strides: [1] };
  copyStrided(gpu, source, target, { extents: [source.size], from: inOrder, to: inOrder });
}

/** Sets every element of a float tensor. */
export function fill(gpu: LaunchContext, output: TensorView, value: number): void {
  gpu.launch({
    shader: filling,
    constants: { WORKGROUP, HALF: output.dtype === 'float16' },
    outputs: [output],
    inputs: [],
    uniforms: { size: output.size, bits: float32Bits(value) },
    workgroups: Math.ceil(output.size / WORKGROUP),
  });
}

const float32Bits = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0]!;
