import type { UniformValues } from '../uniforms.ts';
import { type Contraction, isProduct, product } from './task.ts';

/** What the kernels need to know of how a contraction's operands lie in memory. */

export const fours = (...values: number[]) => values.every((value) => value % 4 === 0);

/** The uniforms of all variants that read and write by affine addresses; `Contraction` says what they mean. */
export const addressing = {
  rows: 'i32',
  columns: 'i32',
  /** Extents of the column digits d1 and d2. */
  columns1: 'i32',
  columns2: 'i32',
  /** Extents of i0, i1 and i2, and their product. */
  sums: 'vec3i',
  all_sums: 'i32',
  a_sums: 'vec3i',
  a_row: 'i32',
  c_columns: 'vec3i',
  c_row: 'i32',
  a_offset: 'i32',
  a_batch: 'i32',
  b_offset: 'i32',
  b_batch: 'i32',
  b_d0: 'i32',
  b_i0: 'i32',
  c_offset: 'i32',
  c_batch: 'i32',
  h_start: 'i32',
  h_column: 'i32',
  h_sum: 'i32',
  h_extent: 'i32',
  h_stride: 'i32',
  w_start: 'i32',
  w_column: 'i32',
  w_sum: 'i32',
  w_extent: 'i32',
  w_stride: 'i32',
  /** With PHASES: how many there are along h and w, and their strides in C. */
  phases: 'vec2i',
  phase_strides: 'vec2i',
  /** With GRID: what a step along h and one along w add to A's offset, to the starts, to C's offset; extent along w. */
  grid_a: 'vec2i',
  grid_starts: 'vec2i',
  grid_c: 'vec2i',
  grid_columns: 'i32',
} as const;

export function addressesOf({
  rows,
  columns,
  sums,
  a,
  b,
  c,
  phases,
  grid,
}: Contraction): UniformValues<typeof addressing> {
  return {
    rows,
    columns: product(columns),
    columns1: columns[1],
    columns2: columns[2],
    sums,
    all_sums: product(sums),
    a_sums: a.sums,
    a_row: a.row,
    c_columns: c.columns,
    c_row: c.row,
    a_offset: a.offset,
    a_batch: a.batch,
    b_offset: b.offset,
    b_batch: b.batch,
    b_d0: b.d0,
    b_i0: b.i0,
    c_offset: c.offset,
    c_batch: c.batch,
    h_start: b.h.start,
    h_column: b.h.column,
    h_sum: b.h.sum,
    h_extent: b.h.extent,
    h_stride: b.h.stride,
    w_start: b.w.start,
    w_column: b.w.column,
    w_sum: b.w.sum,
    w_extent: b.w.extent,
    w_stride: b.w.stride,
    phases: phases?.counts ?? [1, 1],
    phase_strides: phases?.strides ?? [0, 0],
    grid_a: grid?.a ?? [0, 0],
    grid_starts: grid?.starts ?? [0, 0],
    grid_c: grid?.c ?? [0, 0],
    grid_columns: grid?.counts[1] ?? 1,
  };
}

/** The host constants that `contraction_tiled.wgsl` and the loops over B ask for. */
export const flagsOf = ({ padded, phases, grid }: Contraction) => ({
  CHECKED: padded,
  PHASES: phases !== undefined,
  GRID: grid !== undefined,
});

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
