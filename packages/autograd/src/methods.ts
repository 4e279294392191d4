import { Tensor } from '@tapegrad/tensor';
import {
  type BackwardOptions,
  backward,
  detach,
  gradientOf,
  isLeafRequiringGrad,
  requiresGrad,
} from './autograd.ts';

declare module '@tapegrad/tensor/tensor' {
  interface Tensor {
    /** Whether `backward` is to compute this leaf's gradient. */
    requiresGrad: boolean;
    /** The gradient that `backward` has accumulated, or null. */
    readonly grad: Tensor | null;
    backward(options?: BackwardOptions): void;
    detach(): Tensor;
  }
}

Object.defineProperties(Tensor.prototype, {
  requiresGrad: {
    get(this: Tensor) {
      return isLeafRequiringGrad(this);
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
