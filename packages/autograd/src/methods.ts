import { Tensor } from '@tapegrad/tensor';
import { type BackwardOptions, backward, detach, gradientOf, requiresGrad } from './backward.ts';
import { isTracked } from './graph.ts';

declare module '@tapegrad/tensor/tensor' {
  interface Tensor {
    /** Whether this is a leaf for which `backward` computes a gradient, or was computed from one. Set it only on leaves. */
    requiresGrad: boolean;
    /** The gradient that `backward` has accumulated, or null. */
    readonly grad: Tensor | null;
    /** Adds the gradient of this tensor to `grad` of every leaf that it depends on; see the function `backward`. */
    backward(options?: BackwardOptions): void;
    /** The same values with no history. */
    detach(): Tensor;
  }
}

Object.defineProperties(Tensor.prototype, {
  requiresGrad: {
    get(this: Tensor) {
      return isTracked(this);
    },
    set(this: Tensor, on: boolean) {
      requiresGrad(this, on);
    },
  },
  grad: {
    get(this: Tensor) {
      return gradientOf(this);
    },
  },
  backward: {
    value(this: Tensor, options?: BackwardOptions) {
      backward(this, options);
    },
  },
  detach: {
    value(this: Tensor) {
      return detach(this);
    },
  },
});
