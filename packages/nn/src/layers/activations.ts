import { leakyRelu, relu, sigmoid, softplus, type Tensor, tanh } from '@tapegrad/tensor';
import { Module } from '../module.ts';

/** max(x, 0), elementwise: any shape → the same. */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** x where positive, otherwise slope·x, elementwise: any shape → the same. */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = negativeSlope;
  }

  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope);
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
