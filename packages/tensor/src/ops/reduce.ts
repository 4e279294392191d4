import type { Op, TensorView } from '../contracts.ts';
import { floatType } from '../dtype.ts';
import { lineStart, reducedShape, type Shape, show, sizeOf, stridesOf } from '../shape.ts';

export interface ReduceAttributes {
  /** Normal (non-negative, ascending) axes. */
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** Calls `visit(output index, input index, position among the reduced)` for every element of the input, in order. */
function walk(shape: Shape, axes: readonly number[], visit: (out: number, index: number) => void): void {
  const kept = reducedShape(shape, axes, true);
  const strides = stridesOf(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
  const size = sizeOf(shape);
  for (let index = 0; index < size; index++) {
    let rest = index;
    let out = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      out += (rest % shape[axis]!) * strides[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    visit(out, index);
  }
}

function reduction(
  name: 'sum' | 'prod' | 'max' | 'min',
  start: number,
  step: (accumulated: number, value: number) => number,
): Op<ReduceAttributes, readonly [x: TensorView]> {
  return {
    name,
    infer([x], { axes, keepDims }) {
      const dtype = floatType(name, [x]);
      if (!Number.isFinite(start) && axes.some((axis) => x.shape[axis] === 0)) {
        throw new Error(`${name}: an empty axis has no ${name}: shape ${show(x.shape)}, axes ${show(axes)}`);
      }
      return { shape: reducedShape(x.shape, axes, keepDims), dtype };
    },
    reference([x], { axes }, output) {
      output.data.fill(start);
      walk(x.shape, axes, (out, index) => {
        output.data[out] = step(output.data[out]!, x.data[index]!);
      });
    },
  };
}

export interface ArgAttributes {
  readonly axis: number;
  readonly keepDims: boolean;
}

function argReduction(
  name: 'argmax' | 'argmin',
  better: (a: number, b: number) => boolean,
): Op<ArgAttributes, readonly [x: TensorView]> {
  return {
    name,
    infer([x], { axis, keepDims }) {
      floatType(name, [x]);
      if (x.shape[axis] === 0) throw new Error(`${name}: axis ${axis} of shape ${show(x.shape)} is empty`);
      return { shape: reducedShape(x.shape, [axis], keepDims), dtype: 'int32' };
    },
    reference([x], { axis }, output) {
      const extent = x.shape[axis]!;
      const stride = stridesOf(x.shape)[axis]!;
      for (let out = 0; out < output.data.length; out++) {
        const start = lineStart(out, extent, stride);
        let best = 0;
        for (let i = 1; i < extent; i++) {
          if (better(x.data[start + i * stride]!, x.data[start + best * stride]!)) best = i;
        }
        output.data[out] = best;
      }
    },
  };
}

const nanOr = (test: (a: number, b: number) => boolean) => (value: number, best: number) =>
  !Number.isNaN(best) && (Number.isNaN(value) || test(value, best));

/** Reductions over any axes. NaN wins in max, min, argmax and argmin, and the first of equals, as in PyTorch. */
export const reduceOps = {
  sum: reduction('sum', 0, (acc, v) => acc + v),
  prod: reduction('prod', 1, (acc, v) => acc * v),
  max: reduction('max', Number.NEGATIVE_INFINITY, Math.max),
  min: reduction('min', Number.POSITIVE_INFINITY, Math.min),
  argmax: argReduction(
    'argmax',
    nanOr((v, best) => v > best),
  ),
  argmin: argReduction(
    'argmin',
    nanOr((v, best) => v < best),
  ),
};
