import type { Tensor } from '../tensor.ts';
import type { Kernels } from './kernels.ts';

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

const WORKGROUP = 64;

/** Queues `task`, reading `a` and `b` and writing `c`. */
export function contract(gpu: Kernels, task: Contraction, a: Tensor, b: Tensor, c: Tensor): void {
  const columns = task.columns[0] * task.columns[1] * task.columns[2];
  if (columns * task.rows * task.batch === 0) return;
  gpu.launch({
    shader: 'contraction',
    constants: { WORKGROUP, PADDED: task.padded },
    outputs: [c],
    inputs: [a, b],
    uniforms: [
      ...[task.rows, columns, task.columns[1], task.columns[2]],
      ...[...task.sums, 0],
      ...[task.a.offset, task.a.batch, task.a.row, 0],
      ...[...task.a.sums, 0],
      ...[task.b.offset, task.b.batch, task.b.d0, task.b.i0],
      ...[task.b.h.start, task.b.h.column, task.b.h.sum, task.b.h.extent],
      ...[task.b.w.start, task.b.w.column, task.b.w.sum, task.b.w.extent],
      ...[task.b.h.stride, task.b.w.stride, 0, 0],
      ...[task.c.offset, task.c.batch, task.c.row, 0],
      ...[...task.c.columns, 0],
    ],
    workgroups: [Math.ceil(columns / WORKGROUP), task.rows, task.batch],
  });
}
