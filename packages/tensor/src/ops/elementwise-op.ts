import { apply } from '../apply.ts';
import type { Inputs, Op, TensorView } from '../contracts.ts';
import { floatType } from '../dtype.ts';
import { float, type Operand, operands } from '../operands.ts';
import { broadcastShapes, indexer } from '../shape.ts';
import { Tensor } from '../tensor.ts';

/** Numbers that an elementwise op takes besides its tensors, four at most: `p.x` … in WGSL, `p[0]` … in JavaScript. */
export type Parameters = readonly number[];

/** An op that makes each element of its output from those of its inputs at the same index; inputs broadcast. */
export interface ElementwiseOp<
  P extends Parameters = Parameters,
  I extends Inputs = Inputs,
  N extends string = string,
> extends Op<P, I> {
  readonly name: N;
  /** The WGSL of one element: a function of `a`, `b`, `c` (the inputs') and `p`, the parameters, a vec4f. */
  readonly expression: string;
}

type None = readonly [];
type One = readonly [x: TensorView];
type Two = readonly [a: TensorView, b: TensorView];
type Three = readonly [a: TensorView, b: TensorView, c: TensorView];

function elementwise<P extends Parameters, I extends Inputs, N extends string>(
  name: N,
  reference: (a: number, b: number, c: number, p: P) => number,
  expression: string,
): ElementwiseOp<P, I, N> {
  return {
    name,
    expression,
    infer(inputs) {
      const dtype = floatType(name, inputs);
      return { shape: broadcastShapes(name, ...inputs.map((input) => input.shape)), dtype };
    },
    reference(inputs, parameters, output) {
      const elements = inputs.map(({ shape, data }) => {
        const at = indexer(shape, output.shape);
        return (i: number) => data[at(i)]!;
      });
      const [a, b = none, c = none] = elements as [Element, Element?, Element?];
      for (let i = 0; i < output.data.length; i++) output.data[i] = reference(a(i), b(i), c(i), parameters);
    },
  };
}

type Element = (index: number) => number;
const none: Element = () => 0;

// ------------------------------------------------------------------------------------------ ops, and functions of them

export const unaryOp = <N extends string, P extends Parameters = None>(
  name: N,
  reference: (a: number, p: P) => number,
  wgsl: string,
) => elementwise<P, One, N>(name, (a, _b, _c, p) => reference(a, p), wgsl);

export const binaryOp = <N extends string>(
  name: N,
  reference: (a: number, b: number) => number,
  wgsl: string,
) => elementwise<None, Two, N>(name, (a, b) => reference(a, b), wgsl);

export const ternaryOp = <N extends string>(
  name: N,
  reference: (a: number, b: number, c: number) => number,
  wgsl: string,
) => elementwise<None, Three, N>(name, (a, b, c) => reference(a, b, c), wgsl);

/** A function that runs an op, with the op at hand. */
export type Callable<O, F> = F & { readonly op: O };

export const callable = <O, F extends (...args: never[]) => unknown>(op: O, makeFunction: (op: O) => F) =>
  Object.assign(makeFunction(op), { op }) as Callable<O, F>;

type Unary<N extends string> = Callable<ElementwiseOp<None, One, N>, (x: Tensor) => Tensor>;
type Binary<N extends string> = Callable<ElementwiseOp<None, Two, N>, (a: Operand, b: Operand) => Tensor>;

/** A function of one tensor and its op: the definition in JavaScript, and the expression in WGSL. */
export const unary = <N extends string>(name: N, reference: (a: number) => number, wgsl: string): Unary<N> =>
  callable(unaryOp(name, reference, wgsl), (op) => (x: Tensor) => apply(op, [x], []));

/** What a binary op comes to where the left operand, or the right one, is a number; undefined: nothing simpler. */
interface WithNumber {
  left?(a: number, x: Tensor): Tensor;
  right?(x: Tensor, b: number): Tensor | undefined;
}

/** A function of two tensors, or of a tensor and a number, and its op. */
export const binary = <N extends string>(
  name: N,
  reference: (a: number, b: number) => number,
  wgsl: string,
  { left, right }: WithNumber = {},
): Binary<N> =>
  callable(binaryOp(name, reference, wgsl), (op) => (a: Operand, b: Operand) => {
    const simpler =
      right && a instanceof Tensor && typeof b === 'number'
        ? right(float(name, a), b)
        : left && b instanceof Tensor && typeof a === 'number'
          ? left(a, float(name, b))
          : undefined;
    return simpler ?? apply(op, operands(name, a, b), []);
  });
