import { apply, deviceOf } from '../apply.ts';
import { assertNumber, assertShape, assertTensor, assertTensors } from '../arguments.ts';
import { described } from '../described.ts';
import { movements } from '../lowering/movement.ts';
import { normalizeAxes, normalizeAxis, type Shape, sameShape, show, sizeOf } from '../shape.ts';
import { type Tensor, viewOf } from '../tensor.ts';

/**
 * The same elements, in the same memory, under another shape; one extent may be −1, and follows from the others.
 * @throws unless the shape holds as many elements
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  assertTensor('reshape', x);
  assertShape('reshape', shape, -1);
  const known = shape.reduce((product, extent) => (extent === -1 ? product : product * extent), 1);
  const missing = shape.filter((extent) => extent === -1).length;
  if (missing > 1 || (missing === 1 && (known === 0 || x.size % known !== 0))) {
    throw new Error(`reshape: ${show(x.shape)} cannot become ${show(shape)}`);
  }
  const full = shape.map((extent) => (extent === -1 ? x.size / known : extent));
  return apply(movements.reshape, [x], { shape: full });
}

/**
 * `reshape`, by PyTorch's name: the same elements, in the same memory, under another shape; one extent may be −1.
 * @throws unless the shape holds as many elements
 */
export function view(x: Tensor, shape: Shape): Tensor {
  assertTensor('view', x);
  assertShape('view', shape, -1);
  return reshape(x, shape);
}

/** All axes from `start` to `end` (inclusive; default: all) made one. @throws if `start` comes after `end` */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  assertTensor('flatten', x);
  if (x.rank === 0) return reshape(x, [1]);
  const [from, to] = [normalizeAxis('flatten', start, x.rank), normalizeAxis('flatten', end, x.rank)];
  if (from > to) throw new Error(`flatten: axis ${start} comes after axis ${end} in ${show(x.shape)}`);
  const middle = sizeOf(x.shape.slice(from, to + 1));
  return reshape(x, [...x.shape.slice(0, from), middle, ...x.shape.slice(to + 1)]);
}

/**
 * Leaves out axes of extent 1: all of them, or those that are named, of which others stay as they are (as in PyTorch).
 * @throws if an axis is out of range or named twice
 */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  assertTensor('squeeze', x);
  const normal = normalizeAxes('squeeze', axes, x.rank);
  return reshape(
    x,
    x.shape.filter((extent, axis) => extent !== 1 || !normal.includes(axis)),
  );
}

/** Puts an axis of extent 1 before axis `axis`; a negative one counts from the end of the new shape. @throws if it is out of range */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  assertTensor('unsqueeze', x);
  const at = normalizeAxis('unsqueeze', axis, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Axes in another order: output axis k is input axis `axes[k]`. @throws unless `axes` names each axis once */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  assertTensor('permute', x);
  if (!Array.isArray(axes)) {
    throw new Error(`permute: the axes are an array such as [1, 0], got ${described(axes)}`);
  }
  return apply(movements.permute, [x], {
    axes: axes.map((axis: number) => normalizeAxis('permute', axis, x.rank)),
  });
}

/** Exchanges two axes (default: the last two). */
export function transpose(x: Tensor, a = -2, b = -1): Tensor {
  assertTensor('transpose', x);
  const axes = x.shape.map((_, axis) => axis);
  const [i, j] = [normalizeAxis('transpose', a, x.rank), normalizeAxis('transpose', b, x.rank)];
  [axes[i], axes[j]] = [axes[j]!, axes[i]!];
  return apply(movements.permute, [x], { axes });
}

/** The transpose [M, N] → [N, M] of a matrix; tensors of less rank stay as they are. @throws if the rank is above 2 */
export function t(x: Tensor): Tensor {
  assertTensor('t', x);
  if (x.rank > 2) {
    throw new Error(`t: expects a matrix, got ${show(x.shape)}: transpose() exchanges the last two axes`);
  }
  return x.rank < 2 ? x : transpose(x);
}

/** Repeats axes of extent 1 (and new leading ones) up to `shape`; −1 keeps an axis as it is. @throws if another extent differs */
export function expand(x: Tensor, shape: Shape): Tensor {
  assertTensor('expand', x);
  assertShape('expand', shape, -1);
  const missing = shape.length - x.rank;
  const full = shape.map((extent, axis) => (extent === -1 ? (x.shape[axis - missing] ?? -1) : extent));
  return sameShape(x.shape, full) ? x : apply(movements.expand, [x], { shape: full });
}

/**
 * Elements `start … end−1` by `step` along each axis, as `[start, end, step]`, a plain index range; `null` takes the
 * whole axis. Negative bounds count from the end; missing axes are taken whole.
 * @throws if there are more ranges than axes, or a step below 1
 */
export function slice(x: Tensor, ...ranges: (readonly [number?, number?, number?] | null)[]): Tensor {
  assertTensor('slice', x);
  for (const range of ranges) {
    const isBound = (bound: unknown) => bound === undefined || Number.isInteger(bound);
    if (range === null || (Array.isArray(range) && range.length <= 3 && range.every(isBound))) continue;
    throw new Error(
      `slice: a range is [start, end, step] in whole numbers, or null, for each axis, such as slice([0, 2], null), got ${described(range)}`,
    );
  }
  if (ranges.length > x.rank) throw new Error(`slice: ${ranges.length} ranges for shape ${show(x.shape)}`);
  const [starts, sizes, steps] = [[], [], []] as [number[], number[], number[]];
  x.shape.forEach((extent, axis) => {
    const [start = 0, end = extent, step = 1] = ranges[axis] ?? [];
    if (!(Number.isInteger(step) && step >= 1))
      throw new Error(`slice: a step is a whole number from 1, got ${step}`);
    const bound = (value: number) => Math.min(extent, Math.max(0, value < 0 ? value + extent : value));
    starts.push(bound(start));
    sizes.push(Math.max(0, Math.ceil((bound(end) - bound(start)) / step)));
    steps.push(step);
  });
  return apply(movements.slice, [x], { starts, sizes, steps });
}

/** Surrounds with `value`: `widths[axis]` is [before, after], for each axis. @throws unless they are whole and not negative */
export function pad(x: Tensor, widths: readonly (readonly [number, number])[], value = 0): Tensor {
  assertTensor('pad', x);
  assertNumber('pad', 'the value', value);
  const isPair = (pair: unknown) => Array.isArray(pair) && pair.length === 2;
  if (!Array.isArray(widths) || widths.length !== x.rank || !widths.every(isPair)) {
    const got = `${described(widths)} for ${show(x.shape)}`;
    throw new Error(
      `pad: the widths are [before, after] for each axis, such as [[0, 0], [1, 1]], got ${got}`,
    );
  }
  return apply(movements.pad, [x], {
    before: widths.map(([before]) => before),
    after: widths.map(([, after]) => after),
    steps: x.shape.map(() => 1),
    value,
  });
}

/** Joins tensors along an axis that there is; all other extents have to agree. @throws if they do not, or without a tensor */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  assertTensors('concat', tensors);
  if (tensors.length === 0) throw new Error('concat: expects at least one tensor');
  return apply(movements.concat, tensors, { axis: normalizeAxis('concat', axis, tensors[0]!.rank) });
}

/** Joins tensors of one shape along a new axis, before axis `axis`. @throws if shapes differ, or without a tensor */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  assertTensors('stack', tensors);
  if (tensors.length === 0) throw new Error('stack: expects at least one tensor');
  if (!tensors.every((x) => sameShape(x.shape, tensors[0]!.shape))) {
    throw new Error(`stack: shapes differ: ${tensors.map((x) => show(x.shape)).join(', ')}`);
  }
  const at = normalizeAxis('stack', axis, tensors[0]!.rank + 1);
  return concat(
    tensors.map((x) => unsqueeze(x, at)),
    at,
  );
}

/** The values behind a tensor as a constant: the same memory, no history. */
export function constant(x: Tensor): Tensor {
  deviceOf('constant', [x]);
  return viewOf(x, x.shape);
}
