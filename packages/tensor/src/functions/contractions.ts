import { apply } from '../apply.ts';
import { type ConvAttributes, convOutputSize } from '../ops/conv.ts';
import { ops } from '../ops/index.ts';
import { show } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { pad, slice } from './movement.ts';

/** Transpositions of a matrix product's operands. */
export interface MatmulOptions {
  /** Exchange the last two axes of an operand first, at no cost. */
  transposeA?: boolean;
  transposeB?: boolean;
}

/**
 * The matrix product [..., M, K] x [..., K, N] → [..., M, N]; batch axes broadcast. Float; sums are gathered in float32.
 * @throws if an operand has rank below 2, or if the inner dimensions differ
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options;
  return apply(ops.matmul, [a, b], { transposeA, transposeB });
}

/** One number for both axes, or (height, width). */
export type PairOption = number | readonly [number, number];

/** How a convolution's kernel moves over the image. */
export interface ConvOptions {
  /** Pixels from one output to the next. Default 1. */
  stride?: PairOption;
  /** Zeros around the image. Default 0. */
  padding?: PairOption;
  /** Pixels from one tap of the kernel to the next. Default 1. */
  dilation?: PairOption;
}

/** (height, width) of an option that may be one number for both. */
export const pair = (value: PairOption): readonly [number, number] =>
  typeof value === 'number' ? [value, value] : value;

const convAttributes = ({ stride = 1, padding = 0, dilation = 1 }: ConvOptions): ConvAttributes => ({
  stride: pair(stride),
  padding: pair(padding),
  dilation: pair(dilation),
});

/**
 * images [N, C, H, W], weights [O, C, kh, kw] → [N, O, oh, ow] with oh = ⌊(H + 2·padding − dilation·(kh − 1) − 1) / stride⌋ + 1:
 * cross-correlation, as everywhere in deep learning. Add a bias as `add(y, bias.reshape([O, 1, 1]))`.
 * @throws if the channels differ, or if the kernel is larger than the padded image
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return apply(ops.conv2d, [x, weight], convAttributes(options));
}

/** Those of the convolution whose gradient it is, and what they leave open of the output's size. */
export interface ConvTransposeOptions extends ConvOptions {
  /** Rows and columns added at the end of the output: which of the sizes that a stride leaves open. Default 0. */
  outputPadding?: PairOption;
}

/**
 * images [N, C, H, W], weights [C, O, kh, kw] → [N, O, oh, ow] with
 * oh = (H − 1)·stride − 2·padding + dilation·(kh − 1) + outputPadding + 1: the gradient of a convolution.
 * @throws if the channels differ, or if the output padding is neither smaller than the stride nor than the dilation
 */
export function convTranspose2d(x: Tensor, weight: Tensor, options: ConvTransposeOptions = {}): Tensor {
  const attributes = convAttributes(options);
  const extra = pair(options.outputPadding ?? 0);
  const { stride, padding, dilation } = attributes;
  const along = (d: 0 | 1) =>
    ((x.shape[2 + d] ?? 0) - 1) * stride[d] -
    2 * padding[d] +
    dilation[d] * ((weight.shape[2 + d] ?? 1) - 1) +
    extra[d] +
    1;
  for (const d of [0, 1] as const) {
    if (extra[d] < 0 || (extra[d] > 0 && extra[d] >= Math.max(stride[d], dilation[d]))) {
      throw new Error(
        `convTranspose2d: output padding ${show(extra)} has to be smaller than stride ${show(stride)} or dilation ${show(dilation)}`,
      );
    }
  }
  const size: [number, number] = [along(0), along(1)];
  if (extra[0] < stride[0] && extra[1] < stride[1])
    return apply(ops.conv2dInputGradient, [x, weight], { ...attributes, size });
  // With more, the output is no image of a convolution that gives `x`: cut it out of the one without any padding.
  const whole = ([0, 1] as const).map((d) => size[d] + 2 * padding[d] - extra[d]) as [number, number];
  const unpadded = apply(ops.conv2dInputGradient, [x, weight], {
    ...attributes,
    padding: [0, 0],
    size: whole,
  });
  const after = ([0, 1] as const).map((d): [number, number] => [0, Math.max(0, extra[d] - padding[d])]);
  const [rows, columns] = ([0, 1] as const).map((d): [number, number] => [padding[d], padding[d] + size[d]]);
  return slice(pad(unpadded, [[0, 0], [0, 0], ...after]), null, null, rows!, columns!);
}

export { convOutputSize };
