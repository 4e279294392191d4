import * as wgsl from '@tapegrad/shaders';
import type { TensorView } from '../../contracts.ts';
import { type ConvAttributes, extentsOf } from '../../ops/conv.ts';
import { type AdapterKind, type LaunchContext, shader } from '../launch.ts';
import { phasesOf, stepsOf } from '../stride-phases.ts';
import { bands } from './bands.ts';
import { contract } from './contract.ts';
import { type Contraction, type Operands, taskOf } from './task.ts';
import type { Adapter } from './variant.ts';

/*
 * The input gradient of a strided convolution: a dense contraction for each stride phase (`stride-phases.ts`). How the
 * phases become launches depends on the adapter.
 */

/** The weights [O, C, kh, kw], y's gradient [N, O, oh, ow], and x's [N, C, H, W]. */
type GradientOperands = readonly [w: TensorView, y: TensorView, x: TensorView];

/** What the gradient may become, as far as it can. */
interface Forms {
  /** All phases in one launch, counted by a grid, where they are alike. */
  readonly together?: Contraction;
  /** For few channels, all phases in one contraction with weights that are rearranged for it. */
  readonly merged?: () => void;
  /** A launch a phase. */
  readonly each: () => void;
}

type Form = readonly [
  keyof Forms,
  when?: (task: Contraction, adapter: Adapter, operands: Operands) => boolean,
];

const fitsBands = (task: Contraction, adapter: Adapter, operands: Operands) =>
  bands.plan(taskOf(task, operands), adapter) !== undefined;

/** By what was measured: see docs/performance.md. A GPU has threads enough to load what merged phases spare. */
const preferences: Record<AdapterKind, readonly Form[]> = {
  gpu: [['together'], ['each']],
  lavapipe: [['together', fitsBands], ['merged'], ['together'], ['each']],
  swiftshader: [['merged'], ['together'], ['each']],
};

/** Queues the launches of an input gradient, reading the weights and y's gradient and writing x's. */
export function contractInputGradient(
  gpu: LaunchContext,
  attributes: ConvAttributes,
  operands: GradientOperands,
): void {
  const forms = formsOf(gpu, attributes, operands);
  for (const [form, when] of preferences[gpu.kind]) {
    if (form === 'together') {
      const { together } = forms;
      if (!together || (when && !when(together, gpu, operands))) continue;
      contract(gpu, together, operands);
      return;
    }
    if (!forms[form]) continue;
    forms[form]();
    return;
  }
}

function formsOf(gpu: LaunchContext, attributes: ConvAttributes, operands: GradientOperands): Forms {
  const { stride, padding, dilation } = attributes;
  const [w, y, x] = operands;
  const { N, C, H, W, O, KH, KW, OH, OW, groups, CG, OG } = extentsOf(x.shape, w.shape, y.shape);
  const phases = stride[0] * stride[1];
  const even = H % stride[0] === 0 && W % stride[1] === 0;
  const all = [
    phasesOf(H, KH, stride[0], padding[0], dilation[0]),
    phasesOf(W, KW, stride[1], padding[1], dilation[1]),
  ] as const;
  const taskFor = (r0: number, r1: number, grid?: Contraction['grid']): Contraction => {
    const [h, v] = [all[0][r0]!, all[1][r1]!];
    /** From group to group. */
    const apart = (elements: number) => (grid ? 0 : elements);
    return {
      batch: grid ? phases : groups,
      rows: CG,
      columns: [N, h.pixels, v.pixels],
      sums: [OG, h.taps, v.taps],
      a: {
        offset: h.firstTap * KW + v.firstTap,
        batch: apart(OG * CG * KH * KW),
        row: KH * KW,
        sums: [CG * KH * KW, h.tapStep * KW, v.tapStep],
      },
      b: {
        offset: 0,
        batch: apart(OG * OH * OW),
        d0: O * OH * OW,
        i0: OH * OW,
        h: { start: h.start, column: 1, sum: h.move, extent: OH, stride: OW },
        w: { start: v.start, column: 1, sum: v.move, extent: OW, stride: 1 },
      },
      c: {
        offset: r0 * W + r1,
        batch: apart(CG * H * W),
        row: H * W,
        columns: [C * H * W, stride[0] * W, stride[1]],
      },
      padded: true,
      ...(grid && { grid }),
    };
  };
  // Phases of the same extents that follow from each other by additions are one launch: a batch counts them, if not groups.
  const [steps0, steps1] = [stepsOf(all[0]), stepsOf(all[1])];
  const alike = phases > 1 && groups === 1 && even && steps0 && steps1;
  const few = phases > 1 && groups === 1 && C * phases <= 8 && even && dilation[0] * dilation[1] === 1;
  return {
    ...(alike && {
      together: taskFor(0, 0, {
        counts: stride,
        a: [steps0.firstTap * KW, steps1.firstTap],
        starts: [steps0.start, steps1.start],
        c: [W, 1],
      }),
    }),
    ...(few && { merged: () => contractMerged(gpu, attributes, operands) }),
    each() {
      for (const r0 of all[0].keys())
        for (const r1 of all[1].keys()) contract(gpu, taskFor(r0, r1), operands);
    },
  };
}

const merging = shader(wgsl.mergePhases, {
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
 * All phases in one contraction: its rows are (channel, phase), each with the taps of all phases, some of them 0. For one
 * channel that is 9/4 of the multiplications, but 9/16 of the loads, and on a processor without many threads the loads
 * take the time.
 */
function contractMerged(
  gpu: LaunchContext,
  { stride, padding }: ConvAttributes,
  [w, y, x]: GradientOperands,
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
  const task: Contraction = {
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
  };
  contract(gpu, task, [merged, y, x]);
}
