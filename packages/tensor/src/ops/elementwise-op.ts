import { apply } from '../apply.ts';
import type { Inputs, Op, TensorView, Values } from '../contracts.ts';
import { floatType, numberType } from '../dtype.ts';
import { besideNumber, float, type Operand, operands } from '../operands.ts';
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
  /** That of an op that takes integers too, where they are: of i32 or u32, which it calls `T`, as are p's parts. */
  readonly integers?: string | undefined;
}

/**
 * How an op computes with int32 and uint32: see `ElementwiseOp.integers`; and the definition, where float64 would not be exact.
 * What that returns is stored modulo 2³².
 */
export type IntegerForm<P extends Parameters = Parameters> =
  | string
  | {
      readonly expression: string;
      readonly reference: (a: number, b: number, c: number, p: P) => number;
    };

type None = readonly [];
type One = readonly [x: TensorView];
type Two = readonly [a: TensorView, b: TensorView];
type Three = readonly [a: TensorView, b: TensorView, c: TensorView];

function elementwise<P extends Parameters, I extends Inputs, N extends string>(
  name: N,
  reference: (a: number, b: number, c: number, p: P) => number,
  expression: string,
  integers?: IntegerForm<P>,
): ElementwiseOp<P, I, N> {
  const form = typeof integers === 'string' ? { expression: integers, reference } : integers;
  return {
    name,
    expression,
    integers: form?.expression,
    infer(inputs) {
      const dtype = form ? numberType(name, inputs) : floatType(name, inputs);
      return { shape: broadcastShapes(name, ...inputs.map((input) => input.shape)), dtype };
    },
    reference(inputs, parameters, output) {
      const elements = inputs.map(({ shape, data }) => {
        const at = indexer(shape, output.shape);
        return (i: number) => data[at(i)]!;
      });
      const [a, b = none, c = none] = elements as [Element, Element?, Element?];
      const define = form && !isReal(output) ? form.reference : reference;
      for (let i = 0; i < output.data.length; i++) output.data[i] = define(a(i), b(i), c(i), parameters);
    },
  };
}

type Element = (index: number) => number;
const none: Element = () => 0;
const isReal = ({ data }: Values) => data instanceof Float64Array;

// ------------------------------------------------------------------------------------------ ops, and functions of them

export const unaryOp = <N extends string, P extends Parameters = None>(
  name: N,
  reference: (a: number, p: P) => number,
  wgsl: string,
  integers?: IntegerForm<P>,
) => elementwise<P, One, N>(name, (a, _b, _c, p) => reference(a, p), wgsl, integers);

export const binaryOp = <N extends string>(
  name: N,
  reference: (a: number, b: number) => number,
  wgsl: string,
  integers?: IntegerForm<None>,
) => elementwise<None, Two, N>(name, (a, b) => reference(a, b), wgsl, integers);

export const ternaryOp = <N extends string>(
  name: N,
  reference: (a: number, b: number, c: number) => number,
  wgsl: string,
  integers?: IntegerForm<None>,
) => elementwise<None, Three, N>(name, (a, b, c) => reference(a, b, c), wgsl, integers);

/** A function that runs an op, with the op at hand, and the number of its arguments where all are operands. */
export type Callable<O, F> = F & { readonly op: O; readonly operands?: number | undefined };

export const callable = <O, F extends (...args: never[]) => unknown>(
  op: O,
  makeFunction: (op: O) => F,
  operands?: number,
) => Object.assign(makeFunction(op), { op, operands }) as Callable<O, F>;

type Unary<N extends string> = Callable<ElementwiseOp<None, One, N>, (x: Tensor) => Tensor>;
type Binary<N extends string> = Callable<ElementwiseOp<None, Two, N>, (a: Operand, b: Operand) => Tensor>;

/** A function of one tensor and its op: the definition in JavaScript, and the expression in WGSL. */
export const unary = <N extends string>(
  name: N,
  reference: (a: number) => number,
  wgsl: string,
  integers?: IntegerForm<None>,
): Unary<N> =>
  callable(unaryOp(name, reference, wgsl, integers), (op) => (x: Tensor) => apply(op, [x], []), 1);

interface BinaryOptions {
  /** What it comes to where the left operand, or the right one, is a number; undefined: nothing simpler. */
  left?(a: number, x: Tensor): Tensor;
  right?(x: Tensor, b: number): Tensor | undefined;
  /** Given if it takes integers too. */
  readonly integers?: IntegerForm<None>;
}

/** A function of two tensors, or of a tensor and a number, and its op. */
export const binary = <N extends string>(
  name: N,
  reference: (a: number, b: number) => number,
  wgsl: string,
  { left, right, integers }: BinaryOptions = {},
): Binary<N> => {
  const checked = (x: Tensor, value: number) => (integers ? besideNumber(name, x, value) : float(name, x));
  return callable(
    binaryOp(name, reference, wgsl, integers),
    (op) => (a: Operand, b: Operand) => {
      const simpler =
        right && a instanceof Tensor && typeof b === 'number'
          ? right(checked(a, b), b)
          : left && b instanceof Tensor && typeof a === 'number'
            ? left(a, checked(b, a))
            : undefined;
      return simpler ?? apply(op, operands(name, a, b), []);
    },
    2,
  );
};
