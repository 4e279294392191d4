import type { NumericArray } from '../../dtype.ts';
import { roundToHalf } from '../../float16.ts';
import { outputsOf, product, type Task } from './task.ts';

/** A contraction's definition, element by element: what `contraction/task.ts` says in a formula. */

/** Places of a result that are looked at. */
const SAMPLES = 64;

export interface SampleError {
  readonly at: number;
  readonly seen: number;
  readonly expected: number;
}

/** Where a result differs from the definition, at some places spread over it. The operands' sums have to be exact in float32. */
export function sampleErrors(
  task: Task,
  [a, b]: readonly [NumericArray, NumericArray],
  c: NumericArray,
): SampleError[] {
  const outputs = outputsOf(task);
  const count = Math.min(SAMPLES, outputs);
  const errors: SampleError[] = [];
  for (let i = 0; i < count; i++) {
    const index = Math.floor((i * (outputs - 1)) / Math.max(1, count - 1));
    const { at, value } = element(task, index, a, b);
    const expected = task.half ? roundToHalf(value) : value;
    if (c[at] !== expected) errors.push({ at, seen: c[at]!, expected });
  }
  return errors;
}

/** Number `index` of the outputs, counted by batch, row and column: where it lies in C, and its value. */
function element(task: Task, index: number, a: NumericArray, b: NumericArray): { at: number; value: number } {
  const { rows, columns, sums, grid, phases } = task;
  const n = index % product(columns);
  const m = Math.floor(index / product(columns)) % rows;
  const z = Math.floor(index / product(columns) / rows);
  const d = [
    Math.floor(n / columns[2] / columns[1]),
    Math.floor(n / columns[2]) % columns[1],
    n % columns[2],
  ];
  const [g0, g1] = grid ? [Math.floor(z / grid.counts[1]), z % grid.counts[1]] : [0, 0];
  const along = (pair: readonly [number, number] | undefined) => (pair ? g0 * pair[0] + g1 * pair[1] : 0);
  const aStart = task.a.offset + (grid ? along(grid.a) : z * task.a.batch) + m * task.a.row;
  const bStart = task.b.offset + (grid ? 0 : z * task.b.batch) + d[0]! * task.b.d0;
  const h0 = task.b.h.start + (grid ? g0 * grid.starts[0] : 0) + d[1]! * task.b.h.column;
  const w0 = task.b.w.start + (grid ? g1 * grid.starts[1] : 0) + d[2]! * task.b.w.column;
  let value = 0;
  for (let i0 = 0; i0 < sums[0]; i0++)
    for (let i1 = 0; i1 < sums[1]; i1++)
      for (let i2 = 0; i2 < sums[2]; i2++) {
        const [h, w] = [h0 + i1 * task.b.h.sum, w0 + i2 * task.b.w.sum];
        if (task.padded && (h < 0 || h >= task.b.h.extent || w < 0 || w >= task.b.w.extent)) continue;
        value +=
          a[aStart + i0 * task.a.sums[0] + i1 * task.a.sums[1] + i2 * task.a.sums[2]]! *
          b[bStart + i0 * task.b.i0 + h * task.b.h.stride + w * task.b.w.stride]!;
      }
  const row = phases
    ? Math.floor(m / phases.counts[1] / phases.counts[0]) * task.c.row +
      (Math.floor(m / phases.counts[1]) % phases.counts[0]) * phases.strides[0] +
      (m % phases.counts[1]) * phases.strides[1]
    : m * task.c.row;
  const at =
    task.c.offset +
    (grid ? along(grid.c) : z * task.c.batch) +
    row +
    d.reduce((sum, digit, k) => sum + digit * task.c.columns[k]!, 0);
  return { at, value };
}
