import type { Array32 } from './task.ts';

/** The same values with the axes in another order. */
export function permuted({ shape, data }: Array32, axes: readonly number[]): Array32 {
  const strides = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((product, extent) => product * extent, 1),
  );
  const to = axes.map((axis) => shape[axis]!);
  const values = new Float32Array(data.length);
  for (let i = 0; i < values.length; i++) {
    let rest = i;
    let from = 0;
    for (let k = to.length - 1; k >= 0; k--) {
      from += (rest % to[k]!) * strides[axes[k]!]!;
      rest = Math.floor(rest / to[k]!);
    }
    values[i] = data[from]!;
  }
  return { shape: to, data: values };
}

export const reshaped = ({ data }: Array32, shape: readonly number[]): Array32 => ({ shape, data });

/** Every kernel turned by 180 degrees: the last two axes run backwards. */
export function turned({ shape, data }: Array32): Array32 {
  const area = shape.at(-1)! * shape.at(-2)!;
  return { shape, data: data.map((_, i) => data[i - (i % area) + (area - 1 - (i % area))]!) };
}
