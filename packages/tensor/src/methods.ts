import * as f from './functions.ts';
import { Tensor } from './tensor.ts';

/** The functions that also read well as methods: `x.mul(y).sum()` is `sum(mul(x, y))`. */
const methods = {
  neg: f.neg,
  abs: f.abs,
  exp: f.exp,
  log: f.log,
  sqrt: f.sqrt,
  square: f.square,
  reciprocal: f.reciprocal,
  relu: f.relu,
  leakyRelu: f.leakyRelu,
  sigmoid: f.sigmoid,
  tanh: f.tanh,
  softplus: f.softplus,
  clamp: f.clamp,
  add: f.add,
  sub: f.sub,
  mul: f.mul,
  div: f.div,
  pow: f.pow,
  minimum: f.minimum,
  maximum: f.maximum,
  sum: f.sum,
  mean: f.mean,
  max: f.max,
  min: f.min,
  argmax: f.argmax,
  argmin: f.argmin,
  logSumExp: f.logSumExp,
  softmax: f.softmax,
  logSoftmax: f.logSoftmax,
  matmul: f.matmul,
  reshape: f.reshape,
  flatten: f.flatten,
  permute: f.permute,
  transpose: f.transpose,
  expand: f.expand,
  slice: f.slice,
  pad: f.pad,
  cast: f.cast,
};

type Methods = typeof methods;

/** Drops the first parameter, which the method's receiver fills. */
type Method<F> = F extends (x: never, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : never;

declare module './tensor.ts' {
  interface Tensor extends TensorMethods {}
}

export type TensorMethods = { [K in keyof Methods]: Method<Methods[K]> };

for (const [name, fn] of Object.entries(methods) as [string, (...args: unknown[]) => unknown][]) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...rest: unknown[]) {
      return fn(this, ...rest);
    },
  });
}
