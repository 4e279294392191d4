import * as wgsl from '@tapegrad/shaders';
import type { TensorView } from '../contracts.ts';
import type { StridedCopy } from '../ops/movement.ts';
import { collapse, show, sizeOf } from '../shape.ts';
import { type LaunchContext, shader } from './launch.ts';

const WORKGROUP = 64;
const MAX_DIGITS = 8;

const strided = shader(wgsl.copy, {
  size: 'u32',
  rank: 'u32',
  source_offset: 'u32',
  target_offset: 'u32',
  shape: 'array<vec4u, 2>',
  source_strides: 'array<vec4u, 2>',
  target_strides: 'array<vec4u, 2>',
});

const byBlocks = shader(
  { ...wgsl.copy, entry: 'blocks' },
  {
    blocks: 'u32',
    source_offset: 'u32',
    target_offset: 'u32',
    source_row: 'u32',
    target_row: 'u32',
    shape: 'array<vec4u, 2>',
    source_strides: 'array<vec4u, 2>',
    target_strides: 'array<vec4u, 2>',
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
  const { shape, strides } = collapse(extents, from.strides, to.strides);
  if (shape.length > MAX_DIGITS)
    throw new Error(`copy: more than ${MAX_DIGITS} interleaved axes: ${show(extents)}`);
  const isInOrder = size === 1 || (shape.length === 1 && strides.every(([stride]) => stride === 1));
  const HALF = target.dtype === 'float16';
  const fusion = isInOrder && { fusion: { role: 'copy', size, from: from.offset, to: to.offset } as const };
  const blocks = blocksOf({ shape, from: strides[0]!, to: strides[1]!, offsets: [from.offset, to.offset] });
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
  gpu.launch({
    shader: strided,
    constants: { WORKGROUP, HALF },
    outputs: [target],
    inputs: [source],
    uniforms: {
      size,
      rank: shape.length,
      source_offset: from.offset,
      target_offset: to.offset,
      shape,
      source_strides: strides[0]!,
      target_strides: strides[1]!,
    },
    workgroups: Math.ceil(size / WORKGROUP),
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
    shape: counts,
    source_strides: strides(from),
    target_strides: strides(to),
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
