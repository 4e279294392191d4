import {
  add,
  assertCount,
  assertTensor,
  type ConvOptions,
  type ConvTransposeOptions,
  checkOptions,
  conv2d,
  convTranspose2d,
  described,
  expand,
  type PairOption,
  pair,
  requireOptions,
  reshape,
  show,
  type Tensor,
} from '@tapegrad/tensor';
import { fanInBound, generatorFor, type InitOptions, uniformParameter } from '../init.ts';
import { Module } from '../module.ts';

/** @throws unless the groups divide both numbers of channels */
function checkGroups(layer: string, groups: number, inputs: number, outputs: number): void {
  if (Number.isInteger(groups) && groups >= 1 && inputs % groups === 0 && outputs % groups === 0) return;
  throw new Error(
    `${layer}: groups is a whole number that divides the channels, ${inputs} in and ${outputs} out, got ${described(groups)}`,
  );
}

/** Stride, padding, dilation and groups as `conv2d` takes them; `bias` (default true) adds a number per output channel. */
export interface Conv2dOptions extends InitOptions, ConvOptions {
  /** Whether each output channel has a learned bias. Default true. */
  bias?: boolean;
}

/**
 * Images [N, in, H, W] → [N, out, oh, ow], with weight [out, in / groups, kh, kw] and bias [out];
 * oh = ⌊(H + 2·padding − dilation·(kh − 1) − 1) / stride⌋ + 1, or H with `padding: 'same'`.
 * @throws unless `groups` divides both numbers of channels; in `forward` if the images have another number of channels, or are smaller than the kernel
 */
export class Conv2d extends Module {
  /** [out, in / groups, kh, kw]. */
  readonly weight: Tensor;
  /** [out]. */
  readonly bias: Tensor | null;
  /** How the kernel moves. */
  readonly options: ConvOptions;

  constructor(inputs: number, outputs: number, kernelSize: PairOption, options: Conv2dOptions = {}) {
    super();
    const known = ['stride', 'padding', 'dilation', 'groups', 'bias', 'generator'];
    checkOptions('Conv2d', options, known, ['bias']);
    assertCount('Conv2d', 'inputs', inputs);
    assertCount('Conv2d', 'outputs', outputs);
    const { bias = true, generator: _, ...convolution } = options;
    const generator = generatorFor('Conv2d', options);
    const { groups = 1 } = convolution;
    checkGroups('Conv2d', groups, inputs, outputs);
    const shape = [outputs, inputs / groups, ...pair(kernelSize, 'Conv2d: kernelSize')];
    this.weight = uniformParameter(shape, fanInBound(shape), generator);
    this.bias = bias ? uniformParameter([outputs], fanInBound(shape), generator) : null;
    this.options = convolution;
  }

  forward(x: Tensor): Tensor {
    return addToChannels(conv2d(x, this.weight, this.options), this.bias);
  }
}

/** As `convTranspose2d` takes them; `bias` (default true) adds a number per output channel. */
export interface ConvTranspose2dOptions extends InitOptions, ConvTransposeOptions {
  /** Whether each output channel has a learned bias. Default true. */
  bias?: boolean;
}

/**
 * Images [N, in, H, W] → [N, out, oh, ow], with weight [in, out / groups, kh, kw] and bias [out];
 * oh = (H − 1)·stride − 2·padding + dilation·(kh − 1) + outputPadding + 1.
 * @throws unless `groups` divides both numbers of channels; in `forward` if the images have another number of channels
 */
export class ConvTranspose2d extends Module {
  /** [in, out / groups, kh, kw]. */
  readonly weight: Tensor;
  /** [out]. */
  readonly bias: Tensor | null;
  /** How the kernel moves. */
  readonly options: ConvTransposeOptions;

  constructor(inputs: number, outputs: number, kernelSize: PairOption, options: ConvTranspose2dOptions = {}) {
    super();
    const known = ['stride', 'padding', 'outputPadding', 'dilation', 'groups', 'bias', 'generator'];
    checkOptions('ConvTranspose2d', options, known, ['bias']);
    assertCount('ConvTranspose2d', 'inputs', inputs);
    assertCount('ConvTranspose2d', 'outputs', outputs);
    const { bias = true, generator: _, ...convolution } = options;
    const generator = generatorFor('ConvTranspose2d', options);
    const { groups = 1 } = convolution;
    checkGroups('ConvTranspose2d', groups, inputs, outputs);
    const shape = [inputs, outputs / groups, ...pair(kernelSize, 'ConvTranspose2d: kernelSize')];
    this.weight = uniformParameter(shape, fanInBound(shape), generator);
    this.bias = bias ? uniformParameter([outputs], fanInBound(shape), generator) : null;
    this.options = convolution;
  }

  forward(x: Tensor): Tensor {
    return addToChannels(convTranspose2d(x, this.weight, this.options), this.bias);
  }
}

const addToChannels = (images: Tensor, bias: Tensor | null): Tensor =>
  bias ? add(images, reshape(bias, [bias.size, 1, 1])) : images;

/**
 * Repeats every pixel (nearest neighbour): [N, C, H, W] → [N, C, H·sh, W·sw].
 * @throws if a scale factor is not a whole number, 1 or more
 */
export class Upsample extends Module {
  /** How often rows and columns are repeated. */
  readonly scale: readonly [number, number];

  constructor(options: { scaleFactor: PairOption }) {
    super();
    requireOptions('Upsample', options, ['scaleFactor']);
    this.scale = pair(options.scaleFactor, 'Upsample: scaleFactor');
    if (!this.scale.every((factor) => Number.isInteger(factor) && factor >= 1)) {
      throw new Error(`Upsample: scale factors are whole numbers from 1, got ${show(this.scale)}`);
    }
  }

  forward(x: Tensor): Tensor {
    assertTensor('Upsample', x);
    if (x.rank !== 4) throw new Error(`Upsample: expects [N, C, H, W], got ${show(x.shape)}`);
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const [sh, sw] = this.scale;
    const repeated = expand(reshape(x, [n, c, h, 1, w, 1]), [n, c, h, sh, w, sw]);
    return reshape(repeated, [n, c, h * sh, w * sw]);
  }
}
