/** The directions of greatest variance of a cloud of points, float64, on the host. */
export interface PrincipalAxes {
  readonly mean: Float64Array;
  /** The first axes, unit vectors by descending variance; the largest component of each is positive. */
  readonly axes: readonly Float64Array[];
  /** Variance along each. */
  readonly variances: readonly number[];
  /** Of all dimensions together. */
  readonly total: number;
}

/**
 * The first principal axes of points, by Jacobi's method on their covariance.
 * @param points [count, size], row-major
 * @param wanted axes, at most `size`
 */
export function principalAxes(
  points: ArrayLike<number>,
  count: number,
  size: number,
  wanted = 2,
): PrincipalAxes {
  const mean = new Float64Array(size);
  for (let i = 0; i < count * size; i++) mean[i % size]! += points[i]! / count;
  const covariance = new Float64Array(size * size);
  const row = new Float64Array(size);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < size; i++) row[i] = points[n * size + i]! - mean[i]!;
    for (let i = 0; i < size; i++) {
      const scaled = row[i]! / count;
      for (let j = 0; j <= i; j++) covariance[i * size + j]! += scaled * row[j]!;
    }
  }
  for (let i = 0; i < size; i++)
    for (let j = 0; j < i; j++) covariance[j * size + i] = covariance[i * size + j]!;
  const { values, vectors } = symmetricEigen(covariance, size);
  const order = [...values.keys()].sort((a, b) => values[b]! - values[a]!).slice(0, wanted);
  return {
    mean,
    axes: order.map((k) => upright(vectors.subarray(k * size, (k + 1) * size))),
    variances: order.map((k) => values[k]!),
    total: values.reduce((sum, value) => sum + value, 0),
  };
}

/** Coordinates of points along axes: [count, axes.length], row-major. */
export function project(
  points: ArrayLike<number>,
  count: number,
  { mean, axes }: Pick<PrincipalAxes, 'mean' | 'axes'>,
): Float64Array {
  const size = mean.length;
  return Float64Array.from({ length: count * axes.length }, (_, k) => {
    const [n, axis] = [Math.floor(k / axes.length), axes[k % axes.length]!];
    return axis.reduce((sum, component, i) => sum + component * (points[n * size + i]! - mean[i]!), 0);
  });
}

/**
 * Eigenvalues and eigenvectors (rows of `vectors`, in no order) of a symmetric matrix [size, size], by Jacobi's
 * rotations: each makes one element off the diagonal 0 (Golub and Van Loan, Matrix Computations, 8.5).
 */
export function symmetricEigen(
  matrix: ArrayLike<number>,
  size: number,
): { values: Float64Array; vectors: Float64Array } {
  const a = Float64Array.from(matrix);
  const vectors = new Float64Array(size * size);
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1;
  const scale = Math.sqrt(a.reduce((sum, value) => sum + value * value, 0));
  for (let sweep = 0; sweep < 50; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) for (let q = 0; q < p; q++) off += a[p * size + q]! ** 2;
    if (Math.sqrt(off) <= 1e-14 * scale) break;
    for (let p = 1; p < size; p++) for (let q = 0; q < p; q++) rotate(a, vectors, size, p, q);
  }
  return { values: Float64Array.from({ length: size }, (_, i) => a[i * size + i]!), vectors };
}

/** Turns the plane of p and q so that a[p, q] becomes 0: a ← Jᵀ a J, vectors ← Jᵀ vectors. */
function rotate(a: Float64Array, vectors: Float64Array, size: number, p: number, q: number): void {
  const apq = a[p * size + q]!;
  if (apq === 0) return;
  const tau = (a[q * size + q]! - a[p * size + p]!) / (2 * apq);
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  const turn = (values: Float64Array, first: number, second: number, stride: number) => {
    for (let k = 0; k < size; k++) {
      const [x, y] = [values[first + k * stride]!, values[second + k * stride]!];
      values[first + k * stride] = c * x - s * y;
      values[second + k * stride] = s * x + c * y;
    }
  };
  turn(a, p * size, q * size, 1);
  turn(a, p, q, size);
  turn(vectors, p * size, q * size, 1);
  a[p * size + q] = 0;
  a[q * size + p] = 0;
}

/** An axis and its opposite are the same axis: the choice must not depend on how small components are rounded. */
function upright(axis: Float64Array): Float64Array {
  const greatest = axis.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return greatest < 0 ? axis.map((value) => -value) : axis.slice();
}
