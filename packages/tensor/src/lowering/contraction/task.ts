import type { TensorView } from '../../contracts.ts';

/**
 * Matmul and all convolutions are one contraction with affine addresses:
 *
 *     C[z, m, n] = Σ_{i0, i1, i2} A(z, m, i) · B(z, n, i)
 *
 * `m` counts rows, `n` counts columns as three digits (d0, d1, d2), `i` the summed indices as three digits. A and C
 * are affine in the digits; B is affine in d0, i0 and in the two coordinates h and w, which the convolutions slide:
 *
 *     h = h.start + d1·h.column + i1·h.sum,      w = w.start + d2·w.column + i2·w.sum
 *
 * and reads as 0 where h or w lies outside [0, extent). The idea is that of implicit GEMM (cuDNN, Chetlur et al.
 * 2014), with the index arithmetic in uniforms rather than in a kernel per operation.
 */
export interface Contraction {
  readonly batch: number;
  readonly rows: number;
  /** Extents of the column digits. */
  readonly columns: readonly [number, number, number];
  /** Extents of the summed digits. */
  readonly sums: readonly [number, number, number];
  readonly a: { offset: number; batch: number; row: number; sums: readonly [number, number, number] };
  readonly b: { offset: number; batch: number; d0: number; i0: number; h: Coordinate; w: Coordinate };
  readonly c: { offset: number; batch: number; row: number; columns: readonly [number, number, number] };
  /** Where the lowest digits of the row number count the stride phases of an image: how many there are along h and w, and their strides in C. */
  readonly phases?: {
    readonly counts: readonly [number, number];
    readonly strides: readonly [number, number];
  };
  /**
   * Contractions alike that `batch` counts along h and along w, those along w first: how many there are, and what A's
   * offset, the starts of h and of w, and C's offset grow by from one to the next.
   */
  readonly grid?: {
    readonly counts: readonly [number, number];
    readonly a: readonly [number, number];
    readonly starts: readonly [number, number];
    readonly c: readonly [number, number];
  };
  /** Whether h and w can leave their extents at all. */
  readonly padded: boolean;
}

/** One sliding coordinate of B. `stride` is in elements. */
export interface Coordinate {
  readonly start: number;
  readonly column: number;
  readonly sum: number;
  readonly extent: number;
  readonly stride: number;
}

export const constantCoordinate: Coordinate = { start: 0, column: 0, sum: 0, extent: 1, stride: 0 };

/** A contraction that is asked for, and what is known of its operands: all that the choice of a kernel may depend on. */
export interface Task extends Contraction {
  /** Whether C, and with it the operands, are float16. */
  readonly half: boolean;
  /** Elements of A, B and C. */
  readonly sizes: readonly [number, number, number];
}

/** A, B and C. */
export type Operands = readonly [a: TensorView, b: TensorView, c: TensorView];

export const taskOf = (contraction: Contraction, [a, b, c]: Operands): Task => ({
  ...contraction,
  half: c.dtype === 'float16',
  sizes: [a.size, b.size, c.size],
});

export const product = (digits: readonly number[]) => digits.reduce((all, extent) => all * extent, 1);

/** Elements that a task computes. */
export const outputsOf = ({ batch, rows, columns }: Contraction) => batch * rows * product(columns);

/** Two for each multiply-add. */
export const flopsOf = (task: Contraction) => 2 * outputsOf(task) * product(task.sums);

/** Whether a task writes all of C, so that its sums may be split. */
export const isWhole = (task: Task) => outputsOf(task) === task.sizes[2];

/** Whether columns and sums have one digit each: a product of matrices. */
export function isProduct({ sums, columns, padded, b }: Contraction): boolean {
  const still = b.h.start * b.h.stride === 0 && b.w.start * b.w.stride === 0;
  return sums[0] * sums[1] * columns[0] * columns[1] === 1 && !padded && still;
}

/** A product with so few columns that exchanging rows and columns pays: few columns leave most lanes idle. */
export function isTallProduct(task: Contraction): boolean {
  const columns = product(task.columns);
  return isProduct(task) && columns < 16 && task.rows > columns;
}

/** A product with its operands in each other's places: C is made transposed, in the same memory. */
export function exchanged(task: Task): Task {
  const { a, b, c, sizes } = task;
  return {
    ...task,
    rows: task.columns[2],
    columns: [1, 1, task.rows],
    a: {
      offset: b.offset,
      batch: b.batch,
      row: b.w.column * b.w.stride,
      sums: [0, 0, b.w.sum * b.w.stride],
    },
    b: {
      offset: a.offset,
      batch: a.batch,
      d0: 0,
      i0: 0,
      h: constantCoordinate,
      w: { start: 0, column: a.row, sum: a.sums[2], extent: 0x7fffffff, stride: 1 },
    },
    c: { offset: c.offset, batch: c.batch, row: c.columns[2], columns: [0, 0, c.row] },
    sizes: [sizes[1], sizes[0], sizes[2]],
  };
}
