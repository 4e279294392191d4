import { type gatherOps, withoutAxis } from '../ops/gather.ts';
import { broadcastStrides, collapse } from '../shape.ts';
import type { LoweringOf } from './launch.ts';

const WORKGROUP = 64;
const MAX_DIGITS = 8;

function pad(list: readonly number[]): number[] {
  if (list.length > MAX_DIGITS) throw new Error(`gather: more than ${MAX_DIGITS} interleaved axes`);
  return [...list, ...new Array(MAX_DIGITS - list.length).fill(0)];
}

export const gather: LoweringOf<typeof gatherOps.gather> = (gpu, [x, index], { axis }, output) => {
  const at = withoutAxis(x.shape, output.shape, axis);
  const { shape, strides } = collapse(output.shape, at.strides, broadcastStrides(index.shape, output.shape));
  gpu.launch({
    shader: 'gather',
    entry: 'gather',
    constants: { WORKGROUP },
    outputs: [output],
    inputs: [x, index],
    uniforms: [
      ...[output.size, shape.length, x.shape[axis]!, at.stride, 0, 0, 0, 0],
      ...[...pad(shape), ...pad(strides[0]!), ...pad(strides[1]!), ...pad([])],
    ],
    workgroups: Math.ceil(output.size / WORKGROUP),
  });
};

export const scatterAdd: LoweringOf<typeof gatherOps.scatterAdd> = (
  gpu,
  [y, index],
  { axis, extent },
  output,
) => {
  const from = withoutAxis(y.shape, output.shape, axis);
  const at = withoutAxis(index.shape, output.shape, axis);
  // The digit along the axis is the value looked for: a stride of 1 on it alone.
  const own = output.shape.map((_, k) => (k === axis ? 1 : 0));
  const { shape, strides } = collapse(output.shape, from.strides, at.strides, own);
  gpu.launch({
    shader: 'gather',
    entry: 'scatter_add',
    constants: { WORKGROUP },
    outputs: [output],
    inputs: [y, index],
    uniforms: [
      ...[output.size, shape.length, extent, from.stride, y.shape[axis]!, at.stride, 0, 0],
      ...[...pad(shape), ...pad(strides[0]!), ...pad(strides[1]!), ...pad(strides[2]!)],
    ],
    workgroups: Math.ceil(output.size / WORKGROUP),
  });
};
