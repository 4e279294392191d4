import * as wgsl from '@tapegrad/shaders';
import { gatherOps, withoutAxis } from '../ops/gather.ts';
import { broadcastStrides } from '../shape.ts';
import { axesOf, digitFields, digitsOf } from './digits.ts';
import { type LoweringOf, shader } from './launch.ts';
import { entered } from './table.ts';

const WORKGROUP = 64;

const gathering = shader(
  { ...wgsl.gather, entry: 'gather' },
  {
    size: 'u32',
    /** Of the indexed axis. */
    extent: 'u32',
    /** Of the values along the axis. */
    stride: 'u32',
    ...digitFields,
  },
);

const scattering = shader(
  { ...wgsl.gather, entry: 'scatter_add' },
  {
    size: 'u32',
    /** Values along the indexed axis, and their stride along it. */
    count: 'u32',
    stride: 'u32',
    index_stride: 'u32',
    ...digitFields,
  },
);

const gather: LoweringOf<typeof gatherOps.gather> = (gpu, [x, index], { axis }, output) => {
  const at = withoutAxis(x.shape, output.shape, axis);
  const { shape, strides } = digitsOf(
    'gather',
    output.shape,
    at.strides,
    broadcastStrides(index.shape, output.shape),
  );
  const ITEMS = gpu.kind === 'gpu' ? 1 : 4;
  gpu.launch({
    shader: gathering,
    constants: { WORKGROUP, ITEMS, RANK: shape.length },
    outputs: [output],
    inputs: [x, index],
    uniforms: {
      size: output.size,
      extent: x.shape[axis]!,
      stride: at.stride,
      axes: axesOf(shape, ...strides),
    },
    workgroups: Math.ceil(output.size / (WORKGROUP * ITEMS)),
  });
};

const scatterAdd: LoweringOf<typeof gatherOps.scatterAdd> = (gpu, [y, index], { axis }, output) => {
  const from = withoutAxis(y.shape, output.shape, axis);
  const at = withoutAxis(index.shape, output.shape, axis);
  // The digit along the axis is the value looked for: a stride of 1 on it alone.
  const own = output.shape.map((_, k) => (k === axis ? 1 : 0));
  const { shape, strides } = digitsOf('scatterAdd', output.shape, from.strides, at.strides, own);
  gpu.launch({
    shader: scattering,
    constants: { WORKGROUP, RANK: shape.length },
    outputs: [output],
    inputs: [y, index],
    uniforms: {
      size: output.size,
      count: y.shape[axis]!,
      stride: from.stride,
      index_stride: at.stride,
      axes: axesOf(shape, ...strides),
    },
    workgroups: Math.ceil(output.size / WORKGROUP),
  });
};

export const gathers = entered(gatherOps, { gather, scatterAdd });
