import { apply } from '../apply.ts';
import { assertNumber, assertTensor } from '../arguments.ts';
import { described } from '../described.ts';
import { checkNumber, integerRange, isFloat, isInteger, numberType } from '../dtype.ts';
import { type Operand, operands, scalarLike } from '../operands.ts';
import { checkOptions } from '../options.ts';
import { broadcastShapes } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import * as internal from './elementwise-internal.ts';
import { binary, callable, ternaryOp, unary, unaryOp } from './elementwise-op.ts';
import { logistic, normalCdf, roundHalfToEven } from './special-functions.ts';

/*
 * The elementwise ops. Each line is an op, its definition in JavaScript and its expression in WGSL, and the function that
 * people call; the table of ops, methods and kernels are made from what is exported here, under these names.
 *
 * All take and give float32, or float16, and those with a form for integers int32 or uint32, computed modulo 2³² as in C; the
 * result has the shape to which the operands broadcast (NumPy's rule). They throw where types or devices differ and where
 * shapes do not broadcast.
 *
 * Functions that the WGSL calls (`safe_tanh`, `signed_pow`, …) are in `shaders/prelude.wgsl`. Compilers may assume that there
 * is no NaN and no infinity, so what becomes of one may not depend on a comparison, nor on `max`, `min` or `clamp`: the
 * expressions ask for them by their bits (`is_nan`, `equals`, `is_given_negative`, …).
 */

const affine = (x: Tensor, scale: number, shift: number): Tensor =>
  apply(internal.affine, [x], [scale, shift]);

// ------------------------------------------------------------------------------------------------------- one operand

/** −x, element by element; of integers modulo 2³². */
export const neg = unary('neg', (a) => -a, '-a', '0 - a');

/** |x|, element by element; the least int32 stays as it is. The gradient at 0 is 0. */
export const abs = unary('abs', Math.abs, 'abs(a)', 'abs(a)');

/** −1, 0 or 1 by the sign of each element; NaN stays NaN. The gradient is 0. */
export const sign = unary('sign', signOf, 'select(sign(a), a, is_nan(a))', 'T(a > 0) - T(a < 0)');

/** eˣ, element by element. */
export const exp = unary('exp', Math.exp, 'safe_exp(a)');

/** The natural logarithm of each element: −∞ of 0, NaN below. */
export const log = unary('log', Math.log, 'safe_log(a)');

/** log(1 + x), accurate for small x too. */
export const log1p = unary('log1p', Math.log1p, 'log1p_accurate(a)');

/** √x, element by element; NaN below 0. */
export const sqrt = unary('sqrt', Math.sqrt, 'sqrt(a)');

/** x², element by element. */
export const square = unary('square', (a) => a * a, 'a * a');

/** 1 / x, element by element. */
export const reciprocal = unary('reciprocal', (a) => 1 / a, '1.0 / a');

/** The sine of each element, in radians. WGSL promises 2⁻¹¹ absolute within [−π, π]. */
export const sin = unary('sin', Math.sin, 'sin(a)');

/** The cosine of each element, in radians. WGSL promises 2⁻¹¹ absolute within [−π, π]. */
export const cos = unary('cos', Math.cos, 'cos(a)');

/** The largest whole number that is not above, element by element. The gradient is 0. */
export const floor = unary('floor', Math.floor, 'floor(a)');

/** The smallest whole number that is not below, element by element. The gradient is 0. */
export const ceil = unary('ceil', Math.ceil, 'ceil(a)');

/** The nearest whole number, of two the even one (as PyTorch and NumPy have it), element by element. The gradient is 0. */
export const round = unary('round', roundHalfToEven, 'round(a)');

/** max(x, 0), element by element; NaN stays NaN. The gradient at 0 is 0. */
export const relu = unary('relu', (a) => Math.max(a, 0), 'select(a, 0.0, is_given_negative(a))');

/** x above 0, negativeSlope · x below, element by element (Maas, Hannun and Ng 2013). */
export const leakyRelu = callable(
  unaryOp(
    'leakyRelu',
    (a, [slope]: readonly [number]) => (a <= 0 ? slope * a : a),
    'select(a, p.x * a, a <= 0.0)',
  ),
  (op) =>
    (x: Tensor, negativeSlope = 0.01): Tensor => {
      assertNumber('leakyRelu', 'the slope', negativeSlope);
      return apply(op, [x], [negativeSlope]);
    },
);

/**
 * The exponential linear unit: x above 0, alpha · (eˣ − 1) below, element by element (Clevert, Unterthiner and Hochreiter
 * 2016).
 */
export const elu = callable(
  unaryOp(
    'elu',
    (a, [alpha]: readonly [number]) => (a <= 0 ? alpha * Math.expm1(a) : a),
    'select(a, p.x * expm1_accurate(a), a <= 0.0)',
  ),
  (op) =>
    (x: Tensor, alpha = 1): Tensor => {
      assertNumber('elu', 'alpha', alpha);
      return apply(op, [x], [alpha]);
    },
);

/** How `gelu` computes the normal distribution function: exactly, or by a hyperbolic tangent as older models had it. */
export interface GeluOptions {
  /** By tanh, or (`none`, the default) exactly. */
  approximate?: 'none' | 'tanh';
}

/**
 * The Gaussian error linear unit x · Φ(x), element by element, where Φ is the normal distribution function; with
 * `approximate: 'tanh'` Φ(x) ≈ ½ · (1 + tanh(√(2/π) · (x + 0.044715 x³))) (Hendrycks and Gimpel 2016).
 * @throws for another approximation
 */
export const gelu = callable(
  unaryOp('gelu', (a) => a * normalCdf(a), 'a * normal_cdf(a)'),
  (op) =>
    (x: Tensor, options?: GeluOptions): Tensor => {
      checkOptions('gelu', options, ['approximate']);
      const { approximate = 'none' } = options ?? {};
      if (approximate === 'none') return apply(op, [x], []);
      if (approximate === 'tanh') return apply(internal.geluTanh, [x], []);
      throw new Error(`gelu: approximate is 'none' or 'tanh', got ${described(approximate)}`);
    },
);

/** x · σ(x), element by element, also known as swish, where σ is the logistic function. */
export const silu = unary('silu', (a) => a * logistic(a), 'a * sigmoid(a)');

/** The logistic function 1 / (1 + e⁻ˣ), element by element. */
export const sigmoid = unary('sigmoid', logistic, 'sigmoid(a)');

/** The hyperbolic tangent of each element. */
export const tanh = unary('tanh', Math.tanh, 'safe_tanh(a)');

/** log(1 + eˣ), element by element, without overflow. */
export const softplus = unary('softplus', logOnePlusExp, 'softplus(a)');

/**
 * Each element bounded below, above or both. The gradient is 0 outside and passes at the bounds, as in PyTorch; NaN stays
 * NaN.
 * @throws if `min` is above `max`, or if x holds integers and one of them is no value of its type
 */
export const clamp = callable(
  unaryOp(
    'clamp',
    (a, [low, high]: readonly [number, number]) => Math.min(Math.max(a, low), high),
    'select(clamp(a, p.x, p.y), a, is_nan(a))',
    'clamp(a, p.x, p.y)',
  ),
  (op) =>
    (x: Tensor, bounds: { readonly min?: number; readonly max?: number }): Tensor => {
      assertTensor('clamp', x);
      if (bounds === undefined) throw new Error('clamp: expects bounds, such as { min: 0 }');
      checkOptions('clamp', bounds, ['min', 'max']);
      const [least, greatest] = isInteger(x.dtype)
        ? integerRange[x.dtype]
        : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
      const { min = least, max = greatest } = bounds;
      for (const bound of [min, max]) assertNumber('clamp', 'a bound', bound);
      if (!(min <= max)) throw new Error(`clamp: min ${min} is above max ${max}`);
      for (const bound of [min, max]) checkNumber('clamp', bound, x.dtype);
      return apply(op, [x], [min, max]);
    },
);

// ------------------------------------------------------------------------------------------------------ two operands

/** a + b, element by element; one of them may be a number. Of integers modulo 2³². */
export const add = binary('add', (a, b) => a + b, 'a + b', {
  integers: 'a + b',
  left: (a, x) => affine(x, 1, a),
  right: (x, b) => affine(x, 1, b),
});

/** a − b, element by element; one of them may be a number. Of integers modulo 2³². */
export const sub = binary('sub', (a, b) => a - b, 'a - b', {
  integers: 'a - b',
  left: (a, x) => affine(x, -1, a),
  right: (x, b) => affine(x, 1, -b),
});

/** a · b, element by element (the matrix product is `matmul`); one of them may be a number. Of integers modulo 2³². */
export const mul = binary('mul', (a, b) => a * b, 'a * b', {
  integers: { expression: 'a * b', reference: Math.imul },
  left: (a, x) => affine(x, a, 0),
  right: (x, b) => affine(x, b, 0),
});

/** a / b, element by element; one of them may be a number. Division by 0 gives ±∞, or NaN of 0 / 0. */
export const div = binary('div', (a, b) => a / b, 'a / b', {
  // As long as the inverse neither overflows nor loses bits below the normal numbers.
  right: (x, b): Tensor | undefined =>
    Math.abs(b) > 1e-37 && Math.abs(b) < 1e37 ? affine(x, 1 / b, 0) : undefined,
});

/** aᵇ, element by element; one of them may be a number. Of negative a for whole b only, else NaN, as in JavaScript. */
export const pow = binary('pow', (a, b) => a ** b, 'signed_pow(a, b)', {
  right: (x, b) => apply(internal.powScalar, [x], [b]),
});

/** The smaller of two elements, or NaN if one of them is. Where they are equal, they share the gradient, as in PyTorch. */
export const minimum = binary('minimum', Math.min, 'lesser(a, b)', { integers: 'min(a, b)' });

/** The greater of two elements, or NaN if one of them is. Where they are equal, they share the gradient, as in PyTorch. */
export const maximum = binary('maximum', Math.max, 'greater(a, b)', { integers: 'max(a, b)' });

/** 1 where a = b, else 0, in the operands' type. No gradient. */
export const equal = binary('equal', (a, b) => truth(a === b), 'f32(equals(a, b))', {
  integers: 'T(a == b)',
});

/** 1 where a ≠ b, else 0, in the operands' type. No gradient. */
export const notEqual = binary('notEqual', (a, b) => truth(a !== b), 'select(1.0, 0.0, equals(a, b))', {
  integers: 'T(a != b)',
});

/** 1 where a < b, else 0, in the operands' type. No gradient. */
export const less = binary('less', (a, b) => truth(a < b), 'f32(is_less(a, b))', { integers: 'T(a < b)' });

/** 1 where a ≤ b, else 0, in the operands' type. No gradient. */
export const lessEqual = binary('lessEqual', (a, b) => truth(a <= b), 'f32(is_at_most(a, b))', {
  integers: 'T(a <= b)',
});

/** 1 where a > b, else 0, in the operands' type. No gradient. */
export const greater = binary('greater', (a, b) => truth(a > b), 'f32(is_less(b, a))', {
  integers: 'T(a > b)',
});

/** 1 where a ≥ b, else 0, in the operands' type. No gradient. */
export const greaterEqual = binary('greaterEqual', (a, b) => truth(a >= b), 'f32(is_at_most(b, a))', {
  integers: 'T(a >= b)',
});

// ---------------------------------------------------------------------------------------------------- three operands

/** The condition has a type of its own. */
const selection: ReturnType<typeof ternaryOp<'where'>> = {
  ...ternaryOp(
    'where',
    (a, b, c) => (a !== 0 ? b : c),
    'select(b, c, is_given_zero(f32(a)))',
    'select(b, c, is_given_zero(f32(a)))',
  ),
  infer([condition, a, b]) {
    numberType('where', [condition]);
    const shape = broadcastShapes('where', condition.shape, a.shape, b.shape);
    return { shape, dtype: numberType('where', [a, b]) };
  },
};

/**
 * `a` where the condition is not 0, else `b`; all three broadcast. The condition may have another type than `a` and `b`. The
 * gradient reaches what was taken.
 */
export const where = callable(selection, (op) => (condition: Tensor, a: Operand, b: Operand): Tensor => {
  assertTensor('where', condition);
  // Two numbers are floats, whatever the condition is.
  const dtype = isFloat(condition.dtype) ? condition.dtype : 'float32';
  const [x, y] =
    typeof a === 'number' && typeof b === 'number'
      ? [a, b].map((value) => scalarLike('where', value, { dtype, device: condition.device }))
      : operands('where', a, b);
  return apply(op, [condition, x!, y!], []);
});

// ------------------------------------------------------------------------------------------------- longer definitions

function truth(value: boolean): number {
  return value ? 1 : 0;
}

function signOf(a: number): number {
  return Number.isNaN(a) ? a : a > 0 ? 1 : a < 0 ? -1 : 0;
}

function logOnePlusExp(a: number): number {
  return Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));
}
