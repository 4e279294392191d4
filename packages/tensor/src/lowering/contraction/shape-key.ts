import type { Task } from './task.ts';

/**
 * The bucket of a task: whether it is a product of matrices or slides a window, its type, and its extents to the nearest
 * power of two. Shapes in one bucket differ by less than a factor of two, so that one measurement serves them all.
 */
export function shapeKey({ batch, rows, columns, sums, half }: Task): string {
  const log = (...extents: number[]) =>
    Math.round(
      Math.log2(
        Math.max(
          1,
          extents.reduce((product, extent) => product * extent, 1),
        ),
      ),
    );
  const kind = sums[0] * sums[1] * columns[0] * columns[1] === 1 ? 'product' : 'window';
  const size = [`b${log(batch)}`, `m${log(rows)}`, `n${log(...columns)}`, `k${log(...sums)}`].join(' ');
  return `${kind} ${half ? 'float16' : 'float32'} ${size}`;
}
