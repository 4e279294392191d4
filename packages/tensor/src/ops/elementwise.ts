import type { Inputs, Op, TensorView } from '../contracts.ts';
import { floatType } from '../dtype.ts';
import { broadcastShapes, indexer } from '../shape.ts';

/** Numbers that an elementwise op takes besides its tensors, four at most: `p.x` … in WGSL, `p[0]` … in JavaScript. */
export type Parameters = readonly number[];

/** An op that makes each element of its output from those of its inputs at the same index; inputs broadcast. */
export interface ElementwiseOp<P extends Parameters = Parameters, I extends Inputs = Inputs>
  extends Op<P, I> {
  /** The WGSL of one element: a function of `a`, `b`, `c` (the inputs') and `p`, the parameters, a vec4f. */
  readonly expression: string;
}

type Unary = readonly [x: TensorView];
type Binary = readonly [a: TensorView, b: TensorView];
type Ternary = readonly [a: TensorView, b: TensorView, c: TensorView];

function elementwise<P extends Parameters, I extends Inputs>(
  name: string,
  reference: (a: number, b: number, c: number, p: P) => number,
  expression: string,
): ElementwiseOp<P, I> {
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

const unary = <P extends Parameters = readonly []>(
  name: string,
  reference: (a: number, p: P) => number,
  wgsl: string,
) => elementwise<P, Unary>(name, (a, _b, _c, p) => reference(a, p), wgsl);
const binary = (name: string, reference: (a: number, b: number) => number, wgsl: string) =>
  elementwise<readonly [], Binary>(name, (a, b) => reference(a, b), wgsl);
const ternary = (name: string, reference: (a: number, b: number, c: number) => number, wgsl: string) =>
  elementwise<readonly [], Ternary>(name, (a, b, c) => reference(a, b, c), wgsl);

const bool = (value: boolean) => (value ? 1 : 0);
const sign = (a: number) => (Number.isNaN(a) ? a : a > 0 ? 1 : a < 0 ? -1 : 0);
/** log(1 + exp(a)) without overflow. */
const softplus = (a: number) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));
const sigmoid = (a: number) => (a >= 0 ? 1 / (1 + Math.exp(-a)) : Math.exp(a) / (1 + Math.exp(a)));

/**
 * The elementwise ops: each line is the definition in JavaScript and the expression in WGSL. Helper functions that
 * the expressions call (`safe_tanh`, `signed_pow`, …) are in `shaders/prelude.wgsl`. Some drivers take `!=` for
 * false where an operand is NaN, so the expressions only ask `==`.
 */
export const elementwiseOps = {
  neg: unary('neg', (a) => -a, '-a'),
  abs: unary('abs', Math.abs, 'abs(a)'),
  sign: unary('sign', sign, 'select(sign(a), a, is_nan(a))'),
  exp: unary('exp', Math.exp, 'safe_exp(a)'),
  log: unary('log', Math.log, 'safe_log(a)'),
  log1p: unary('log1p', Math.log1p, 'log1p_accurate(a)'),
  sqrt: unary('sqrt', Math.sqrt, 'sqrt(a)'),
  square: unary('square', (a) => a * a, 'a * a'),
  reciprocal: unary('reciprocal', (a) => 1 / a, '1.0 / a'),
  sin: unary('sin', Math.sin, 'sin(a)'),
  cos: unary('cos', Math.cos, 'cos(a)'),
  floor: unary('floor', Math.floor, 'floor(a)'),
  relu: unary('relu', (a) => Math.max(a, 0), 'select(a, 0.0, a <= 0.0)'),
  leakyRelu: unary(
    'leakyRelu',
    (a, [slope]: readonly [number]) => (a <= 0 ? slope * a : a),
    'select(a, p.x * a, a <= 0.0)',
  ),
  sigmoid: unary('sigmoid', sigmoid, 'sigmoid(a)'),
  tanh: unary('tanh', Math.tanh, 'safe_tanh(a)'),
  softplus: unary('softplus', softplus, 'softplus(a)'),
  clamp: unary(
    'clamp',
    (a, [low, high]: readonly [number, number]) => Math.min(Math.max(a, low), high),
    'select(clamp(a, p.x, p.y), a, is_nan(a))',
  ),
  /** a·p₀ + p₁: what scalars added to and multiplied with a tensor become. */
  affine: unary(
    'affine',
    (a, [scale, shift]: readonly [number, number]) => a * scale + shift,
    'a * p.x + p.y',
  ),
  powScalar: unary('powScalar', (a, [exponent]: readonly [number]) => a ** exponent, 'signed_pow(a, p.x)'),

  add: binary('add', (a, b) => a + b, 'a + b'),
  sub: binary('sub', (a, b) => a - b, 'a - b'),
  mul: binary('mul', (a, b) => a * b, 'a * b'),
  div: binary('div', (a, b) => a / b, 'a / b'),
  pow: binary('pow', (a, b) => a ** b, 'signed_pow(a, b)'),
  minimum: binary('minimum', Math.min, 'lesser(a, b)'),
  maximum: binary('maximum', Math.max, 'greater(a, b)'),
  /** a where b is positive, else 0: the gradient of relu. */
  maskPositive: binary('maskPositive', (a, b) => (b > 0 ? a : 0), 'select(0.0, a, b > 0.0)'),
  equal: binary('equal', (a, b) => bool(a === b), 'f32(a == b)'),
  notEqual: binary('notEqual', (a, b) => bool(a !== b), 'select(1.0, 0.0, a == b)'),
  less: binary('less', (a, b) => bool(a < b), 'f32(a < b)'),
  lessEqual: binary('lessEqual', (a, b) => bool(a <= b), 'f32(a <= b)'),
  greater: binary('greater', (a, b) => bool(a > b), 'f32(a > b)'),
  greaterEqual: binary('greaterEqual', (a, b) => bool(a >= b), 'f32(a >= b)'),

  /** b where a is not 0, else c. */
  where: ternary('where', (a, b, c) => (a !== 0 ? b : c), 'select(b, c, a == 0.0)'),
};
