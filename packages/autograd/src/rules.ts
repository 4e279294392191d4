import {
  type AnyOp,
  type Attributes,
  add,
  apply,
  cast,
  concat,
  cos,
  cumsum,
  div,
  type Each,
  elementwiseOps,
  equal,
  exp,
  full,
  greater,
  greaterEqual,
  type Inputs,
  type InputsOf,
  isFloat,
  less,
  lessEqual,
  log,
  matmul,
  mul,
  nameInTable,
  neg,
  type Op,
  type OpName,
  opNamed,
  pad,
  permute,
  pow,
  reshape,
  sigmoid,
  sign,
  sin,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  type TensorView,
  where,
} from '@tapegrad/tensor';

/** What a rule may use: the call of an op, and the gradient of its output. */
export interface VjpContext<A, I extends Inputs = Inputs> {
  /** The gradient of the output, in its shape. For an elementwise op it may be smaller, as long as it broadcasts to it. */
  readonly gradient: Tensor;
  /** What the op was called with. */
  readonly inputs: Each<Tensor, I>;
  /** The result. */
  readonly output: Tensor;
  /** Its other arguments: axes, strides, flags. */
  readonly attributes: A;
}

/**
 * The vector-Jacobian product of an op: for each input a function that gives its gradient, called only where it is
 * needed, or null where there is none. Parts may have the output's shape even where the input was broadcast; the walk
 * sums. Rules compute with recorded ops, so that a gradient can be differentiated again.
 */
export type Vjp<A, I extends Inputs = Inputs> = (context: VjpContext<A, I>) => Each<(() => Tensor) | null, I>;

/** For an op without a derivative: no gradient flows back through it. */
const none = null;

type Binary = { g: Tensor; a: Tensor; b: Tensor; y: Tensor };

const unary =
  <P extends readonly number[]>(
    part: (g: Tensor, x: Tensor, y: Tensor, p: P) => Tensor,
  ): Vjp<P, readonly [x: TensorView]> =>
  ({ gradient, inputs: [x], output, attributes }) => [() => part(gradient, x, output, attributes)];

const binary =
  (
    forA: (c: Binary) => Tensor,
    forB: (c: Binary) => Tensor,
  ): Vjp<readonly [], readonly [a: TensorView, b: TensorView]> =>
  ({ gradient: g, inputs: [a, b], output: y }) => [() => forA({ g, a, b, y }), () => forB({ g, a, b, y })];

const positive = (g: Tensor, x: Tensor) => apply(opNamed('maskPositive'), [g, x], []);
const oneMinus = (x: Tensor) => sub(1, x);
/** Half of the gradient where the operands are equal. */
const shared = (g: Tensor, a: Tensor, b: Tensor) => mul(g, sub(1, mul(equal(a, b), 0.5)));
/** A gradient that is 0 everywhere: it may be smaller than x. */
const zero = (x: Tensor) => full([], 0, { dtype: x.dtype, device: x.device });
const normalDensity = (x: Tensor) => mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
/** gelu's approximation is x·σ(slope·(x + 0.044715 x³)). */
const TANH_SLOPE = 2 * Math.sqrt(2 / Math.PI);

/** Where reduced axes were dropped, puts them back with extent 1. */
function keptDims(t: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  return reshape(
    t,
    x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent)),
  );
}

/** Equal extremes share the gradient evenly. */
const extreme: Vjp<Attributes<'max'>, InputsOf<'max'>> = ({
  gradient,
  inputs: [x],
  output,
  attributes: { axes },
}) => [
  () => {
    const mask = equal(x, keptDims(output, x, axes));
    return mul(mask, div(keptDims(gradient, x, axes), sum(mask, axes, { keepDims: true })));
  },
];

/** All derivatives, one line or a few for each op of the table. A missing one does not compile. */
export const rules: { readonly [K in OpName]: Vjp<Attributes<K>, InputsOf<K>> | null } = {
  // Elementwise: g is the gradient, x (or a, b) the inputs, y the output, p the op's parameters.
  neg: unary((g) => neg(g)),
  abs: unary((g, x) => mul(g, sign(x))),
  sign: none,
  exp: unary((g, _x, y) => mul(g, y)),
  log: unary((g, x) => div(g, x)),
  log1p: unary((g, x) => div(g, add(x, 1))),
  sqrt: unary((g, _x, y) => div(mul(g, 0.5), y)),
  square: unary((g, x) => mul(mul(g, 2), x)),
  reciprocal: unary((g, _x, y) => neg(mul(g, mul(y, y)))),
  sin: unary((g, x) => mul(g, cos(x))),
  cos: unary((g, x) => neg(mul(g, sin(x)))),
  floor: none,
  ceil: none,
  round: none,
  relu: unary((g, _x, y) => positive(g, y)),
  leakyRelu: unary((g, x, _y, [slope]) => add(mul(g, slope), mul(positive(g, x), 1 - slope))),
  // 1 above 0, alpha·eˣ up to 0. The exponent is never positive.
  elu: unary((g, x, _y, [alpha]) => {
    const above = greater(x, 0);
    return mul(g, where(above, 1, mul(exp(where(above, 0, x)), alpha)));
  }),
  // Φ + x·φ, where φ is the normal density, Φ's derivative.
  gelu: unary((g, x) => mul(g, add(apply(opNamed('normalCdf'), [x], []), mul(x, normalDensity(x))))),
  geluTanh: unary((g, x) => {
    const s = sigmoid(mul(mul(x, add(mul(square(x), 0.044715), 1)), TANH_SLOPE));
    const slope = mul(add(mul(square(x), 3 * 0.044715), 1), TANH_SLOPE);
    return mul(g, mul(s, add(mul(mul(x, oneMinus(s)), slope), 1)));
  }),
  normalCdf: unary((g, x) => mul(g, normalDensity(x))),
  silu: unary((g, x) => {
    const s = sigmoid(x);
    return mul(g, mul(s, add(mul(x, oneMinus(s)), 1)));
  }),
  sigmoid: unary((g, _x, y) => mul(g, mul(y, oneMinus(y)))),
  tanh: unary((g, _x, y) => mul(g, oneMinus(mul(y, y)))),
  softplus: unary((g, x) => mul(g, sigmoid(x))),
  clamp: unary((g, x, _y, [low, high]) => where(mul(greaterEqual(x, low), lessEqual(x, high)), g, 0)),
  affine: unary((g, _x, _y, [scale]) => mul(g, scale)),
  // x⁰ is 1 everywhere, but 0·x⁻¹ is no number at 0.
  powScalar: unary((g, x, _y, [p]) => (p === 0 ? zero(x) : mul(g, mul(pow(x, p - 1), p)))),
  add: binary(
    ({ g }) => g,
    ({ g }) => g,
  ),
  sub: binary(
    ({ g }) => g,
    ({ g }) => neg(g),
  ),
  mul: binary(
    ({ g, b }) => mul(g, b),
    ({ g, a }) => mul(g, a),
  ),
  div: binary(
    ({ g, b }) => div(g, b),
    ({ g, b, y }) => neg(mul(g, div(y, b))),
  ),
  pow: binary(
    // As above where b is 0.
    ({ g, a, b }) => mul(g, where(equal(b, 0), 0, mul(b, pow(a, sub(b, 1))))),
    // 0ᵇ is 0 around any positive b.
    ({ g, a, b, y }) => {
      const flat = mul(equal(a, 0), greaterEqual(b, 0));
      return mul(g, where(flat, 0, mul(y, log(where(flat, 1, a)))));
    },
  ),
  // Equal operands share the gradient; if one is NaN, both get it, as in PyTorch.
  minimum: binary(
    ({ g, a, b }) => where(greater(a, b), 0, shared(g, a, b)),
    ({ g, a, b }) => where(greater(b, a), 0, shared(g, a, b)),
  ),
  maximum: binary(
    ({ g, a, b }) => where(less(a, b), 0, shared(g, a, b)),
    ({ g, a, b }) => where(less(b, a), 0, shared(g, a, b)),
  ),
  maskPositive: ({ gradient, inputs: [, b] }) => [() => positive(gradient, b), null],
  equal: none,
  notEqual: none,
  less: none,
  lessEqual: none,
  greater: none,
  greaterEqual: none,
  where: ({ gradient, inputs: [condition] }) => [
    null,
    () => where(condition, gradient, 0),
    () => where(condition, 0, gradient),
  ],

  // Reductions: the gradient with the reduced axes put back broadcasts to the input.
  sum: ({ gradient, inputs: [x], attributes: { axes } }) => [() => keptDims(gradient, x, axes)],
  prod: ({ gradient: g, inputs: [x], attributes: { axes } }) => [() => factorGradients(x, g, axes)],
  max: extreme,
  min: extreme,
  argmax: none,
  argmin: none,
  cumsum: ({ gradient, attributes: { axis, reverse } }) => [
    () => cumsum(gradient, axis, { reverse: !reverse }),
  ],
  softmax: ({ gradient: g, output: y, attributes: { axis } }) => [
    () => mul(y, sub(g, sum(mul(g, y), axis, { keepDims: true }))),
  ],
  logSoftmax: ({ gradient: g, output: y, attributes: { axis } }) => [
    () => sub(g, mul(exp(y), sum(g, axis, { keepDims: true }))),
  ],

  // Contractions: each is bilinear, and their gradients are again contractions of the same three kinds.
  matmul: ({ gradient: g, inputs: [a, b], attributes: { transposeA, transposeB } }) => [
    () =>
      transposeA
        ? matmul(b, g, { transposeA: transposeB, transposeB: true })
        : matmul(g, b, { transposeB: !transposeB }),
    () =>
      transposeB
        ? matmul(g, a, { transposeA: true, transposeB: transposeA })
        : matmul(a, g, { transposeA: !transposeA }),
  ],
  conv2d: ({ gradient: g, inputs: [x, w], attributes }) => [
    () => apply(opNamed('conv2dInputGradient'), [g, w], { ...attributes, size: imageSize(x) }),
    () => apply(opNamed('conv2dWeightGradient'), [x, g], { ...attributes, size: imageSize(w) }),
  ],
  conv2dInputGradient: ({ gradient: g, inputs: [y, w], attributes }) => [
    () => apply(opNamed('conv2d'), [g, w], attributes),
    () => apply(opNamed('conv2dWeightGradient'), [g, y], { ...attributes, size: imageSize(w) }),
  ],
  conv2dWeightGradient: ({ gradient: g, inputs: [x, y], attributes }) => [
    () => apply(opNamed('conv2dInputGradient'), [y, g], { ...attributes, size: imageSize(x) }),
    () => apply(opNamed('conv2d'), [x, g], attributes),
  ],

  // Pooling: a maximum's gradient goes where the maximum was, which is a choice without a derivative.
  maxPool2d: ({ gradient: g, inputs: [x], attributes }) => [
    () => {
      const indices = apply(opNamed('maxPool2dIndices'), [x], attributes);
      return apply(opNamed('poolScatter'), [g, indices], { ...attributes, size: imageSize(x) });
    },
  ],
  maxPool2dIndices: none,
  poolGather: ({ gradient: g, inputs: [, indices], attributes }) => [
    () => apply(opNamed('poolScatter'), [g, indices], attributes),
    null,
  ],
  poolScatter: ({ gradient: g, inputs: [, indices], attributes }) => [
    () => apply(opNamed('poolGather'), [g, indices], attributes),
    null,
  ],
  avgPool2d: ({ gradient: g, inputs: [x], attributes }) => [
    () => apply(opNamed('avgPool2dGradient'), [g], { ...attributes, size: imageSize(x) }),
  ],
  avgPool2dGradient: ({ gradient: g, attributes }) => [() => apply(opNamed('avgPool2d'), [g], attributes)],

  // Movement: the gradient moves back.
  reshape: ({ gradient, inputs: [x] }) => [() => reshape(gradient, x.shape)],
  permute: ({ gradient, attributes: { axes } }) => [
    () => {
      const inverse = new Array<number>(axes.length);
      axes.forEach((axis, k) => {
        inverse[axis] = k;
      });
      return permute(gradient, inverse);
    },
  ],
  expand: ({ gradient }) => [() => gradient],
  slice: ({ gradient, inputs: [x], attributes: { starts, sizes, steps } }) => [
    () => {
      const after = x.shape.map((extent, k) =>
        sizes[k] === 0 ? extent - starts[k]! : extent - starts[k]! - ((sizes[k]! - 1) * steps[k]! + 1),
      );
      return apply(opNamed('pad'), [gradient], { before: starts, after, steps, value: 0 });
    },
  ],
  pad: ({ gradient, inputs: [x], attributes: { before, steps } }) => [
    () => apply(opNamed('slice'), [gradient], { starts: before, sizes: x.shape, steps }),
  ],
  concat: ({ gradient, inputs, attributes: { axis } }) => {
    let start = 0;
    return inputs.map((input) => {
      const range: [number, number] = [start, start + input.shape[axis]!];
      start = range[1];
      return () => slice(gradient, ...gradient.shape.map((_, k) => (k === axis ? range : null)));
    });
  },
  gather: ({ gradient, inputs: [x, index], attributes: { axis } }) => [
    () => apply(opNamed('scatterAdd'), [gradient, index], { axis, extent: x.shape[axis]! }),
    null,
  ],
  scatterAdd: ({ gradient, inputs: [, index], attributes: { axis } }) => [
    () => apply(opNamed('gather'), [gradient, index], { axis }),
    null,
  ],
  // Between float types; through integers nothing flows.
  cast: ({ gradient, inputs: [x], attributes: { dtype } }) => [
    isFloat(x.dtype) && isFloat(dtype) ? () => cast(gradient, x.dtype as 'float32' | 'float16') : null,
  ],
  random: none,
  batch: none,
};

/** The gradient of a product over `axes`: each factor gets the product of the others. */
function factorGradients(x: Tensor, gradient: Tensor, axes: readonly number[]): Tensor {
  if (x.size === 0) return keptDims(gradient, x, axes);
  const half = x.dtype === 'float16';
  // In float32, since the product of some of the float16 factors may exceed float16's range where that of all does not.
  const wide = (t: Tensor) => (half ? cast(t, 'float32') : t);
  const order = [...axes, ...[...x.shape.keys()].filter((axis) => !axes.includes(axis))];
  const factors = reshape(permute(x, order), [x.size / gradient.size, gradient.size]);
  const parts = throughHalves(wide(factors), wide(reshape(gradient, [1, gradient.size])));
  const moved = reshape(
    half ? cast(parts, 'float16') : parts,
    order.map((axis) => x.shape[axis]!),
  );
  return permute(
    moved,
    order.map((_, axis) => order.indexOf(axis)),
  );
}

/**
 * The same for the product of the rows of [n, m], computed as the product of one half times that of the other, and so on
 * down. There is no division, so that factors of 0 are no exception, in any derivative.
 */
function throughHalves(x: Tensor, gradient: Tensor): Tensor {
  const n = x.shape[0]!;
  if (n === 1) return gradient;
  const half = Math.ceil(n / 2);
  const [first, rest] = [slice(x, [0, half]), slice(x, [half, n])];
  const none = [0, 0] as const;
  const second = n === 2 * half ? rest : pad(rest, [[0, 1], none], 1);
  const g = throughHalves(mul(first, second), gradient);
  return concat([mul(g, second), slice(mul(g, first), [0, n - half])]);
}

const imageSize = (t: Tensor): [number, number] => [t.shape[2]!, t.shape[3]!];

/** A rule as the walk uses it. */
export interface Rule {
  readonly vjp: Vjp<unknown>;
  /** Whether the gradient may be smaller than the output as long as it broadcasts to it. */
  readonly elementwise: boolean;
}

/** The rules of users' own ops, and of the table's ops once they have been looked up. */
const table = new Map<AnyOp, Rule | null>();

/** Gives a user's own op its derivative (null: none). */
export function defineRule<A, I extends Inputs>(op: Op<A, I>, vjp: Vjp<A, I> | null): void {
  table.set(op as AnyOp, vjp && { vjp: vjp as Vjp<unknown>, elementwise: false });
}

/** The rule of an op; null where it has no derivative. */
export function ruleFor(op: AnyOp): Rule | null {
  let rule = table.get(op);
  if (rule === undefined) {
    rule = onPage(op);
    table.set(op, rule);
  }
  return rule;
}

/** The rule that this file has for an op of the table. @throws if the op is not in the table */
function onPage(op: AnyOp): Rule | null {
  const name = nameInTable(op);
  if (!name) {
    throw new Error(
      `backward: op '${op.name}' has no rule: give it one with defineRule(op, vjp), or null for none`,
    );
  }
  const vjp = rules[name] as Vjp<unknown> | null;
  return vjp && { vjp, elementwise: name in elementwiseOps };
}
