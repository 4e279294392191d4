import { apply } from '../apply.ts';
import { assertTensors } from '../arguments.ts';
import { described } from '../described.ts';
import { convolutions } from '../lowering/conv.ts';
import { products } from '../lowering/matmul.ts';
import { type ConvAttributes, convOutputSize } from '../ops/conv.ts';
import { checkOptions } from '../options.ts';
import { show } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { pad, slice } from './movement.ts';

/** Transpositions of a matrix product's operands. */
export interface MatmulOptions {
  /** Exchange the last two axes of an operand first, at no cost. */
  transposeA?: boolean;
  /** The same for the right operand. */
  transposeB?: boolean;
}

const TRANSPOSITIONS = ['transposeA', 'transposeB'];

/**
 * The matrix product [..., M, K] x [..., K, N] → [..., M, N]; batch axes broadcast. Float; sums are gathered in float32.
 * @throws if an operand has rank below 2, or if the inner dimensions differ
 */
export function matmul(a: Tensor, b: Tensor, options?: MatmulOptions): Tensor {
  checkOptions('matmul', options, TRANSPOSITIONS, TRANSPOSITIONS);
  const { transposeA = false, transposeB = false } = options ?? {};
  return apply(products.matmul, [a, b], { transposeA, transposeB });
}

/** One number for both axes, or (height, width). */
export type PairOption = number | readonly [number, number];

/** How a convolution's kernel moves over the image, of which both directions have options. */
interface WindowOptions {
  /** Pixels from one output to the next. Default 1. */
  stride?: PairOption;
  /** Pixels from one tap of the kernel to the next. Default 1. */
  dilation?: PairOption;
  /** Into how many groups the channels are cut, each convolved by itself; as many as channels: depthwise. Default 1. */
  groups?: number;
}

/** How a convolution's kernel moves over the image. */
export interface ConvOptions extends WindowOptions {
  /**
   * Zeros around the image. Default 0, which is `'valid'`; `'same'` are as many as leave the image's size, with the odd one
   * at the end, and needs stride 1.
   */
  padding?: PairOption | 'same' | 'valid';
}

/**
 * (height, width) of an option that may be one number for both.
 * @throws if it is something else, opening with `what`
 */
export function pair(value: PairOption, what = 'pair'): readonly [number, number] {
  if (typeof value === 'number') return [value, value];
  if (Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === 'number'))
    return value as readonly [number, number];
  throw new Error(`${what} is a number or [height, width], got ${described(value)}`);
}

function convAttributes(op: string, options: WindowOptions & { padding?: PairOption }): ConvAttributes {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  return {
    stride: pair(stride, `${op}: stride`),
    padding: pair(padding, `${op}: padding`),
    dilation: pair(dilation, `${op}: dilation`),
    ...(groups !== 1 && { groups }),
  };
}

/**
 * images [N, C, H, W], weights [O, C / groups, kh, kw] → [N, O, oh, ow] with
 * oh = ⌊(H + 2·padding − dilation·(kh − 1) − 1) / stride⌋ + 1: cross-correlation, as everywhere in deep learning. Output
 * channel o sees the C / groups channels of its group, ⌊o / (O / groups)⌋. Add a bias as `add(y, bias.reshape([O, 1, 1]))`.
 * @throws if the channels differ, if `groups` does not divide them, if the kernel is larger than the padded image, or if
 *   `padding: 'same'` is asked for with a stride
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  checkOptions('conv2d', options, ['stride', 'padding', 'dilation', 'groups']);
  const { padding = 0, ...others } = options;
  if (typeof padding === 'string') return conv2dPaddedBy(padding, x, weight, others);
  return apply(convolutions.conv2d, [x, weight], convAttributes('conv2d', { ...others, padding }));
}

/** A convolution by the name of its padding, as PyTorch means them. */
function conv2dPaddedBy(name: string, x: Tensor, weight: Tensor, options: WindowOptions): Tensor {
  if (name !== 'same' && name !== 'valid') {
    throw new Error(
      `conv2d: padding is a number, [height, width], 'same' or 'valid' (zeros), got '${name}'; other margins: pad the images first`,
    );
  }
  const attributes = convAttributes('conv2d', options);
  const { stride, dilation } = attributes;
  if (name === 'valid' || weight.rank !== 4) return apply(convolutions.conv2d, [x, weight], attributes);
  if (stride[0] !== 1 || stride[1] !== 1) {
    throw new Error(`conv2d: padding 'same' needs stride 1, got ${show(stride)}: name the padding in pixels`);
  }
  const around = (d: 0 | 1) => dilation[d] * (weight.shape[2 + d]! - 1);
  const [rows, columns] = [around(0), around(1)];
  const padding = [Math.floor(rows / 2), Math.floor(columns / 2)] as const;
  // The odd zeros.
  const [below, right] = [rows % 2, columns % 2];
  const even =
    below + right > 0 && x.rank === 4
      ? pad(x, [
          [0, 0],
          [0, 0],
          [0, below],
          [0, right],
        ])
      : x;
  return apply(convolutions.conv2d, [even, weight], { ...attributes, padding });
}

/** Those of the convolution whose gradient it is, and what they leave open of the output's size. */
export interface ConvTransposeOptions extends WindowOptions {
  /** Zeros around the image of the convolution, which the output lacks. Default 0. */
  padding?: PairOption;
  /** Rows and columns added at the end of the output: which of the sizes that a stride leaves open. Default 0. */
  outputPadding?: PairOption;
}

/**
 * images [N, C, H, W], weights [C, O / groups, kh, kw] → [N, O, oh, ow] with
 * oh = (H − 1)·stride − 2·padding + dilation·(kh − 1) + outputPadding + 1: the gradient of a convolution.
 * @throws if the channels differ, if `groups` does not divide them, if the padding leaves nothing of the output, or if the
 *   output padding is neither smaller than the stride nor than the dilation
 */
export function convTranspose2d(x: Tensor, weight: Tensor, options: ConvTransposeOptions = {}): Tensor {
  checkOptions('convTranspose2d', options, ['stride', 'padding', 'outputPadding', 'dilation', 'groups']);
  assertTensors('convTranspose2d', [x, weight]);
  const attributes = convAttributes('convTranspose2d', options);
  const extra = pair(options.outputPadding ?? 0, 'convTranspose2d: outputPadding');
  const { stride, padding, dilation } = attributes;
  const along = (d: 0 | 1) =>
    ((x.shape[2 + d] ?? 0) - 1) * stride[d] -
    2 * padding[d] +
    dilation[d] * ((weight.shape[2 + d] ?? 1) - 1) +
    extra[d] +
    1;
  for (const d of [0, 1] as const) {
    const room = Math.max(stride[d], dilation[d]);
    if (!(Number.isInteger(extra[d]) && extra[d] >= 0 && (extra[d] === 0 || extra[d] < room))) {
      throw new Error(
        `convTranspose2d: output padding ${show(extra)} has to be whole, not negative and smaller than stride ${show(stride)} or dilation ${show(dilation)}`,
      );
    }
  }
  const size: [number, number] = [along(0), along(1)];
  if (size.some((extent) => extent < 1)) {
    throw new Error(
      `convTranspose2d: nothing is left of the output: size ${show(size)} with ${show(x.shape)} and weights ` +
        `${show(weight.shape)}, padding ${show(padding)}`,
    );
  }
  if (extra[0] < stride[0] && extra[1] < stride[1])
    return apply(convolutions.conv2dInputGradient, [x, weight], { ...attributes, size });
  // With more, the output is no image of a convolution that gives `x`: cut it out of the one without any padding.
  const whole = ([0, 1] as const).map((d) => size[d] + 2 * padding[d] - extra[d]) as [number, number];
  const unpadded = apply(convolutions.conv2dInputGradient, [x, weight], {
    ...attributes,
    padding: [0, 0],
    size: whole,
  });
  const after = ([0, 1] as const).map((d): [number, number] => [0, Math.max(0, extra[d] - padding[d])]);
  const [rows, columns] = ([0, 1] as const).map((d): [number, number] => [padding[d], padding[d] + size[d]]);
  return slice(pad(unpadded, [[0, 0], [0, 0], ...after]), null, null, rows!, columns!);
}

export { convOutputSize };
