import type { Op, TensorView } from '../contracts.ts';
import { floatType } from '../dtype.ts';
import { broadcastShapes, broadcastStrides, collapse, type Shape, sizeOf, stridesOf } from '../shape.ts';
import { float, type Launch } from '../webgpu/kernels.ts';

/** Up to four numbers that an elementwise op takes besides its tensors: `p.x` … in WGSL, `p[0]` … in JavaScript. */
export type Parameters = readonly number[];

type Scalar = (a: number, b: number, c: number, p: Parameters) => number;

/** Threads of a workgroup, and elements, or vectors of four, that a thread does. */
const WORKGROUP = 64;
const ITEMS = 4;
/** Digits that the strided kernel decodes; collapsing neighbouring axes makes real programs stay far below. */
const MAX_DIGITS = 8;

function elementwise(name: string, arity: 1 | 2 | 3, reference: Scalar, wgsl: string): Op<Parameters> {
  return {
    name,
    infer(inputs) {
      const dtype = floatType(name, inputs);
      return { shape: broadcastShapes(name, ...inputs.map((input) => input.shape)), dtype };
    },
    reference(inputs, parameters, output) {
      const indexers = inputs.map((input) => indexer(input.shape, output.shape));
      for (let i = 0; i < output.data.length; i++) {
        const [a, b, c] = inputs.map((input, k) => input.data[indexers[k]!(i)]!);
        output.data[i] = reference(a!, b!, c!, parameters);
      }
    },
    kernel(gpu, inputs, parameters, output) {
      const entry = (['unary', 'binary', 'ternary'] as const)[arity - 1]!;
      gpu.launch(elementwiseLaunch(name, entry, wgsl, inputs, parameters, output));
    },
  };
}

/** Maps a row-major index in `target` to the index in `shape` that broadcasting reads. */
export function indexer(shape: Shape, target: Shape): (index: number) => number {
  const strides = broadcastStrides(shape, target);
  return (index) => {
    let position = 0;
    for (let axis = target.length - 1; axis >= 0; axis--) {
      const extent = target[axis]!;
      position += (index % extent) * strides[axis]!;
      index = Math.floor(index / extent);
    }
    return position;
  };
}

function elementwiseLaunch(
  name: string,
  entry: string,
  expression: string,
  inputs: readonly TensorView[],
  parameters: Parameters,
  output: TensorView,
): Launch {
  const collapsed = collapse(
    output.shape,
    stridesOf(output.shape),
    ...inputs.map((input) => broadcastStrides(input.shape, output.shape)),
  );
  const [, ...strides] = collapsed.strides;
  const rank = collapsed.shape.length;
  if (rank > MAX_DIGITS) {
    throw new Error(
      `${name}: more than ${MAX_DIGITS} interleaved broadcast axes: [${output.shape.join(', ')}]`,
    );
  }
  // With at most one digit left, every input is read straight or is a single value.
  const linear = rank <= 1;
  const size = sizeOf(output.shape);
  const vectors = size % 4 === 0;
  // Each input along a vector: read straight, or one value (the last axis is broadcast and no vector leaves a row), or
  // four side by side (an earlier axis is broadcast, as for a bias).
  const whole = vectors && rank > 0 && collapsed.shape.at(-1)! % 4 === 0;
  const [A, B, C] = strides.map((list, i) => ({
    straight: vectors && inputs[i]!.size === size,
    splat: (vectors && rank === 0) || (whole && list.at(-1) === 0),
    run: whole && list.at(-1) === 1,
  }));
  const modes = {
    VECTORS: vectors,
    A_STRAIGHT: A!.straight,
    A_SPLAT: A!.splat,
    A_RUN: A!.run,
    B_STRAIGHT: B?.straight ?? false,
    B_SPLAT: B?.splat ?? false,
    B_RUN: B?.run ?? false,
    C_STRAIGHT: C?.straight ?? false,
    C_SPLAT: C?.splat ?? false,
    C_RUN: C?.run ?? false,
  };
  const pad = (list: readonly number[]) => [...new Array(MAX_DIGITS - list.length).fill(0), ...list];
  return {
    shader: 'elementwise',
    entry,
    constants: { WORKGROUP, ITEMS, LINEAR: linear, ...modes },
    code: `fn f(a: f32, b: f32, c: f32, p: vec4f) -> f32 { return ${expression}; }`,
    outputs: [output],
    inputs,
    uniforms: [
      size,
      rank,
      0,
      0,
      ...[0, 1, 2, 3].map((i) => float(parameters[i] ?? 0)),
      ...pad(collapsed.shape),
      ...strides.flatMap(pad),
    ],
    workgroups: Math.ceil(size / (WORKGROUP * ITEMS * (vectors ? 4 : 1))),
    fusion: { role: 'elementwise', expression, parameters },
  };
}

const unary = (name: string, reference: (a: number, p: Parameters) => number, wgsl: string) =>
  elementwise(name, 1, (a, _b, _c, p) => reference(a, p), wgsl);
const binary = (name: string, reference: (a: number, b: number) => number, wgsl: string) =>
  elementwise(name, 2, (a, b) => reference(a, b), wgsl);
const ternary = (name: string, reference: (a: number, b: number, c: number) => number, wgsl: string) =>
  elementwise(name, 3, (a, b, c) => reference(a, b, c), wgsl);

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
  leakyRelu: unary('leakyRelu', (a, [slope]) => (a <= 0 ? slope! * a : a), 'select(a, p.x * a, a <= 0.0)'),
  sigmoid: unary('sigmoid', sigmoid, 'sigmoid(a)'),
  tanh: unary('tanh', Math.tanh, 'safe_tanh(a)'),
  softplus: unary('softplus', softplus, 'softplus(a)'),
  clamp: unary(
    'clamp',
    (a, [low, high]) => Math.min(Math.max(a, low!), high!),
    'select(clamp(a, p.x, p.y), a, is_nan(a))',
  ),
  /** a·p₀ + p₁: what scalars added to and multiplied with a tensor become. */
  affine: unary('affine', (a, [scale, shift]) => a * scale! + shift!, 'a * p.x + p.y'),
  powScalar: unary('powScalar', (a, [exponent]) => a ** exponent!, 'signed_pow(a, p.x)'),

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
