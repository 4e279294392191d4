import { apply } from '../apply.ts';
import { pools } from '../lowering/pool.ts';
import { type PoolAttributes, poolOutputSize } from '../ops/pool.ts';
import { checkOptions } from '../options.ts';
import type { Tensor } from '../tensor.ts';
import { type PairOption, pair } from './contractions.ts';

/** How a window slides over images. */
export interface PoolOptions {
  /** Pixels from one window to the next. Default: the window's size. */
  stride?: PairOption;
  /** Pixels around the image, at most half of the window. Default 0. */
  padding?: PairOption;
  /** Whether rows and columns left over at the end, fewer than a window, make an output too. Default false. */
  ceilMode?: boolean;
}

/** Options of `maxPool2d`. */
export interface MaxPoolOptions extends PoolOptions {
  /** Pixels from one of the window's to the next. Default 1. */
  dilation?: PairOption;
}

/** Options of `avgPool2d`. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether the padding's zeros count among what is averaged. Default true. */
  countIncludePad?: boolean;
}

function poolAttributes(op: string, kernelSize: PairOption, options: MaxPoolOptions): PoolAttributes {
  const { stride = kernelSize, padding = 0, dilation = 1, ceilMode = false } = options;
  return {
    kernel: pair(kernelSize, `${op}: kernelSize`),
    stride: pair(stride, `${op}: stride`),
    padding: pair(padding, `${op}: padding`),
    dilation: pair(dilation, `${op}: dilation`),
    ceilMode,
  };
}

/**
 * The maximum of each window: [N, C, H, W] → [N, C, oh, ow] with
 * oh = ⌊(H + 2·padding − dilation·(kh − 1) − 1) / stride⌋ + 1, rounded up with `ceilMode`. NaN if one of the values is; the
 * padding is −∞. The gradient goes to the first of equal maxima, as in PyTorch.
 * @throws if the padding is more than half of the window, or the window larger than the padded image
 */
export function maxPool2d(x: Tensor, kernelSize: PairOption, options: MaxPoolOptions = {}): Tensor {
  checkOptions('maxPool2d', options, ['stride', 'padding', 'dilation', 'ceilMode'], ['ceilMode']);
  return apply(pools.maxPool2d, [x], poolAttributes('maxPool2d', kernelSize, options));
}

/**
 * The mean of each window: [N, C, H, W] → [N, C, oh, ow] with oh = ⌊(H + 2·padding − kh) / stride⌋ + 1, rounded up with
 * `ceilMode`. The padding is 0 and counts, unless `countIncludePad` is false; what a window has beyond it never counts.
 * @throws if the padding is more than half of the window, or the window larger than the padded image
 */
export function avgPool2d(x: Tensor, kernelSize: PairOption, options: AvgPoolOptions = {}): Tensor {
  const flags = ['ceilMode', 'countIncludePad'];
  checkOptions('avgPool2d', options, ['stride', 'padding', ...flags], flags);
  const { countIncludePad = true, ...others } = options;
  return apply(pools.avgPool2d, [x], { ...poolAttributes('avgPool2d', kernelSize, others), countIncludePad });
}

export { poolOutputSize };
