import { described, isPlain } from './described.ts';

/** A tensor's extents, outermost first. A scalar's shape is `[]`. */
export type Shape = readonly number[];

/** Number of elements: the product of the extents, 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Where line number `line` along an axis begins: lines of `extent` elements that lie `stride` apart. */
export function lineStart(line: number, extent: number, stride: number): number {
  return Math.floor(line / stride) * stride * extent + (line % stride);
}

/** Whether two shapes have the same extents. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** `[2, 3]`, as error messages print it. */
export function show(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/**
 * The common shape that NumPy's rule gives: align at the last axis; extents agree or one of them is 1.
 * @throws if two extents differ and neither is 1, naming `op` and all shapes.
 */
export function broadcastShapes(op: string, ...shapes: Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const axis = rank - shape.length + i;
      const extent = shape[i]!;
      if (result[axis] === 1) result[axis] = extent;
      else if (extent !== 1 && extent !== result[axis]) {
        throw new Error(`${op}: shapes do not broadcast: ${shapes.map(show).join(' x ')}`);
      }
    }
  }
  return result;
}

/** Strides with which `shape` is read as if it had the broadcast shape `target`: 0 along repeated axes. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const strides = stridesOf(shape);
  const missing = target.length - shape.length;
  return target.map((extent, axis) => {
    const own = axis - missing;
    return own < 0 || (shape[own] === 1 && extent !== 1) ? 0 : strides[own]!;
  });
}

/** Maps a row-major index in `target` to the index in `shape` that broadcasting reads. */
export function indexer(shape: Shape, target: Shape): (index: number) => number {
  const strides = broadcastStrides(shape, target);
  return (index) => {
    let position = 0;
    for (let axis = target.length - 1; axis >= 0; axis--) {
      const extent = target[axis]!;
      position += (index % extent) * strides[axis]!;
      index = Math.floor(index / extent);
    }
    return position;
  };
}

/** Turns a possibly negative axis into one in `0 … rank-1`. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis)) {
    const named = typeof axis === 'object' && axis !== null && isPlain(axis);
    const hint = named ? ': axes are given without a name' : '';
    throw new Error(`${op}: an axis is a whole number, got ${described(axis)}${hint}`);
  }
  const normal = axis < 0 ? axis + rank : axis;
  if (normal < 0 || normal >= rank) {
    throw new Error(`${op}: axis ${axis} is out of range for rank ${rank}`);
  }
  return normal;
}

/** All of `axes` (default: every axis), normal, ascending and without repetition. */
export function normalizeAxes(
  op: string,
  axes: number | readonly number[] | undefined,
  rank: number,
): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = Array.isArray(axes) ? (axes as readonly number[]) : [axes as number];
  const normal = list.map((axis) => normalizeAxis(op, axis, rank));
  if (new Set(normal).size !== normal.length) throw new Error(`${op}: an axis is named twice: ${show(list)}`);
  return normal.sort((a, b) => a - b);
}

/** The shape that remains when `axes` (normal) are reduced: kept with extent 1, or dropped. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  return keepDims
    ? shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent))
    : shape.filter((_, axis) => !axes.includes(axis));
}

/**
 * Merges neighbouring axes that every stride list walks as one, and drops axes of extent 1, so that kernels see
 * as few digits as possible: `[64, 3, 8, 8]` with a bias of strides `[0, 1, 0, 0]` becomes `[64, 3, 64]`.
 */
export function collapse(
  shape: Shape,
  ...strideLists: (readonly number[])[]
): { shape: number[]; strides: number[][] } {
  const out: number[] = [];
  const strides: number[][] = strideLists.map(() => []);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis]!;
    if (extent === 1) continue;
    const last = out.length - 1;
    const merges =
      last >= 0 && strideLists.every((list, k) => list[axis] === strides[k]![last]! * out[last]!);
    if (merges) out[last]! *= extent;
    else {
      out.push(extent);
      strideLists.forEach((list, k) => {
        strides[k]!.push(list[axis]!);
      });
    }
  }
  return { shape: out.reverse(), strides: strides.map((list) => list.reverse()) };
}
