import type { TensorView } from '../contracts.ts';
import { type ConvGradientAttributes, type convOps, extentsOf } from '../ops/conv.ts';
import { type Contraction, contract, makesPhasesInBands } from '../webgpu/contraction.ts';
import { type LaunchContext, type LoweringOf, shader } from './launch.ts';
import { phasesOf, stepsOf } from './stride-phases.ts';

/* Convolution and its gradients as contractions; see `Contraction`. */

export const conv2d: LoweringOf<typeof convOps.conv2d> = (gpu, [x, w], { stride, padding, dilation }, y) => {
  const { N, C, H, W, O, KH, KW, OH, OW } = extentsOf(x.shape, w.shape, y.shape);
  contract(
    gpu,
    {
      batch: 1,
      rows: O,
      columns: [N, OH, OW],
      sums: [C, KH, KW],
      a: { offset: 0, batch: 0, row: C * KH * KW, sums: [KH * KW, KW, 1] },
      b: {
        offset: 0,
        batch: 0,
        d0: C * H * W,
        i0: H * W,
        h: { start: -padding[0], column: stride[0], sum: dilation[0], extent: H, stride: W },
        w: { start: -padding[1], column: stride[1], sum: dilation[1], extent: W, stride: 1 },
      },
      c: { offset: 0, batch: 0, row: OH * OW, columns: [O * OH * OW, OW, 1] },
      padded: padding[0] + padding[1] > 0,
    },
    w,
    x,
    y,
  );
};

export const conv2dInputGradient: LoweringOf<typeof convOps.conv2dInputGradient> = (
  gpu,
  [y, w],
  attributes,
  x,
) => {
  const { stride, padding, dilation } = attributes;
  const { N, C, H, W, O, KH, KW, OH, OW } = extentsOf(x.shape, w.shape, y.shape);
  const phases = stride[0] * stride[1];
  const even = H % stride[0] === 0 && W % stride[1] === 0;
  const all = [
    phasesOf(H, KH, stride[0], padding[0], dilation[0]),
    phasesOf(W, KW, stride[1], padding[1], dilation[1]),
  ] as const;
  const taskOf = (r0: number, r1: number, grid?: Contraction['grid']): Contraction => {
    const [h, v] = [all[0][r0]!, all[1][r1]!];
    return {
      batch: grid ? phases : 1,
      rows: C,
      columns: [N, h.pixels, v.pixels],
      sums: [O, h.taps, v.taps],
      a: {
        offset: h.firstTap * KW + v.firstTap,
        batch: 0,
        row: KH * KW,
        sums: [C * KH * KW, h.tapStep * KW, v.tapStep],
      },
      b: {
        offset: 0,
        batch: 0,
        d0: O * OH * OW,
        i0: OH * OW,
        h: { start: h.start, column: 1, sum: h.move, extent: OH, stride: OW },
        w: { start: v.start, column: 1, sum: v.move, extent: OW, stride: 1 },
      },
      c: { offset: r0 * W + r1, batch: 0, row: H * W, columns: [C * H * W, stride[0] * W, stride[1]] },
      padded: true,
      ...(grid && { grid }),
    };
  };
  // Phases of the same extents that follow from each other by additions are one launch.
  const [steps0, steps1] = [stepsOf(all[0]), stepsOf(all[1])];
  const together =
    phases > 1 && even && steps0 && steps1
      ? taskOf(0, 0, {
          counts: stride,
          a: [steps0.firstTap * KW, steps1.firstTap],
          starts: [steps0.start, steps1.start],
          c: [W, 1],
        })
      : undefined;
  const few = phases > 1 && C * phases <= 8 && even && dilation[0] * dilation[1] === 1;
  if (gpu.kind !== 'gpu' && few && !(together && makesPhasesInBands(gpu, together))) {
    mergedPhases(gpu, y, w, attributes, x);
  } else if (together) {
    contract(gpu, together, w, y, x);
  } else {
    for (const r0 of all[0].keys()) for (const r1 of all[1].keys()) contract(gpu, taskOf(r0, r1), w, y, x);
  }
};

const merging = shader('merge_phases', {
  size: 'u32',
  outputs: 'u32',
  channels: 'u32',
  kernel: 'vec2u',
  stride: 'vec2u',
  padding: 'vec2i',
  first: 'vec2i',
  taps: 'vec2u',
});

/**
 * The input gradient for few channels, all phases in one contraction: its rows are (channel, phase), each with the
 * taps of all phases, some of them 0. For one channel that is 9/4 of the multiplications, but 9/16 of the loads, and
 * on a processor without many threads the loads take the time.
 */
function mergedPhases(
  gpu: LaunchContext,
  y: TensorView,
  w: TensorView,
  { stride, padding }: ConvGradientAttributes,
  x: TensorView,
): void {
  const { N, C, H, W, O, KH, KW, OH, OW } = extentsOf(x.shape, w.shape, y.shape);
  /** First and number of the outputs, counted from q, that pixels stride·q + r see for any r. */
  const seen = (d: 0 | 1, kernel: number) => {
    const first = Math.ceil((padding[d] - kernel + 1) / stride[d]);
    return [first, Math.floor((stride[d] - 1 + padding[d]) / stride[d]) - first + 1] as const;
  };
  const [[first0, T0], [first1, T1]] = [seen(0, KH), seen(1, KW)];
  const merged = gpu.scratch('float32', C * stride[0] * stride[1] * O * T0 * T1);
  gpu.launch({
    shader: merging,
    constants: { WORKGROUP: 64 },
    outputs: [merged],
    inputs: [w],
    uniforms: {
      size: merged.size,
      outputs: O,
      channels: C,
      kernel: [KH, KW],
      stride,
      padding,
      first: [first0, first1],
      taps: [T0, T1],
    },
    workgroups: Math.ceil(merged.size / 64),
  });
  contract(
    gpu,
    {
      batch: 1,
      rows: C * stride[0] * stride[1],
      columns: [N, H / stride[0], W / stride[1]],
      sums: [O, T0, T1],
      a: { offset: 0, batch: 0, row: O * T0 * T1, sums: [T0 * T1, T1, 1] },
      b: {
        offset: 0,
        batch: 0,
        d0: O * OH * OW,
        i0: OH * OW,
        h: { start: first0, column: 1, sum: 1, extent: OH, stride: OW },
        w: { start: first1, column: 1, sum: 1, extent: OW, stride: 1 },
      },
      c: { offset: 0, batch: 0, row: H * W, columns: [C * H * W, stride[0] * W, stride[1]] },
      phases: { counts: stride, strides: [W, 1] },
      padded: true,
    },
    merged,
    y,
    x,
  );
}

export const conv2dWeightGradient: LoweringOf<typeof convOps.conv2dWeightGradient> = (
  gpu,
  [x, y],
  { stride, padding, dilation },
  w,
) => {
  const { N, C, H, W, O, KH, KW, OH, OW } = extentsOf(x.shape, w.shape, y.shape);
  contract(
    gpu,
    {
      batch: 1,
      rows: O,
      columns: [C, KH, KW],
      sums: [N, OH, OW],
      a: { offset: 0, batch: 0, row: OH * OW, sums: [O * OH * OW, OW, 1] },
      b: {
        offset: 0,
        batch: 0,
        d0: H * W,
        i0: C * H * W,
        h: { start: -padding[0], column: dilation[0], sum: stride[0], extent: H, stride: W },
        w: { start: -padding[1], column: dilation[1], sum: stride[1], extent: W, stride: 1 },
      },
      c: { offset: 0, batch: 0, row: C * KH * KW, columns: [KH * KW, KW, 1] },
      padded: true,
    },
    y,
    x,
    w,
  );
};
