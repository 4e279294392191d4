import { apply, deviceOf } from '../apply.ts';
import { assertCount, assertTensors } from '../arguments.ts';
import { arange } from '../creation.ts';
import { described } from '../described.ts';
import { isFloat } from '../dtype.ts';
import { gathers } from '../lowering/gather.ts';
import { equal } from '../ops/elementwise.ts';
import { normalizeAxis, show } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { reshape, slice, unsqueeze } from './movement.ts';

/**
 * PyTorch's gather: y[i, j] = x[index[i, j], j] for axis 0, and so on. `index` is int32 of x's rank, and the result has its
 * shape. An index out of range throws on the reference and gives NaN on a GPU, which cannot throw.
 */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  assertTensors('gather', [x, index]);
  const at = normalizeAxis('gather', axis, x.rank);
  const smaller = index.rank === x.rank && x.shape.some((extent, k) => k !== at && index.shape[k]! < extent);
  const ranges = x.shape.map((extent, k): [number, number] => [0, k === at ? extent : index.shape[k]!]);
  return apply(gathers.gather, [smaller ? slice(x, ...ranges) : x, index], { axis: at });
}

/**
 * Rows (or columns …) of x in the order that a one-dimensional int32 index names: an embedding's look-up. The result has x's
 * shape, with as many entries along the axis as the index has. Out of range as in `gather`.
 * @throws unless the index is int32 with one axis
 */
export function indexSelect(x: Tensor, axis: number, index: Tensor): Tensor {
  assertTensors('indexSelect', [x, index]);
  const at = normalizeAxis('indexSelect', axis, x.rank);
  if (index.rank !== 1 || index.dtype !== 'int32') {
    throw new Error(`indexSelect: the index is int32 with one axis, got ${index.dtype} ${show(index.shape)}`);
  }
  const shape = x.shape.map((_, k) => (k === at ? index.size : 1));
  return apply(gathers.gather, [x, reshape(index, shape)], { axis: at });
}

/**
 * [...] whole numbers → [..., classes]: 1 at each number's place along the new axis, else 0, as float32 (PyTorch's is int64). A
 * number that is no class gives zeros, since a GPU cannot throw; PyTorch throws.
 * @throws unless the numbers are integers, and `classes` a whole number from 1 to 2²⁴
 */
export function oneHot(x: Tensor, classes: number): Tensor {
  deviceOf('oneHot', [x]);
  if (isFloat(x.dtype)) throw new Error(`oneHot: expects integers, got ${x.dtype}; cast it first`);
  if (!(Number.isInteger(classes) && classes >= 1 && classes <= 2 ** 24)) {
    throw new Error(
      `oneHot: the number of classes is a whole number, such as oneHot(x, 10), got ${described(classes)}`,
    );
  }
  // Beyond 2²⁴ the numbers are rounded, but not to any class.
  return equal(cast(unsqueeze(x, -1), 'float32'), arange(classes, { device: x.device }));
}

/**
 * The transpose of gather: y's values added up where the int32 index names, in a result of `extent` along the axis.
 * The index has y's shape; axes other than the indexed one may be 1, for all of y's lines alike. Added in a fixed order.
 */
export function scatterAdd(y: Tensor, axis: number, index: Tensor, extent: number): Tensor {
  assertTensors('scatterAdd', [y, index]);
  assertCount('scatterAdd', 'the extent', extent);
  return apply(gathers.scatterAdd, [y, index], { axis: normalizeAxis('scatterAdd', axis, y.rank), extent });
}
