import { defineRule } from '@tapegrad/autograd';
import {
  apply,
  assertFunction,
  assertTensors,
  cast,
  checkOptions,
  described,
  mul,
  type Op,
  type Tensor,
  type TensorView,
} from '@tapegrad/tensor';
import { functionalCall } from './functional-call.ts';
import { assertModule, type Module } from './module.ts';

/** Options of `autocast`. */
export interface AutocastOptions {
  /**
   * Gradients are multiplied by this while they are float16, and divided by it when they reach float32: a mean over a
   * batch of images makes gradients of 10⁻⁶, where a float16 has few bits left. Default 1024.
   */
  scale?: number;
}

/** The same tensor, but its gradient is multiplied by a number. */
const scaleGradient: Op<number, readonly [x: TensorView]> = {
  name: 'scaleGradient',
  alias: true,
  infer: ([x]) => ({ shape: x.shape, dtype: x.dtype }),
  reference() {},
};
defineRule(scaleGradient, ({ gradient, attributes: scale }) => [() => mul(gradient, scale)]);

/**
 * Runs part of a model in float16: `fn` sees the module's parameters and its float32 `inputs` as float16, and its
 * result comes back as float32, of whatever shape. Sums are still accumulated in float32 (as `matmul` and its like
 * do), but weights, activations and their gradients take half the memory. The parameters themselves stay float32: the
 * casts are recorded, so `backward` leaves float32 gradients in them, and an optimizer updates the float32 values.
 *
 *     const logits = autocast(model, (x) => model.forward(x), [images]);
 *     crossEntropyLoss(logits, labels).backward();
 *
 * After Micikevicius et al. 2018, "Mixed Precision Training" (float32 master weights, loss scaling). BatchNorm2d refuses
 * float16, since its running statistics are float32: cast before and after it. Compute the loss outside, in float32.
 * @throws where the adapter has no float16 (`shader-f16`)
 */
export function autocast<A extends Tensor[]>(
  module: Module,
  fn: (...inputs: A) => Tensor,
  inputs: A,
  options: AutocastOptions = {},
): Tensor {
  assertModule('autocast', module);
  assertFunction('autocast', fn);
  assertTensors('autocast', inputs);
  checkOptions('autocast', options, ['scale']);
  const { scale = 1024 } = options;
  if (!(typeof scale === 'number' && scale > 0)) {
    throw new Error(`autocast: the scale is a number above 0, got ${described(scale)}`);
  }
  const halved = (x: Tensor) => cast(apply(scaleGradient, [x], 1 / scale), 'float16');
  const parameters = new Map([...module.namedParameters()].map(([name, tensor]) => [name, halved(tensor)]));
  return functionalCall(module, parameters, () => {
    const narrow = inputs.map((x) => (x.dtype === 'float32' ? halved(x) : x)) as A;
    return apply(scaleGradient, [cast(fn(...narrow), 'float32')], scale);
  });
}
