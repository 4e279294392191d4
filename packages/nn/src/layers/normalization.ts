import { noGrad } from '@tapegrad/autograd';
import {
  add,
  assertCount,
  assertDevice,
  assertNumber,
  assertShape,
  assertTensor,
  assign,
  cast,
  checkOptions,
  type Device,
  defaultDevice,
  described,
  div,
  mean,
  mul,
  ones,
  reciprocal,
  reshape,
  run,
  type Shape,
  sameShape,
  scope,
  show,
  sizeOf,
  sqrt,
  square,
  sub,
  type Tensor,
  tensor,
  updates,
  zeros,
} from '@tapegrad/tensor';
import { assertNotNegative } from '../arguments.ts';
import { buffer, Module, parameter } from '../module.ts';

/** (x − μ) / √(σ² + ε). */
const standardize = (x: Tensor, mu: Tensor, variance: Tensor, eps: number): Tensor =>
  div(sub(x, mu), sqrt(add(variance, eps)));

/** Mean and biased variance over axes, which are kept with extent 1. */
function moments(x: Tensor, axes: readonly number[]): [mu: Tensor, variance: Tensor] {
  const mu = mean(x, axes, { keepDims: true });
  return [mu, mean(square(sub(x, mu)), axes, { keepDims: true })];
}

/** @throws unless ε is a number from 0 and the device is one */
function checkCommon(layer: string, eps: number, device: Device): void {
  assertNotNegative(layer, 'eps', eps);
  assertDevice(layer, device);
}

/** Options of `BatchNorm2d`, with PyTorch's defaults. */
export interface BatchNorm2dOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** A batch's share in the running statistics (default 0.1); null: their plain average over all batches. */
  momentum?: number | null;
  /** Whether each channel has a learned weight and bias. Default true. */
  affine?: boolean;
  /** Whether running statistics are kept (default true); without them evaluation uses those of its own batch. */
  trackRunningStats?: boolean;
  /** Where its tensors are made. Default: the default device. */
  device?: Device;
}

/**
 * Batch normalization (Ioffe and Szegedy 2015): [N, C, H, W] → the same, y = (x − μ)/√(σ² + ε)·weight + bias for each
 * channel. In training μ and σ² are the batch's (σ² biased), and the running statistics move towards them (σ²
 * unbiased): r ← r + momentum·(batch − r). In evaluation μ and σ² are the running ones.
 * @throws in `forward` if the images have another number of channels, or if a training batch has only one value per channel
 */
export class BatchNorm2d extends Module {
  /** Multiplies the standardized values, [channels]. */
  readonly weight: Tensor | null;
  /** Added afterwards, [channels]. */
  readonly bias: Tensor | null;
  /** The mean of the batches so far, [channels]. */
  readonly runningMean: Tensor | null;
  /** Their unbiased variance, [channels]. */
  readonly runningVar: Tensor | null;
  /** The number of batches so far: one int32. */
  readonly numBatchesTracked: Tensor | null;
  readonly channels: number;
  /** Added to the variance. */
  readonly eps: number;
  /** A batch's share in the running statistics; null: their plain average. */
  readonly momentum: number | null;

  constructor(channels: number, options: BatchNorm2dOptions = {}) {
    super();
    const flags = ['affine', 'trackRunningStats'];
    checkOptions('BatchNorm2d', options, ['eps', 'momentum', ...flags, 'device'], flags);
    assertCount('BatchNorm2d', 'channels', channels);
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    const { device = defaultDevice() } = options;
    checkCommon('BatchNorm2d', eps, device);
    if (momentum !== null) assertNumber('BatchNorm2d', 'the momentum, if not null,', momentum);
    this.channels = channels;
    this.weight = affine ? parameter(ones([channels], { device })) : null;
    this.bias = affine ? parameter(zeros([channels], { device })) : null;
    this.runningMean = trackRunningStats ? buffer(zeros([channels], { device })) : null;
    this.runningVar = trackRunningStats ? buffer(ones([channels], { device })) : null;
    this.numBatchesTracked = trackRunningStats ? buffer(tensor(0, { dtype: 'int32', device })) : null;
    this.eps = eps;
    this.momentum = momentum;
  }

  forward(x: Tensor): Tensor {
    assertTensor('BatchNorm2d', x);
    if (x.rank !== 4 || x.shape[1] !== this.channels) {
      throw new Error(`BatchNorm2d: expects [N, ${this.channels}, H, W], got ${show(x.shape)}`);
    }
    const perChannel = (t: Tensor) => reshape(t, [t.size, 1, 1]);
    const [mu, variance] =
      this.training || !this.runningMean
        ? this.#ofBatch(x)
        : [perChannel(this.runningMean), perChannel(this.runningVar!)];
    const y = standardize(x, mu, variance, this.eps);
    return this.weight ? add(mul(y, perChannel(this.weight)), perChannel(this.bias!)) : y;
  }

  #ofBatch(x: Tensor): [Tensor, Tensor] {
    const count = x.size / x.shape[1]!;
    if (this.training && count === 1) {
      throw new Error(
        `BatchNorm2d: training needs more than one value for each channel, got ${show(x.shape)}`,
      );
    }
    const [mu, variance] = moments(x, [0, 2, 3]);
    if (this.training && this.runningMean) noGrad(() => this.#track(mu, mul(variance, count / (count - 1))));
    return [mu, variance];
  }

  #track(mu: Tensor, variance: Tensor): void {
    scope(() => {
      run(updates.advance, [this.numBatchesTracked!], { index: 0, by: 1 });
      const share = this.momentum ?? reciprocal(cast(this.numBatchesTracked!, 'float32'));
      const follow = (running: Tensor, batch: Tensor) =>
        assign(running, add(running, mul(sub(reshape(batch, running.shape), running), share)));
      follow(this.runningMean!, mu);
      follow(this.runningVar!, variance);
    });
  }
}

/** Options of `GroupNorm`, with PyTorch's defaults. */
export interface GroupNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Whether each channel has a learned weight and bias. Default true. */
  affine?: boolean;
  device?: Device;
}

/**
 * Group normalization (Wu and He 2018): [N, C, ...] → the same. Each image's channels are cut into groups, and
 * y = (x − μ)/√(σ² + ε)·weight + bias, where μ and σ² (biased) belong to an image's group, and weight and bias to a channel.
 * Training and evaluation do the same. With one group it is layer normalization over a whole image; with as many groups as
 * channels it is instance normalization.
 * @throws unless `groups` divides `channels`; in `forward` if the images have another number of channels
 */
export class GroupNorm extends Module {
  /** Multiplies the standardized values, [channels]. */
  readonly weight: Tensor | null;
  /** Added afterwards, [channels]. */
  readonly bias: Tensor | null;
  /** The number of groups that the channels are cut into. */
  readonly groups: number;
  readonly channels: number;
  /** Added to the variance. */
  readonly eps: number;

  constructor(groups: number, channels: number, options: GroupNormOptions = {}) {
    super();
    checkOptions('GroupNorm', options, ['eps', 'affine', 'device'], ['affine']);
    const { eps = 1e-5, affine = true, device = defaultDevice() } = options;
    checkCommon('GroupNorm', eps, device);
    assertCount('GroupNorm', 'channels', channels);
    if (!(Number.isInteger(groups) && groups >= 1 && channels % groups === 0)) {
      throw new Error(`GroupNorm: ${described(groups)} groups do not divide ${channels} channels`);
    }
    this.groups = groups;
    this.channels = channels;
    this.weight = affine ? parameter(ones([channels], { device })) : null;
    this.bias = affine ? parameter(zeros([channels], { device })) : null;
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    assertTensor('GroupNorm', x);
    const [batch, channels, ...rest] = x.shape;
    if (x.rank < 2 || channels !== this.channels) {
      throw new Error(`GroupNorm: expects [N, ${this.channels}, ...], got ${show(x.shape)}`);
    }
    const grouped = reshape(x, [batch!, this.groups, (channels / this.groups) * sizeOf(rest)]);
    const y = reshape(standardize(grouped, ...moments(grouped, [2]), this.eps), x.shape);
    if (!this.weight) return y;
    const perChannel = (t: Tensor) => reshape(t, [channels, ...rest.map(() => 1)]);
    return add(mul(y, perChannel(this.weight)), perChannel(this.bias!));
  }
}

/** Options of `LayerNorm`, with PyTorch's defaults. */
export interface LayerNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Whether there are a learned weight and, with `bias`, a bias of the normalized shape. Default true. */
  elementwiseAffine?: boolean;
  /** Whether there is a learned bias in addition to the weight. Default true. */
  bias?: boolean;
  /** Where its tensors are made. Default: the default device. */
  device?: Device;
}

/**
 * Layer normalization (Ba et al. 2016) over the last axes: [..., ...normalizedShape] → the same,
 * y = (x − μ)/√(σ² + ε)·weight + bias, in training as in evaluation.
 * @throws if the normalized shape is empty, or in `forward` if the last axes are others
 */
export class LayerNorm extends Module {
  /** Multiplies the standardized values, in the normalized shape. */
  readonly weight: Tensor | null;
  /** Added afterwards, in the normalized shape. */
  readonly bias: Tensor | null;
  /** The last axes, over which it normalizes. */
  readonly normalizedShape: Shape;
  /** Added to the variance. */
  readonly eps: number;

  constructor(normalizedShape: number | Shape, options: LayerNormOptions = {}) {
    super();
    const flags = ['elementwiseAffine', 'bias'];
    checkOptions('LayerNorm', options, ['eps', ...flags, 'device'], flags);
    const { eps = 1e-5, elementwiseAffine = true, bias = true, device = defaultDevice() } = options;
    checkCommon('LayerNorm', eps, device);
    const given = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
    assertShape('LayerNorm', given);
    const shape = [...given];
    if (sizeOf(shape) === 0) throw new Error(`LayerNorm: nothing to normalize in shape ${show(shape)}`);
    this.normalizedShape = shape;
    this.weight = elementwiseAffine ? parameter(ones(shape, { device })) : null;
    this.bias = elementwiseAffine && bias ? parameter(zeros(shape, { device })) : null;
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    assertTensor('LayerNorm', x);
    const rank = this.normalizedShape.length;
    if (x.rank < rank || !sameShape(x.shape.slice(x.rank - rank), this.normalizedShape)) {
      throw new Error(`LayerNorm: expects [..., ${this.normalizedShape.join(', ')}], got ${show(x.shape)}`);
    }
    const axes = this.normalizedShape.map((_, i) => i - rank);
    const y = standardize(x, ...moments(x, axes), this.eps);
    const scaled = this.weight ? mul(y, this.weight) : y;
    return this.bias ? add(scaled, this.bias) : scaled;
  }
}
