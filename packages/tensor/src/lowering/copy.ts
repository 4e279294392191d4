import type { TensorView } from '../contracts.ts';
import type { StridedCopy } from '../ops/movement.ts';
import { collapse, show, sizeOf } from '../shape.ts';
import type { LaunchContext } from './launch.ts';

const WORKGROUP = 64;
const MAX_DIGITS = 8;

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
  const pad = (list: readonly number[]) => [...list, ...new Array(MAX_DIGITS - list.length).fill(0)];
  gpu.launch({
    shader: 'copy',
    constants: { WORKGROUP, HALF: target.dtype === 'float16' },
    outputs: [target],
    inputs: [source],
    uniforms: [
      size,
      shape.length,
      from.offset,
      to.offset,
      ...pad(shape),
      ...pad(strides[0]!),
      ...pad(strides[1]!),
    ],
    workgroups: Math.ceil(size / WORKGROUP),
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
    shader: 'copy',
    entry: 'fill',
    constants: { WORKGROUP, HALF: output.dtype === 'float16' },
    outputs: [output],
    inputs: [],
    uniforms: [output.size, new Uint32Array(Float32Array.of(value).buffer)[0]!, 0, 0],
    workgroups: Math.ceil(output.size / WORKGROUP),
  });
}
