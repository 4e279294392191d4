import type { Op, TensorView } from '../contracts.ts';
import { floatType } from '../dtype.ts';
import { type Shape, show } from '../shape.ts';
import { type Contraction, contract, makesPhasesInBands } from '../webgpu/contraction.ts';
import type { LaunchContext } from '../webgpu/kernels.ts';

/** Pairs are (height, width). */
export interface ConvAttributes {
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
}

/** What neither gradient can tell from its operands: the image's, or the kernel's, extents. */
export interface ConvGradientAttributes extends ConvAttributes {
  readonly size: readonly [number, number];
}

type Pair = readonly [number, number];

/** Extents of a convolution's output: ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1. */
export function convOutputSize(
  size: Pair,
  kernel: Pair,
  { stride, padding, dilation }: ConvAttributes,
): [number, number] {
  const along = (d: 0 | 1) =>
    Math.floor((size[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d]) + 1;
  return [along(0), along(1)];
}

const pairOf = (shape: Shape): [number, number] => [shape[2]!, shape[3]!];

/** Checks what all three share, and returns their type. */
function checkOperands(
  op: string,
  [x, w]: readonly TensorView[],
  attributes: ConvAttributes,
  seen: string,
): 'float32' | 'float16' {
  const dtype = floatType(op, [x!, w!]);
  if (x!.rank !== 4 || w!.rank !== 4) throw new Error(`${op}: expects NCHW images and OIHW weights: ${seen}`);
  const whole = (pair: Pair, least: number) => pair.every((v) => Number.isInteger(v) && v >= least);
  if (!whole(attributes.stride, 1) || !whole(attributes.dilation, 1) || !whole(attributes.padding, 0)) {
    throw new Error(
      `${op}: stride and dilation are whole numbers from 1, padding from 0: stride ${show(attributes.stride)}, ` +
        `dilation ${show(attributes.dilation)}, padding ${show(attributes.padding)}`,
    );
  }
  return dtype;
}

/** One multiply-add of a convolution: positions in the image x [N, C, H, W], kernel w [O, C, kh, kw] and y [N, O, oh, ow]. */
type Visit = (x: number, w: number, y: number) => void;

/** Every (image, weight, output) triple that a convolution multiplies: the definition all three references share. */
function walk(
  x: Shape,
  w: Shape,
  y: Shape,
  { stride, padding, dilation }: ConvAttributes,
  visit: Visit,
): void {
  const [N, C, H, W] = x as [number, number, number, number];
  const [O, , KH, KW] = w as [number, number, number, number];
  const [, , OH, OW] = y as [number, number, number, number];
  for (let n = 0; n < N; n++)
    for (let o = 0; o < O; o++)
      for (let oh = 0; oh < OH; oh++)
        for (let ow = 0; ow < OW; ow++)
          for (let c = 0; c < C; c++)
            for (let kh = 0; kh < KH; kh++)
              for (let kw = 0; kw < KW; kw++) {
                const h = oh * stride[0] - padding[0] + kh * dilation[0];
                const v = ow * stride[1] - padding[1] + kw * dilation[1];
                if (h < 0 || h >= H || v < 0 || v >= W) continue;
                visit(
                  ((n * C + c) * H + h) * W + v,
                  ((o * C + c) * KH + kh) * KW + kw,
                  ((n * O + o) * OH + oh) * OW + ow,
                );
              }
}

/** conv2d(x [N, C, H, W], w [O, C, kh, kw]) → [N, O, oh, ow]; cross-correlation, as everywhere in deep learning. */
const conv2d: Op<ConvAttributes> = {
  name: 'conv2d',
  infer([x, w], attributes) {
    const seen = `${show(x!.shape)} with weights ${show(w!.shape)}`;
    const dtype = checkOperands('conv2d', [x!, w!], attributes, seen);
    if (x!.shape[1] !== w!.shape[1]) {
      throw new Error(`conv2d: images have ${x!.shape[1]} channels, weights expect ${w!.shape[1]}: ${seen}`);
    }
    const size = convOutputSize(pairOf(x!.shape), pairOf(w!.shape), attributes);
    if (size.some((extent) => extent < 1)) {
      throw new Error(
        `conv2d: the kernel is larger than the padded image: ${seen}, padding ${show(attributes.padding)}`,
      );
    }
    return { shape: [x!.shape[0]!, w!.shape[0]!, ...size], dtype };
  },
  reference([x, w], attributes, y) {
    walk(x!.shape, w!.shape, y.shape, attributes, (i, j, k) => {
      y.data[k]! += x!.data[i]! * w!.data[j]!;
    });
  },
  kernel(gpu, [x, w], { stride, padding, dilation }, y) {
    const [N, C, H, W] = x!.shape as [number, number, number, number];
    const [O, , KH, KW] = w!.shape as [number, number, number, number];
    const [, , OH, OW] = y.shape as [number, number, number, number];
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
      w!,
      x!,
      y,
    );
  },
};

/**
 * The gradient of conv2d for its image: (y [N, O, oh, ow], w [O, C, kh, kw]) → [N, C, ...size]. It is also transposed
 * convolution, whose weights PyTorch stores as [in = O, out = C, kh, kw].
 */
const conv2dInputGradient: Op<ConvGradientAttributes> = {
  name: 'conv2dInputGradient',
  infer([y, w], attributes) {
    const seen = `${show(y!.shape)} with weights ${show(w!.shape)}, size ${show(attributes.size)}`;
    const dtype = checkOperands('convTranspose2d', [y!, w!], attributes, seen);
    if (y!.shape[1] !== w!.shape[0]) {
      throw new Error(
        `convTranspose2d: images have ${y!.shape[1]} channels, weights expect ${w!.shape[0]}: ${seen}`,
      );
    }
    const back = convOutputSize(attributes.size, pairOf(w!.shape), attributes);
    if (back[0] !== y!.shape[2] || back[1] !== y!.shape[3] || attributes.size.some((extent) => extent < 1)) {
      throw new Error(`convTranspose2d: the output size does not belong to these images: ${seen}`);
    }
    return { shape: [y!.shape[0]!, w!.shape[1]!, ...attributes.size], dtype };
  },
  reference([y, w], attributes, x) {
    walk(x.shape, w!.shape, y!.shape, attributes, (i, j, k) => {
      x.data[i]! += y!.data[k]! * w!.data[j]!;
    });
  },
  kernel(gpu, [y, w], attributes, x) {
    // Pixels whose coordinate has the same remainder by the stride see the same taps: each such phase is a dense
    // contraction, and no zeros are inserted or multiplied.
    const { stride, padding, dilation } = attributes;
    const [N, C, H, W] = x.shape as [number, number, number, number];
    const [O, , KH, KW] = w!.shape as [number, number, number, number];
    const [, , OH, OW] = y!.shape as [number, number, number, number];
    const phases = stride[0] * stride[1];
    const even = H % stride[0] === 0 && W % stride[1] === 0;
    const along = (r: number, d: 0 | 1) =>
      phase(r, [H, W][d]!, [KH, KW][d]!, stride[d], padding[d], dilation[d]);
    const all = ([0, 1] as const).map((d) =>
      Array.from({ length: Math.min(stride[d], [H, W][d]!) }, (_, r) => along(r, d)),
    ) as [Phase[], Phase[]];
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
      mergedPhases(gpu, y!, w!, attributes, x);
    } else if (together) {
      contract(gpu, together, w!, y!, x);
    } else {
      for (const r0 of all[0].keys())
        for (const r1 of all[1].keys()) contract(gpu, taskOf(r0, r1), w!, y!, x);
    }
  },
};

type Phase = ReturnType<typeof phase>;

/** By what the first tap and the start grow from phase to phase, if all are alike and grow evenly. */
function stepsOf(phases: readonly Phase[]): Pick<Phase, 'firstTap' | 'start'> | undefined {
  const [first, second] = phases as [Phase, Phase | undefined];
  const firstTap = second ? second.firstTap - first.firstTap : 0;
  const start = second ? second.start - first.start : 0;
  const alike = phases.every(
    (one, r) =>
      one.taps > 0 &&
      one.taps === first.taps &&
      one.pixels === first.pixels &&
      one.firstTap === first.firstTap + r * firstTap &&
      one.start === first.start + r * start,
  );
  return alike ? { firstTap, start } : undefined;
}

/**
 * Along one axis, the pixels i ≡ r (mod stride) of the image, and the taps k that reach them: those with
 * i + padding − k·dilation divisible by the stride, namely firstTap, firstTap + tapStep, …; pixel number q meets tap
 * number t at output start + q + t·move.
 */
function phase(r: number, extent: number, kernel: number, stride: number, padding: number, dilation: number) {
  const tapStep = stride / gcd(stride, dilation);
  let firstTap = 0;
  while (firstTap < tapStep && (r + padding - firstTap * dilation) % stride !== 0) firstTap++;
  const reached = firstTap < Math.min(tapStep, kernel);
  return {
    pixels: Math.ceil((extent - r) / stride),
    taps: reached ? Math.ceil((kernel - firstTap) / tapStep) : 0,
    firstTap: reached ? firstTap : 0,
    tapStep,
    start: reached ? (r + padding - firstTap * dilation) / stride : 0,
    move: -(tapStep * dilation) / stride,
  };
}

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
  const [N, C, H, W] = x.shape as [number, number, number, number];
  const [O, , KH, KW] = w.shape as [number, number, number, number];
  const [, , OH, OW] = y.shape as [number, number, number, number];
  /** First and number of the outputs, counted from q, that pixels stride·q + r see for any r. */
  const seen = (d: 0 | 1, kernel: number) => {
    const first = Math.ceil((padding[d] - kernel + 1) / stride[d]);
    return [first, Math.floor((stride[d] - 1 + padding[d]) / stride[d]) - first + 1] as const;
  };
  const [[first0, T0], [first1, T1]] = [seen(0, KH), seen(1, KW)];
  const merged = gpu.scratch('float32', C * stride[0] * stride[1] * O * T0 * T1);
  gpu.launch({
    shader: 'merge_phases',
    constants: { WORKGROUP: 64 },
    outputs: [merged],
    inputs: [w],
    uniforms: [merged.size, O, C, 0, KH, KW, ...stride, ...padding, first0, first1, T0, T1],
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

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** The gradient of conv2d for its weights: (x [N, C, H, W], y [N, O, oh, ow]) → [O, C, ...size]. */
const conv2dWeightGradient: Op<ConvGradientAttributes> = {
  name: 'conv2dWeightGradient',
  infer([x, y], attributes) {
    const seen = `${show(x!.shape)} and ${show(y!.shape)}, kernel ${show(attributes.size)}`;
    const dtype = checkOperands('conv2dWeightGradient', [x!, y!], attributes, seen);
    const size = convOutputSize(pairOf(x!.shape), attributes.size, attributes);
    if (x!.shape[0] !== y!.shape[0] || size[0] !== y!.shape[2] || size[1] !== y!.shape[3]) {
      throw new Error(`conv2dWeightGradient: images and output gradients do not belong together: ${seen}`);
    }
    return { shape: [y!.shape[1]!, x!.shape[1]!, ...attributes.size], dtype };
  },
  reference([x, y], attributes, w) {
    walk(x!.shape, w.shape, y!.shape, attributes, (i, j, k) => {
      w.data[j]! += x!.data[i]! * y!.data[k]!;
    });
  },
  kernel(gpu, [x, y], { stride, padding, dilation }, w) {
    const [N, C, H, W] = x!.shape as [number, number, number, number];
    const [O, , KH, KW] = w.shape as [number, number, number, number];
    const [, , OH, OW] = y!.shape as [number, number, number, number];
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
      y!,
      x!,
      w,
    );
  },
};

export const convOps = { conv2d, conv2dInputGradient, conv2dWeightGradient };
