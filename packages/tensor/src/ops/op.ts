import type { DType, NumericArray } from '../dtype.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import type { Kernels } from '../webgpu/kernels.ts';

/** What the reference sees of a tensor: float64 (or integer) values, row-major. */
export interface Values {
  readonly shape: Shape;
  readonly data: NumericArray;
}

/**
 * One pure operation: everything that is to be known about it, apart from its derivative, which is on the rules page
 * of `@tapegrad/autograd`. `A` is the type of its attributes (axes, strides, flags …).
 */
export interface Op<A> {
  readonly name: string;
  /** The shape rule. Throws, naming the op and the shapes seen, if the inputs do not fit. */
  infer(inputs: readonly Tensor[], attributes: A): { shape: Shape; dtype: DType };
  /** The definition: plain float64 loops, written to be obviously right. `output` is zeroed. */
  reference(inputs: readonly Values[], attributes: A, output: Values): void;
  /** Queues the launches that compute the same on the GPU. Never called with an empty output. */
  kernel(gpu: Kernels, inputs: readonly Tensor[], attributes: A, output: Tensor): void;
  /** The output is the first input's memory under another shape; nothing runs. */
  readonly alias?: boolean;
  /** Why nobody can look inside, and so not differentiate: the message for who tries. */
  readonly opaque?: string;
}

/** An update in place (an optimizer step, a counter): it has no output and no derivative. */
export interface Effect<A> {
  readonly name: string;
  /** Which of the tensors it writes. */
  readonly writes: readonly number[];
  check?(tensors: readonly Tensor[], attributes: A): void;
  reference(tensors: readonly Values[], attributes: A): void;
  kernel(gpu: Kernels, tensors: readonly Tensor[], attributes: A): void;
}
