import { type Contraction, isProduct, product } from './task.ts';

/** What the kernels need to know of how a contraction's operands lie in memory. */

export const fours = (...values: number[]) => values.every((value) => value % 4 === 0);

/** The words that all variants' uniforms begin with. */
export function addresses(task: Contraction): number[] {
  const { grid } = task;
  return [
    ...[task.rows, product(task.columns), task.columns[1], task.columns[2]],
    ...[...task.sums, product(task.sums)],
    ...[task.a.offset, grid?.a[0] ?? task.a.batch, task.a.row, grid?.a[1] ?? 0],
    ...[...task.a.sums, grid?.starts[1] ?? 0],
    ...[task.b.offset, grid?.starts[0] ?? task.b.batch, task.b.d0, task.b.i0],
    ...[task.b.h.start, task.b.h.column, task.b.h.sum, task.b.h.extent],
    ...[task.b.w.start, task.b.w.column, task.b.w.sum, task.b.w.extent],
    ...[task.b.h.stride, task.b.w.stride, ...(task.phases?.strides ?? grid?.c ?? [0, 0])],
    ...[task.c.offset, task.c.batch, task.c.row, task.phases?.counts[0] ?? 1],
    ...[...task.c.columns, task.phases?.counts[1] ?? grid?.counts[1] ?? 1],
  ];
}

/** Which loads can be vec4s: the axis is contiguous, and whatever else moves the address moves it by fours. */
export function vectorModes(task: Contraction) {
  const { batch, rows, columns, sums, a, b, grid } = task;
  const [, K1, K2] = sums;
  const K = product(sums);
  const [a0, a1, a2] = a.sums;
  const A_FLAT = (K1 === 1 || a1 === K2 * a2) && (sums[0] === 1 || a0 === K1 * K2 * a2);
  const FLAT = isProduct(task);
  const batches = (stride: number) => batch === 1 || fours(stride);
  const aByFours = fours(a.offset, ...(grid?.a ?? [])) && batches(a.batch);
  const runs = A_FLAT ? fours(K) : (K1 === 1 || a1 === K2) && fours(K1 * K2, a0);
  const A_K4 = a2 === 1 && runs && aByFours && (rows === 1 || fours(a.row));
  const A_M4 = !A_K4 && A_FLAT && a.row === 1 && fours(rows) && aByFours && (K === 1 || fours(a2));
  const [column, step] = [b.w.column * b.w.stride, b.w.sum * b.w.stride];
  const bByFours = FLAT && fours(b.offset) && batches(b.batch);
  const N = product(columns);
  const B_N4 = bByFours && column === 1 && fours(N) && (K === 1 || fours(step));
  const B_K4 = !B_N4 && bByFours && step === 1 && fours(K) && (N === 1 || fours(column));
  return { FLAT, A_FLAT, A_K4, A_M4, B_N4, B_K4 };
}

/** Whether any four columns from a multiple of four on are neighbours in C, at a multiple of four. */
export function storesVectors({ batch, rows, columns, c, phases, grid }: Contraction): boolean {
  const [N0, N1, N2] = columns;
  const [c0, c1, c2] = c.columns;
  const inRow = fours(N2) && (N1 === 1 || fours(c1));
  const inPlane = fours(N1 * N2) && c1 === N2;
  return (
    c2 === 1 &&
    (inRow || inPlane) &&
    (N0 === 1 || fours(c0)) &&
    (rows === 1 || fours(c.row)) &&
    fours(...(phases?.strides ?? grid?.c ?? [])) &&
    (batch === 1 || fours(c.batch)) &&
    fours(c.offset)
  );
}
