import { convOps, extentsOf } from '../ops/conv.ts';
import { contract } from './contraction/contract.ts';
import { contractInputGradient } from './contraction/phases.ts';
import { enterVariants } from './contraction/table.ts';
import { windowVariants } from './contraction/windows.ts';
import type { LoweringOf } from './launch.ts';
import { entered } from './table.ts';

/* Convolution and its gradients as contractions, of which a batch counts the groups; see `Contraction`. */

const conv2d: LoweringOf<typeof convOps.conv2d> = (gpu, [x, w], { stride, padding, dilation }, y) => {
  const { N, C, H, W, O, KH, KW, OH, OW, groups, CG, OG } = extentsOf(x.shape, w.shape, y.shape);
  contract(
    gpu,
    {
      batch: groups,
      rows: OG,
      columns: [N, OH, OW],
      sums: [CG, KH, KW],
      a: { offset: 0, batch: OG * CG * KH * KW, row: CG * KH * KW, sums: [KH * KW, KW, 1] },
      b: {
        offset: 0,
        batch: CG * H * W,
        d0: C * H * W,
        i0: H * W,
        h: { start: -padding[0], column: stride[0], sum: dilation[0], extent: H, stride: W },
        w: { start: -padding[1], column: stride[1], sum: dilation[1], extent: W, stride: 1 },
      },
      c: { offset: 0, batch: OG * OH * OW, row: OH * OW, columns: [O * OH * OW, OW, 1] },
      padded: padding[0] + padding[1] > 0,
    },
    [w, x, y],
  );
};

const conv2dInputGradient: LoweringOf<typeof convOps.conv2dInputGradient> = (gpu, [y, w], attributes, x) =>
  contractInputGradient(gpu, attributes, [w, y, x]);

const conv2dWeightGradient: LoweringOf<typeof convOps.conv2dWeightGradient> = (
  gpu,
  [x, y],
  { stride, padding, dilation },
  w,
) => {
  const { N, C, H, W, O, KH, KW, OH, OW, groups, CG, OG } = extentsOf(x.shape, w.shape, y.shape);
  contract(
    gpu,
    {
      batch: groups,
      rows: OG,
      columns: [CG, KH, KW],
      sums: [N, OH, OW],
      a: { offset: 0, batch: OG * OH * OW, row: OH * OW, sums: [O * OH * OW, OW, 1] },
      b: {
        offset: 0,
        batch: CG * H * W,
        d0: H * W,
        i0: C * H * W,
        h: { start: -padding[0], column: dilation[0], sum: stride[0], extent: H, stride: W },
        w: { start: -padding[1], column: dilation[1], sum: stride[1], extent: W, stride: 1 },
      },
      c: { offset: 0, batch: OG * CG * KH * KW, row: CG * KH * KW, columns: [KH * KW, KW, 1] },
      padded: padding[0] + padding[1] > 0,
    },
    [y, x, w],
  );
};

enterVariants(windowVariants);

export const convolutions = entered(convOps, { conv2d, conv2dInputGradient, conv2dWeightGradient });
