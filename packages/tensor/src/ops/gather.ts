import type { Op, TensorView } from '../contracts.ts';
import { broadcastStrides, type Shape, show, stridesOf } from '../shape.ts';

export interface GatherAttributes {
  readonly axis: number;
}

export interface ScatterAttributes extends GatherAttributes {
  /** Extent of the result along the axis. */
  readonly extent: number;
}

/** The indexed tensor, and an int32 index of its rank. */
type Indexed = readonly [x: TensorView, index: TensorView];

function checkIndex(op: string, x: TensorView, index: TensorView, axis: number, agree: boolean): void {
  const seen = `${show(x.shape)} with index ${show(index.shape)}, axis ${axis}`;
  if (index.dtype !== 'int32') throw new Error(`${op}: the index has to be int32, got ${index.dtype}`);
  if (x.dtype !== 'float32') throw new Error(`${op}: expects float32, got ${x.dtype}`);
  const fits = (extent: number, k: number) =>
    k === axis ? !agree || extent === x.shape[k] : extent === 1 || extent === x.shape[k];
  if (index.rank !== x.rank || !index.shape.every(fits)) {
    throw new Error(`${op}: the index has to match or broadcast along the other axes: ${seen}`);
  }
}

/** Strides with which elements of `shape` are found from an index into `target`; the axis itself is left out. */
export function withoutAxis(
  shape: Shape,
  target: Shape,
  axis: number,
): { strides: number[]; stride: number } {
  const own = shape.map((extent, k) => (k === axis ? 1 : extent));
  const strides = broadcastStrides(own, target).map((stride, k) =>
    k === axis || stride === 0 ? 0 : stridesOf(shape)[k]!,
  );
  return { strides, stride: stridesOf(shape)[axis]! };
}

const dot = (digits: readonly number[], strides: readonly number[]) =>
  digits.reduce((sum, digit, k) => sum + digit * strides[k]!, 0);

function digitsOf(index: number, shape: Shape): number[] {
  return stridesOf(shape).map((stride, axis) => Math.floor(index / stride) % shape[axis]!);
}

/**
 * y[…, j, …] = x[…, index[…, j, …], …] along the axis. Other axes of the index match x or are 1 and broadcast.
 * An index out of range is an error on the reference and gives NaN on the GPU, which cannot throw.
 */
const gather: Op<GatherAttributes, Indexed> = {
  name: 'gather',
  infer([x, index], { axis }) {
    checkIndex('gather', x, index, axis, false);
    return { shape: x.shape.map((extent, k) => (k === axis ? index.shape[k]! : extent)), dtype: 'float32' };
  },
  reference([x, index], { axis }, output) {
    const at = withoutAxis(x.shape, output.shape, axis);
    const indexStrides = broadcastStrides(index.shape, output.shape);
    for (let i = 0; i < output.data.length; i++) {
      const digits = digitsOf(i, output.shape);
      const j = index.data[dot(digits, indexStrides)]!;
      if (j < 0 || j >= x.shape[axis]!) {
        throw new Error(`gather: index ${j} is out of range for axis ${axis} of ${show(x.shape)}`);
      }
      output.data[i] = x.data[dot(digits, at.strides) + j * at.stride]!;
    }
  },
};

/**
 * The transpose of gather: x[…, i, …] = Σ_j y[…, j, …] where index[…, j, …] = i, and broadcast axes of the index add
 * nothing of their own. Each result gathers its own terms in order, so it is deterministic; the price is a scan of the
 * index for every result.
 */
const scatterAdd: Op<ScatterAttributes, Indexed> = {
  name: 'scatterAdd',
  infer([y, index], { axis, extent }) {
    checkIndex('scatterAdd', y, index, axis, true);
    return { shape: y.shape.map((own, k) => (k === axis ? extent : own)), dtype: 'float32' };
  },
  reference([y, index], { axis }, output) {
    const from = withoutAxis(y.shape, y.shape, axis);
    const to = withoutAxis(output.shape, y.shape, axis);
    const indexStrides = broadcastStrides(index.shape, y.shape);
    for (let i = 0; i < y.data.length; i++) {
      const digits = digitsOf(i, y.shape);
      const j = index.data[dot(digits, indexStrides)]!;
      if (j < 0 || j >= output.shape[axis]!) {
        throw new Error(`scatterAdd: index ${j} is out of range for axis ${axis} of ${show(output.shape)}`);
      }
      output.data[dot(digits, to.strides) + j * to.stride]! +=
        y.data[dot(digits, from.strides) + digits[axis]! * from.stride]!;
    }
  },
};

export const gatherOps = { gather, scatterAdd };
