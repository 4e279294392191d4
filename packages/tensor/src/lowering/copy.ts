import type { TensorView } from '../contracts.ts';
import type { StridedCopy } from '../ops/movement.ts';
import { collapse, show, sizeOf } from '../shape.ts';
import { type LaunchContext, shader } from './launch.ts';

const WORKGROUP = 64;
const MAX_DIGITS = 8;

const strided = shader('copy', {
  size: 'u32',
  rank: 'u32',
  source_offset: 'u32',
  target_offset: 'u32',
  shape: 'array<vec4u, 2>',
  source_strides: 'array<vec4u, 2>',
  target_strides: 'array<vec4u, 2>',
});

/** The value's bits: a compiler may take a float32 for finite. */
const filling = shader('copy.fill', { size: 'u32', bits: 'u32' });

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
  gpu.launch({
    shader: strided,
    constants: { WORKGROUP, HALF: target.dtype === 'float16' },
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
    ...(isInOrder && { fusion: { role: 'copy', size, from: from.offset, to: to.offset } }),
  });
}

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
