import { defineRule } from '@tapegrad/autograd';
import { apply, cast, mul, type Op, Tensor, type TensorView } from '@tapegrad/tensor';
import type { Module } from './module.ts';

export interface AutocastOptions {
  /**
   * What gradients are multiplied with while they are float16, and divided by when they reach float32. A mean over a
   * batch of images makes gradients of 10⁻⁶, where a float16 has few bits left. Default 1024.
   */
  scale?: number;
}

/** The same tensor; its gradient is multiplied. */
const scaleGradient: Op<number, readonly [x: TensorView]> = {
  name: 'scaleGradient',
  alias: true,
  infer: ([x]) => ({ shape: x.shape, dtype: x.dtype }),
  reference() {},
};
defineRule(scaleGradient, ({ gradient, attributes: scale }) => [() => mul(gradient, scale)]);

/**
 * Runs part of a model in float16: `fn` sees the module's parameters, and gets `inputs`, as float16; its result comes back
 * as float32. Sums are still gathered in float32 (see `matmul` and its like), but weights, activations and their
 * gradients take half the memory. The parameters themselves stay float32: the casts are recorded, so that `backward`
 * leaves float32 gradients in them, and an optimizer updates the float32 values.
 *
 *     const logits = autocast(model, (x) => model.forward(x), [images]);
 *     crossEntropy(logits, labels).backward();
 *
 * After Micikevicius et al. 2018, "Mixed Precision Training" (float32 master weights, loss scaling). Layers that compute
 * with float32 tensors of their own (the masks of Dropout, BatchNorm2d's running statistics) say that types differ: cast
 * around them. Compute the loss outside, in float32.
 * @throws where the adapter has no float16 (`shader-f16`)
 */
export function autocast<A extends Tensor[]>(
  module: Module,
  fn: (...inputs: A) => Tensor,
  inputs: A,
  { scale = 1024 }: AutocastOptions = {},
): Tensor {
  const halved = (x: Tensor) => cast(apply(scaleGradient, [x], 1 / scale), 'float16');
  const restore = replaceParameters(module, halved);
  try {
    const narrow = inputs.map((x) => (x.dtype === 'float32' ? halved(x) : x)) as A;
    return apply(scaleGradient, [cast(fn(...narrow), 'float32')], scale);
  } finally {
    restore();
  }
}

/** Puts other tensors in the place of a module's parameters, each made once, and returns how to undo it. */
function replaceParameters(module: Module, make: (parameter: Tensor) => Tensor): () => void {
  const parameters = new Set(module.parameters());
  const made = new Map<Tensor, Tensor>();
  const undo: (() => void)[] = [];
  const visit = (holder: Record<string, unknown>) => {
    for (const [name, value] of Object.entries(holder)) {
      if (Array.isArray(value)) visit(value as unknown as Record<string, unknown>);
      if (!(value instanceof Tensor) || !parameters.has(value)) continue;
      if (!made.has(value)) made.set(value, make(value));
      holder[name] = made.get(value);
      undo.push(() => {
        holder[name] = value;
      });
    }
  };
  for (const part of module.modules()) visit(part as unknown as Record<string, unknown>);
  return () => {
    for (const step of undo) step();
  };
}
