import {
  assertTensor,
  cast,
  checkOptions,
  described,
  type Generator,
  isFloat,
  keep,
  mul,
  scope,
  type Tensor,
  tensor,
} from '@tapegrad/tensor';
import { generatorFor, type InitOptions } from '../init.ts';
import { Module } from '../module.ts';

/**
 * Dropout (Srivastava et al. 2014): any shape → the same, in float32 or float16. In training it sets each element to 0 with
 * probability p and scales the others by 1/(1 − p); in evaluation it is the identity.
 * @throws if p is not a probability
 */
export class Dropout extends Module {
  /** The probability of an element to be dropped. */
  readonly p: number;
  /** Draws which elements are dropped. */
  readonly generator: Generator;
  readonly #survival: Tensor;

  constructor(p = 0.5, options: InitOptions = {}) {
    super();
    checkOptions('Dropout', options, ['generator']);
    const generator = generatorFor('Dropout', options);
    if (!(typeof p === 'number' && p >= 0 && p <= 1)) {
      throw new Error(`Dropout: p is a probability, got ${described(p)}`);
    }
    this.p = p;
    this.generator = generator;
    // On the device already, so that a training step uploads nothing.
    this.#survival = keep(tensor(1 - p, { device: generator.state.device }));
  }

  forward(x: Tensor): Tensor {
    assertTensor('Dropout', x);
    if (!this.training || this.p === 0) return x;
    if (!isFloat(x.dtype))
      throw new Error(`Dropout: expects float32 or float16, got ${x.dtype}; cast it first`);
    const { dtype } = x;
    return scope(() => {
      const drawn = this.generator.bernoulli(x.shape, this.#survival);
      const mask = dtype === 'float32' ? drawn : cast(drawn, dtype);
      return mul(x, mul(mask, this.p === 1 ? 0 : 1 / (1 - this.p)));
    });
  }
}
