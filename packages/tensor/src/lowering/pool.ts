import * as wgsl from '@tapegrad/shaders';
import type { TensorView } from '../contracts.ts';
import { type PoolAttributes, poolOps } from '../ops/pool.ts';
import { type LaunchContext, type LoweringOf, type Shader, shader } from './launch.ts';
import { entered } from './table.ts';

const WORKGROUP = 64;

const fields = {
  /** Threads, those of a row of the output, and the output's rows and columns. */
  threads: 'u32',
  runs: 'u32',
  extents: 'vec2u',
  /** Rows and columns of the images, and of what they are pooled to. */
  image: 'vec2i',
  pooled: 'vec2i',
  /** Rows and columns of taps. */
  taps: 'vec2i',
  kernel: 'vec2i',
  stride: 'vec2i',
  padding: 'vec2i',
  dilation: 'vec2i',
} as const;
const shaders = {
  maximum: shader({ ...wgsl.pool, entry: 'maximum' }, fields),
  indices: shader({ ...wgsl.pool, entry: 'indices' }, fields),
  gather: shader({ ...wgsl.pool, entry: 'gather' }, fields),
  scatter: shader({ ...wgsl.pool, entry: 'scatter' }, fields),
  average: shader({ ...wgsl.pool, entry: 'average' }, fields),
  spread: shader({ ...wgsl.pool, entry: 'spread' }, fields),
};

type Pair = readonly [number, number];

const extentsOf = ({ shape }: TensorView): [number, number] => [shape[2]!, shape[3]!];

/** Taps that a kernel has written out: small windows wholly, of others some neighbours of a row. */
function written([rows, columns]: Pair) {
  const WHOLE = rows * columns <= 16;
  return { WHOLE, ROWS: WHOLE ? rows : 1, COLUMNS: WHOLE ? columns : Math.min(columns, 8) };
}

/** How many outputs a pixel can reach along each axis. */
const reachOf = (kernel: Pair, stride: Pair, dilation: Pair): Pair => {
  const along = (d: 0 | 1) => Math.floor(((kernel[d] - 1) * dilation[d]) / stride[d]) + 1;
  return [along(0), along(1)];
};

/** A launch that makes the output's elements, a few neighbours of a row by each thread. */
function launch(
  gpu: LaunchContext,
  kernel: Shader<typeof fields>,
  inputs: readonly TensorView[],
  { kernel: window, stride, padding, dilation }: PoolAttributes,
  [image, pooled]: readonly [TensorView, TensorView],
  output: TensorView,
  countPad = false,
): void {
  const taps = output === pooled ? window : reachOf(window, stride, dilation);
  const ITEMS = gpu.kind === 'gpu' ? 1 : 8;
  const [rows, columns] = extentsOf(output);
  const runs = Math.ceil(columns / ITEMS);
  const threads = output.shape[0]! * output.shape[1]! * rows * runs;
  gpu.launch({
    shader: kernel,
    constants: { ...written(taps), WORKGROUP, ITEMS, COUNT_PAD: countPad, FUSED: false },
    ...(output.dtype !== 'int32' && { fusion: { role: 'producer', vectors: false } }),
    outputs: [output],
    inputs,
    uniforms: {
      threads,
      runs,
      extents: [rows, columns],
      image: extentsOf(image),
      pooled: extentsOf(pooled),
      taps,
      kernel: window,
      stride,
      padding,
      dilation,
    },
    workgroups: Math.ceil(threads / WORKGROUP),
  });
}

const maxPool2d: LoweringOf<typeof poolOps.maxPool2d> = (gpu, [x], attributes, y) =>
  launch(gpu, shaders.maximum, [x], attributes, [x, y], y);

const maxPool2dIndices: LoweringOf<typeof poolOps.maxPool2dIndices> = (gpu, [x], attributes, y) =>
  launch(gpu, shaders.indices, [x], attributes, [x, y], y);

const poolGather: LoweringOf<typeof poolOps.poolGather> = (gpu, [x, indices], attributes, y) =>
  launch(gpu, shaders.gather, [x, indices], attributes, [x, y], y);

const poolScatter: LoweringOf<typeof poolOps.poolScatter> = (gpu, [y, indices], attributes, x) =>
  launch(gpu, shaders.scatter, [y, indices], attributes, [x, y], x);

const avgPool2d: LoweringOf<typeof poolOps.avgPool2d> = (gpu, [x], attributes, y) =>
  launch(gpu, shaders.average, [x], attributes, [x, y], y, attributes.countIncludePad);

const avgPool2dGradient: LoweringOf<typeof poolOps.avgPool2dGradient> = (gpu, [y], attributes, x) =>
  launch(gpu, shaders.spread, [y], attributes, [x, y], x, attributes.countIncludePad);

export const pools = entered(poolOps, {
  maxPool2d,
  maxPool2dIndices,
  poolGather,
  poolScatter,
  avgPool2d,
  avgPool2dGradient,
});
