import { normalQuantile } from './quantile.ts';

/** Codes to be decoded into rows of images: [codes.length / size, size], row-major, `columns` of them per row. */
export interface CodeTable {
  readonly codes: Float32Array;
  readonly columns: number;
}

/** The center of a latent space, and the unit along each dimension: 0 and 1 under the prior N(0, 1). */
export interface Frame {
  readonly center: ArrayLike<number>;
  readonly scale: ArrayLike<number>;
}

/** `count` evenly spaced values from −range to range; only 0 if there is just one. */
export const evenly = (range: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (count === 1 ? 0 : (range * (2 * i - count + 1)) / (count - 1)));

/** Quantiles of N(0, 1) at the middles of `count` equally likely intervals: (i + ½) / count. */
export const quantiles = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => normalQuantile((i + 0.5) / count));

/**
 * A plane of codes: the first dimension grows from left to right, the second from bottom to top, and the others stay at
 * the center. Without a second dimension it is a single row.
 */
export function planeCodes(
  frame: Frame,
  [first, second]: readonly [first: number, second?: number],
  steps: readonly number[],
): CodeTable {
  const rows = second === undefined ? [0] : steps.toReversed();
  const codes = rows.flatMap((up) =>
    steps.flatMap((right) => {
      const code = Array.from(frame.center);
      if (second !== undefined) code[second]! += up * frame.scale[second]!;
      code[first]! += right * frame.scale[first]!;
      return code;
    }),
  );
  return { codes: Float32Array.from(codes), columns: steps.length };
}

/**
 * A row for each dimension. It goes through `steps`, in the frame's units from its center; the other dimensions stay at
 * `start`.
 */
export function traversalCodes(
  frame: Frame,
  start: ArrayLike<number>,
  dimensions: readonly number[],
  steps: readonly number[],
): CodeTable {
  const codes = dimensions.flatMap((dimension) =>
    steps.flatMap((step) => {
      const code = Array.from(start);
      code[dimension] = frame.center[dimension]! + step * frame.scale[dimension]!;
      return code;
    }),
  );
  return { codes: Float32Array.from(codes), columns: steps.length };
}

/** A row for each pair of codes: (1 − t)·from + t·to, t from 0 to 1. */
export function interpolationCodes(
  pairs: readonly (readonly [from: ArrayLike<number>, to: ArrayLike<number>])[],
  steps: number,
): CodeTable {
  const shares = Array.from({ length: steps }, (_, i) => (steps === 1 ? 0 : i / (steps - 1)));
  const codes = pairs.flatMap(([from, to]) =>
    shares.flatMap((t) => Array.from(from, (value, i) => (1 - t) * value + t * to[i]!)),
  );
  return { codes: Float32Array.from(codes), columns: steps };
}
