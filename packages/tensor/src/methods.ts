import { described } from './described.ts';
import type * as functions from './functions/index.ts';
import {
  argmax,
  argmin,
  cast,
  cumsum,
  expand,
  flatten,
  logSoftmax,
  logSumExp,
  matmul,
  max,
  mean,
  min,
  oneHot,
  pad,
  permute,
  prod,
  reshape,
  slice,
  softmax,
  squeeze,
  std,
  sum,
  t,
  transpose,
  unsqueeze,
  variance,
  view,
} from './functions/index.ts';
import * as elementwise from './ops/elementwise.ts';
import { Tensor } from './tensor.ts';

/** Functions that also read well as methods, `x.sum()` for `sum(x)`; so do the elementwise ones, all but `where`. */
const chosen = {
  ...{ sum, prod, mean, variance, std, max, min, argmax, argmin, logSumExp, cumsum, softmax, logSoftmax },
  ...{
    matmul,
    reshape,
    view,
    flatten,
    squeeze,
    unsqueeze,
    permute,
    transpose,
    t,
    expand,
    slice,
    pad,
    cast,
    oneHot,
  },
};

/** As the modules have them, whose comments editors show. */
type Methods = Pick<typeof functions, keyof typeof chosen> & Omit<typeof elementwise, 'where'>;

/**
 * Drops the first parameter, which the method's receiver fills. The others keep their names; only one that stands for any
 * number of arguments loses its own, and `slice` alone has such.
 */
type Method<F> = F extends (x: never, ...rest: infer Rest) => infer Result
  ? (...ranges: Rest) => Result
  : never;

export type TensorMethods = { [K in keyof Methods]: Method<Methods[K]> };

declare module './tensor.ts' {
  interface Tensor extends TensorMethods {}
  /** What a tensor is to its users it is inside, too. @internal */
  interface TensorInternals extends Tensor {}
}

const { where: _, ...others } = elementwise;
type AnyFunction = ((...args: unknown[]) => unknown) & { readonly operands?: number };
const methods = Object.entries({ ...chosen, ...others }) as unknown as [string, AnyFunction][];

for (const [name, fn] of methods) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...rest: unknown[]) {
      // An argument too many, such as the decimals of NumPy's `round`, would otherwise be ignored.
      if (rest.length >= (fn.operands ?? Number.POSITIVE_INFINITY)) {
        const takes = fn.operands === 1 ? 'no argument' : 'one argument';
        throw new Error(`${name}: takes ${takes}, got ${rest.map((one) => described(one)).join(', ')}`);
      }
      return fn(this, ...rest);
    },
  });
}
