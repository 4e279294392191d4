/* Functions that JavaScript has not, in double precision, for the definitions of ops. */

/** 1 / (1 + e⁻ᵃ). */
export function logistic(a: number): number {
  return a >= 0 ? 1 / (1 + Math.exp(-a)) : Math.exp(a) / (1 + Math.exp(a));
}

/** The nearest whole number; of two, the even one. */
export function roundHalfToEven(a: number): number {
  const up = Math.round(a);
  return up - a === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

/**
 * The normal distribution function Φ(a) = ½ erfc(−a/√2), to some 14 digits, those of its tails included. Near 0 by a series of
 * positive terms, further out by a continued fraction (Abramowitz and Stegun 1964, 26.2.11 and 26.2.14).
 */
export function normalCdf(a: number): number {
  const x = Math.abs(a);
  const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  let tail: number;
  if (x < 2) {
    let [sum, term] = [0, x];
    for (let k = 1; k < 60; k += 2) {
      sum += term;
      term *= (x * x) / (k + 2);
    }
    tail = 0.5 - density * sum;
  } else {
    let fraction = x;
    for (let k = 150; k >= 1; k--) fraction = x + k / fraction;
    tail = density / fraction;
  }
  return a > 0 ? 1 - tail : tail;
}
