import {
  assertNumber,
  checkOptions,
  elu,
  type GeluOptions,
  gelu,
  leakyRelu,
  relu,
  sigmoid,
  silu,
  softplus,
  type Tensor,
  tanh,
} from '@tapegrad/tensor';
import { Module } from '../module.ts';

/** max(x, 0), elementwise: any shape → the same. */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** x where positive, otherwise slope·x, elementwise: any shape → the same. */
export class LeakyReLU extends Module {
  /** What x is multiplied with below 0. */
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01) {
    super();
    assertNumber('LeakyReLU', 'the slope', negativeSlope);
    this.negativeSlope = negativeSlope;
  }

  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope);
  }
}

/** x where positive, otherwise α·(exp(x) − 1), elementwise: any shape → the same. */
export class ELU extends Module {
  /** Minus the value that is approached below 0. */
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    assertNumber('ELU', 'alpha', alpha);
    this.alpha = alpha;
  }

  forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }
}

/** x·Φ(x), exactly or with `approximate: 'tanh'` (see `gelu`), elementwise: any shape → the same. */
export class GELU extends Module {
  /** Whether by tanh. */
  readonly options: GeluOptions;

  constructor(options: GeluOptions = {}) {
    super();
    checkOptions('GELU', options, ['approximate']);
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return gelu(x, this.options);
  }
}

/** x·σ(x), elementwise: any shape → the same. */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/** 1 / (1 + exp(−x)), elementwise: any shape → the same. */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** tanh(x), elementwise: any shape → the same. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** log(1 + exp(x)), elementwise: any shape → the same. */
export class Softplus extends Module {
  forward(x: Tensor): Tensor {
    return softplus(x);
  }
}
