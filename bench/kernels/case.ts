import {
  type Attributes,
  apply,
  type Generator,
  type Op,
  ops,
  type Shape,
  sizeOf,
  type Tensor,
} from '@tapegrad/tensor';

/** One row of the kernel benchmarks. */
export interface KernelCase {
  /** `family/what and how large`; filters match parts of it. */
  readonly id: string;
  /** Floating-point operations, a multiply-add being two; a function such as exp counts as one. */
  readonly flops: number;
  /** The least traffic: every input read once, every output written once. */
  readonly bytes: number;
  /** Models in which it occurs, with these very shapes. */
  readonly models?: readonly string[];
  /** Bytes of the largest tensor. */
  readonly largest: number;
  inputs(random: Generator): Tensor[];
  /** Queues the work once. */
  run(inputs: readonly Tensor[]): void;
}

interface Description {
  readonly id: string;
  /** Shapes of normally distributed float32 inputs. */
  readonly shapes?: readonly Shape[];
  /** Or the inputs themselves, and how many elements of 4 bytes they have. */
  readonly inputs?: (random: Generator) => Tensor[];
  readonly reads?: number;
  /** Elements of the largest tensor, where it is not one of `shapes`, nor the one output. */
  readonly largest?: number;
  /** Elements of 4 bytes that are written. */
  readonly writes: number;
  readonly flops: number;
  readonly models?: readonly string[];
  run(inputs: readonly Tensor[]): unknown;
}

/** A case from the shapes of its inputs. */
export function kernelCase({
  id,
  shapes = [],
  inputs,
  reads,
  writes,
  flops,
  models,
  largest = Math.max(writes, ...shapes.map(sizeOf)),
  run,
}: Description): KernelCase {
  const sizes = shapes.map(sizeOf);
  const read = reads ?? sizes.reduce((sum, size) => sum + size, 0);
  return {
    id,
    flops,
    bytes: 4 * (read + writes),
    largest: 4 * largest,
    inputs: inputs ?? ((random) => shapes.map((shape) => random.normal(shape))),
    run(tensors) {
      run(tensors);
    },
    ...(models ? { models } : {}),
  };
}

/** Contractions of the op table, which all count alike: a multiply-add for each output and summed element. */
export type ContractionName = 'matmul' | 'conv2d' | 'conv2dInputGradient' | 'conv2dWeightGradient';

/** One contraction as the op table has it. */
export type ContractionCall = {
  [K in ContractionName]: {
    readonly op: K;
    readonly shapes: readonly [Shape, Shape];
    readonly attributes: Attributes<K>;
  };
}[ContractionName];

/** Multiply-adds and the output's shape. Taps that fall into the padding are counted: nobody leaves them out. */
export function countContraction({ op, shapes, attributes }: ContractionCall): {
  flops: number;
  output: Shape;
} {
  const stand = shapes.map((shape) => ({ shape, dtype: 'float32', rank: shape.length, size: sizeOf(shape) }));
  const output = (ops[op] as { infer(inputs: unknown, attributes: unknown): { shape: Shape } }).infer(
    stand,
    attributes,
  ).shape;
  const [a, b] = shapes;
  const multiplyAdds = {
    matmul: () => sizeOf(output) * a.at((attributes as Attributes<'matmul'>).transposeA ? -2 : -1)!,
    conv2d: () => sizeOf(output) * sizeOf(b.slice(1)),
    // Every element of y meets every weight of its channel.
    conv2dInputGradient: () => sizeOf(a) * sizeOf(b.slice(1)),
    conv2dWeightGradient: () => sizeOf(b) * sizeOf(output.slice(1)),
  }[op]();
  return { flops: 2 * multiplyAdds, output };
}

export function contractionCase(
  call: ContractionCall,
  label: string,
  models?: readonly string[],
): KernelCase {
  const { flops, output } = countContraction(call);
  const { op, shapes, attributes } = call;
  return kernelCase({
    id: `${FAMILIES[op]}/${label}`,
    shapes,
    writes: sizeOf(output),
    flops,
    run: (inputs) => apply(ops[op] as Op<unknown>, inputs, attributes),
    ...(models ? { models } : {}),
  });
}

export const FAMILIES: Readonly<Record<ContractionName, string>> = {
  matmul: 'matmul',
  conv2d: 'conv2d',
  conv2dInputGradient: 'conv2d input gradient',
  conv2dWeightGradient: 'conv2d weight gradient',
};
