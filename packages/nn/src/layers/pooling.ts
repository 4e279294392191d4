import {
  type AvgPoolOptions,
  avgPool2d,
  checkOptions,
  type MaxPoolOptions,
  maxPool2d,
  type PairOption,
  pair,
  type Tensor,
} from '@tapegrad/tensor';
import { Module } from '../module.ts';

/** The maximum of each window, [N, C, H, W] → [N, C, oh, ow], with the options of `maxPool2d`. */
export class MaxPool2d extends Module {
  readonly kernelSize: readonly [number, number];
  readonly options: MaxPoolOptions;

  constructor(kernelSize: PairOption, options: MaxPoolOptions = {}) {
    super();
    checkOptions('MaxPool2d', options, ['stride', 'padding', 'dilation', 'ceilMode'], ['ceilMode']);
    this.kernelSize = pair(kernelSize, 'MaxPool2d: kernelSize');
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options);
  }
}

/** The mean of each window, [N, C, H, W] → [N, C, oh, ow], with the options of `avgPool2d`. */
export class AvgPool2d extends Module {
  readonly kernelSize: readonly [number, number];
  readonly options: AvgPoolOptions;

  constructor(kernelSize: PairOption, options: AvgPoolOptions = {}) {
    super();
    const flags = ['ceilMode', 'countIncludePad'];
    checkOptions('AvgPool2d', options, ['stride', 'padding', ...flags], flags);
    this.kernelSize = pair(kernelSize, 'AvgPool2d: kernelSize');
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }
}
