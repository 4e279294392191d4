import {
  assertGenerator,
  assertShape,
  defaultGenerator,
  type Generator,
  type Shape,
  scope,
  sizeOf,
  type Tensor,
} from '@tapegrad/tensor';
import { parameter } from './module.ts';

export { defaultGenerator, manualSeed } from '@tapegrad/tensor';

/** Where a layer's initial numbers come from. */
export interface InitOptions {
  /** Layers made in the same order from generators of the same seed start equal. Default: `defaultGenerator()`. */
  generator?: Generator;
}

/** The generator of a layer's initial numbers. @throws if the options name something else */
export function generatorFor(layer: string, { generator = defaultGenerator() }: InitOptions): Generator {
  assertGenerator(layer, generator);
  return generator;
}

/** A parameter of the given shape, drawn uniformly from [−bound, bound). */
export function uniformParameter(shape: Shape, bound: number, generator: Generator): Tensor {
  assertGenerator('uniformParameter', generator);
  return parameter(
    scope(() =>
      generator
        .uniform(shape)
        .mul(2 * bound)
        .sub(bound),
    ),
  );
}

/** A parameter of the given shape, drawn from N(0, 1). */
export function normalParameter(shape: Shape, generator: Generator): Tensor {
  assertGenerator('normalParameter', generator);
  return parameter(generator.normal(shape));
}

/**
 * 1/√fan_in, PyTorch's bound for the weights and biases of Linear, Conv2d and ConvTranspose2d, where fan_in is the
 * product of all extents of the weight except the first: [out, in], [out, in, kh, kw], and [in, out, kh, kw] for
 * ConvTranspose2d, whose fan_in therefore counts the output channels. This is the uniform initialization of He et al.
 * 2015 with a = √5.
 */
export function fanInBound(weight: Shape): number {
  assertShape('fanInBound', weight);
  const fanIn = sizeOf(weight.slice(1));
  return fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
}
