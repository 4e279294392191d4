import * as wgsl from '@tapegrad/shaders';
import { gatherOps, withoutAxis } from '../ops/gather.ts';
import { broadcastStrides, collapse, type Shape, show } from '../shape.ts';
import { type LoweringOf, shader } from './launch.ts';
import { entered } from './table.ts';

const WORKGROUP = 64;
const MAX_DIGITS = 8;

const gathering = shader(
  { ...wgsl.gather, entry: 'gather' },
  {
    size: 'u32',
    rank: 'u32',
    /** Of the indexed axis. */
    extent: 'u32',
    /** Of the values along the axis. */
    stride: 'u32',
    shape: 'array<vec4u, 2>',
    value_strides: 'array<vec4u, 2>',
    index_strides: 'array<vec4u, 2>',
  },
);

const scattering = shader(
  { ...wgsl.gather, entry: 'scatter_add' },
  {
    size: 'u32',
    rank: 'u32',
    /** Values along the indexed axis, and their stride along it. */
    count: 'u32',
    stride: 'u32',
    index_stride: 'u32',
    shape: 'array<vec4u, 2>',
    value_strides: 'array<vec4u, 2>',
    index_strides: 'array<vec4u, 2>',
    axis_strides: 'array<vec4u, 2>',
  },
);

/** The digits of an output index and the strides along them, as few as the walks allow. */
function digitsOf(op: string, target: Shape, ...walks: (readonly number[])[]) {
  const { shape, strides } = collapse(target, ...walks);
  if (shape.length > MAX_DIGITS)
    throw new Error(`${op}: more than ${MAX_DIGITS} interleaved axes: ${show(target)}`);
  return { rank: shape.length, shape, strides };
}

const gather: LoweringOf<typeof gatherOps.gather> = (gpu, [x, index], { axis }, output) => {
  const at = withoutAxis(x.shape, output.shape, axis);
  const { rank, shape, strides } = digitsOf(
    'gather',
    output.shape,
    at.strides,
    broadcastStrides(index.shape, output.shape),
  );
  gpu.launch({
    shader: gathering,
    constants: { WORKGROUP },
    outputs: [output],
    inputs: [x, index],
    uniforms: {
      size: output.size,
      rank,
      extent: x.shape[axis]!,
      stride: at.stride,
      shape,
      value_strides: strides[0]!,
      index_strides: strides[1]!,
    },
    workgroups: Math.ceil(output.size / WORKGROUP),
  });
};

const scatterAdd: LoweringOf<typeof gatherOps.scatterAdd> = (gpu, [y, index], { axis }, output) => {
  const from = withoutAxis(y.shape, output.shape, axis);
  const at = withoutAxis(index.shape, output.shape, axis);
  // The digit along the axis is the value looked for: a stride of 1 on it alone.
  const own = output.shape.map((_, k) => (k === axis ? 1 : 0));
  const { rank, shape, strides } = digitsOf('scatterAdd', output.shape, from.strides, at.strides, own);
  gpu.launch({
    shader: scattering,
    constants: { WORKGROUP },
    outputs: [output],
    inputs: [y, index],
    uniforms: {
      size: output.size,
      rank,
      count: y.shape[axis]!,
      stride: from.stride,
      index_stride: at.stride,
      shape,
      value_strides: strides[0]!,
      index_strides: strides[1]!,
      axis_strides: strides[2]!,
    },
    workgroups: Math.ceil(output.size / WORKGROUP),
  });
};

export const gathers = entered(gatherOps, { gather, scatterAdd });
