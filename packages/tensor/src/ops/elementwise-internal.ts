import { binaryOp, unaryOp } from './elementwise-op.ts';
import { normalCdf as cdf, logistic } from './special-functions.ts';

/* Elementwise ops that have no function of their own: what others come to, and what rules need. */

/** a·p₀ + p₁: what scalars added to and multiplied with a tensor become. */
export const affine = unaryOp(
  'affine',
  (a, [scale, shift]: readonly [number, number]) => a * scale + shift,
  'a * p.x + p.y',
  { expression: 'a * p.x + p.y', reference: (a, _b, _c, [scale, shift]) => Math.imul(a, scale) + shift },
);

export const powScalar = unaryOp(
  'powScalar',
  (a, [exponent]: readonly [number]) => a ** exponent,
  'signed_pow(a, p.x)',
);

/** a where b is positive, else 0: the gradient of relu. */
export const maskPositive = binaryOp(
  'maskPositive',
  (a, b) => (b > 0 ? a : 0),
  'select(0.0, a, is_given_positive(b))',
);

/** The normal distribution function Φ: what the gradient of gelu needs. */
export const normalCdf = unaryOp('normalCdf', cdf, 'normal_cdf(a)');

/** gelu's approximation, as a · σ(2u): ½ · (1 + tanh u) is σ(2u), which does not cancel. */
export const geluTanh = unaryOp(
  'geluTanh',
  (a) => a * logistic(2 * Math.sqrt(2 / Math.PI) * (a + 0.044715 * a ** 3)),
  'a * sigmoid(1.5957691 * (a + 0.044715 * a * a * a))',
);
