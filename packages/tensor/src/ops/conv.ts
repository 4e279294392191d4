import type { Op, TensorView } from '../contracts.ts';
import { described } from '../described.ts';
import { floatType } from '../dtype.ts';
import { type Shape, show } from '../shape.ts';

/** Pairs are (height, width). */
export interface ConvAttributes {
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  /**
   * Into how many groups the channels of images and outputs are cut, each convolved by itself. Default 1. The weights then
   * have the input channels of one group: [O, C / groups, kh, kw].
   */
  readonly groups?: number;
}

/** What neither gradient can tell from its operands: the image's, or the kernel's, extents. */
export interface ConvGradientAttributes extends ConvAttributes {
  readonly size: readonly [number, number];
}

type Pair = readonly [number, number];
type Two = readonly [TensorView, TensorView];

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
  [x, w]: Two,
  attributes: ConvAttributes,
  seen: string,
): 'float32' | 'float16' {
  const dtype = floatType(op, [x, w]);
  if (x.rank !== 4 || w.rank !== 4) throw new Error(`${op}: expects NCHW images and OIHW weights: ${seen}`);
  const whole = (pair: Pair, least: number) => pair.every((v) => Number.isInteger(v) && v >= least);
  const { groups = 1 } = attributes;
  if (!Number.isInteger(groups) || groups < 1)
    throw new Error(`${op}: groups is a whole number from 1, got ${described(groups)}`);
  if (!whole(attributes.stride, 1) || !whole(attributes.dilation, 1) || !whole(attributes.padding, 0)) {
    throw new Error(
      `${op}: stride and dilation are whole numbers from 1, padding from 0: stride ${show(attributes.stride)}, ` +
        `dilation ${show(attributes.dilation)}, padding ${show(attributes.padding)}`,
    );
  }
  return dtype;
}

/** @throws unless the groups divide both numbers of channels */
function checkGroups(op: string, groups: number, inputs: number, outputs: number, seen: string): void {
  if (inputs % groups === 0 && outputs % groups === 0) return;
  throw new Error(
    `${op}: groups ${groups} has to divide the channels, ${inputs} of the images and ${outputs} of the output: ${seen}`,
  );
}

/**
 * The extents of images x [N, C, H, W], weights w [O, C / groups, KH, KW] and what a convolution makes of them,
 * y [N, O, OH, OW]; the channels of a group are CG and OG.
 */
export function extentsOf(x: Shape, w: Shape, y: Shape) {
  const [N, C, H, W] = x as [number, number, number, number];
  const [O, CG, KH, KW] = w as [number, number, number, number];
  const [, , OH, OW] = y as [number, number, number, number];
  const groups = CG === 0 ? 1 : C / CG;
  return { N, C, H, W, O, KH, KW, OH, OW, groups, CG, OG: O / groups };
}

/** One multiply-add of a convolution: positions in the image x, kernel w and y, as `extentsOf` has them. */
type Visit = (x: number, w: number, y: number) => void;

/** Every (image, weight, output) triple that a convolution multiplies: the definition all three references share. */
function walk(
  x: Shape,
  w: Shape,
  y: Shape,
  { stride, padding, dilation }: ConvAttributes,
  visit: Visit,
): void {
  const { N, C, H, W, O, KH, KW, OH, OW, CG, OG } = extentsOf(x, w, y);
  for (let n = 0; n < N; n++)
    for (let o = 0; o < O; o++)
      for (let oh = 0; oh < OH; oh++)
        for (let ow = 0; ow < OW; ow++)
          for (let c = 0; c < CG; c++)
            for (let kh = 0; kh < KH; kh++)
              for (let kw = 0; kw < KW; kw++) {
                const h = oh * stride[0] - padding[0] + kh * dilation[0];
                const v = ow * stride[1] - padding[1] + kw * dilation[1];
                if (h < 0 || h >= H || v < 0 || v >= W) continue;
                const channel = Math.floor(o / OG) * CG + c;
                visit(
                  ((n * C + channel) * H + h) * W + v,
                  ((o * CG + c) * KH + kh) * KW + kw,
                  ((n * O + o) * OH + oh) * OW + ow,
                );
              }
}

/** conv2d(x [N, C, H, W], w [O, C / groups, kh, kw]) → [N, O, oh, ow]; cross-correlation, as everywhere in deep learning. */
const conv2d: Op<ConvAttributes, readonly [x: TensorView, w: TensorView]> = {
  name: 'conv2d',
  infer([x, w], attributes) {
    const seen = `${show(x.shape)} with weights ${show(w.shape)}`;
    const dtype = checkOperands('conv2d', [x, w], attributes, seen);
    const { groups = 1 } = attributes;
    const [channels, each] = [x.shape[1]!, w.shape[1]!];
    if (channels !== each * groups) {
      const expected = groups === 1 ? `${each}` : `${each} in each of ${groups} groups`;
      throw new Error(`conv2d: images have ${channels} channels, weights expect ${expected}: ${seen}`);
    }
    checkGroups('conv2d', groups, channels, w.shape[0]!, seen);
    const size = convOutputSize(pairOf(x.shape), pairOf(w.shape), attributes);
    if (size.some((extent) => extent < 1)) {
      throw new Error(
        `conv2d: the kernel is larger than the padded image: ${seen}, padding ${show(attributes.padding)}`,
      );
    }
    return { shape: [x.shape[0]!, w.shape[0]!, ...size], dtype };
  },
  reference([x, w], attributes, y) {
    walk(x.shape, w.shape, y.shape, attributes, (i, j, k) => {
      y.data[k]! += x.data[i]! * w.data[j]!;
    });
  },
};

/**
 * The gradient of conv2d for its image: (y [N, O, oh, ow], w [O, C / groups, kh, kw]) → [N, C, ...size]. It is also
 * transposed convolution, whose weights PyTorch stores as [in = O, out / groups = C / groups, kh, kw].
 */
const conv2dInputGradient: Op<ConvGradientAttributes, readonly [y: TensorView, w: TensorView]> = {
  name: 'conv2dInputGradient',
  infer([y, w], attributes) {
    const seen = `${show(y.shape)} with weights ${show(w.shape)}, size ${show(attributes.size)}`;
    const dtype = checkOperands('convTranspose2d', [y, w], attributes, seen);
    if (y.shape[1] !== w.shape[0]) {
      throw new Error(
        `convTranspose2d: images have ${y.shape[1]} channels, weights expect ${w.shape[0]}: ${seen}`,
      );
    }
    const { groups = 1 } = attributes;
    const channels = w.shape[1]! * groups;
    checkGroups('convTranspose2d', groups, y.shape[1]!, channels, seen);
    const back = convOutputSize(attributes.size, pairOf(w.shape), attributes);
    if (back[0] !== y.shape[2] || back[1] !== y.shape[3] || attributes.size.some((extent) => extent < 0)) {
      throw new Error(`convTranspose2d: the output size does not belong to these images: ${seen}`);
    }
    return { shape: [y.shape[0]!, channels, ...attributes.size], dtype };
  },
  reference([y, w], attributes, x) {
    walk(x.shape, w.shape, y.shape, attributes, (i, j, k) => {
      x.data[i]! += y.data[k]! * w.data[j]!;
    });
  },
};

/** The gradient of conv2d for its weights: (x [N, C, H, W], y [N, O, oh, ow]) → [O, C / groups, ...size]. */
const conv2dWeightGradient: Op<ConvGradientAttributes, readonly [x: TensorView, y: TensorView]> = {
  name: 'conv2dWeightGradient',
  infer([x, y], attributes) {
    const seen = `${show(x.shape)} and ${show(y.shape)}, kernel ${show(attributes.size)}`;
    const dtype = checkOperands('conv2dWeightGradient', [x, y], attributes, seen);
    const size = convOutputSize(pairOf(x.shape), attributes.size, attributes);
    if (x.shape[0] !== y.shape[0] || size[0] !== y.shape[2] || size[1] !== y.shape[3]) {
      throw new Error(`conv2dWeightGradient: images and output gradients do not belong together: ${seen}`);
    }
    const { groups = 1 } = attributes;
    checkGroups('conv2dWeightGradient', groups, x.shape[1]!, y.shape[1]!, seen);
    return { shape: [y.shape[1]!, x.shape[1]! / groups, ...attributes.size], dtype };
  },
  reference([x, y], attributes, w) {
    walk(x.shape, w.shape, y.shape, attributes, (i, j, k) => {
      w.data[j]! += x.data[i]! * y.data[k]!;
    });
  },
};

export const convOps = { conv2d, conv2dInputGradient, conv2dWeightGradient };
