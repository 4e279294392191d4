import { Tensor } from './tensor.ts';

/*
 * Values that programs pass around are trees: tensors and plain values, in arrays and plain objects.
 */

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** What becomes of the parts of a tree, from the leaves up. */
interface Fold<R> {
  /** @param path where the leaf is, such as `.losses[0]` */
  leaf(leaf: unknown, path: string): R;
  list(items: R[]): R;
  record(items: Record<string, R>): R;
}

/** The one walk over trees. A leaf is whatever is neither an array nor a plain object. */
export function foldTree<R>(tree: unknown, fold: Fold<R>, path = ''): R {
  if (Array.isArray(tree)) return fold.list(tree.map((item, i) => foldTree(item, fold, `${path}[${i}]`)));
  if (!isPlainObject(tree)) return fold.leaf(tree, path);
  const items = Object.entries(tree).map(([key, item]) => [key, foldTree(item, fold, `${path}.${key}`)]);
  return fold.record(Object.fromEntries(items) as Record<string, R>);
}

/** A copy of a tree in which the leaves are replaced. */
const mapTree = <T>(tree: T, leaf: (leaf: unknown) => unknown): T =>
  foldTree<unknown>(tree, { leaf, list: (items) => items, record: (items) => items }) as T;

/** Replaces the tensors of a tree. */
export const mapTensors = <T>(tree: T, replace: (tensor: Tensor) => Tensor): T =>
  mapTree(tree, (leaf) => (leaf instanceof Tensor ? replace(leaf) : leaf));

/** The tensors of a tree, in their order. */
export function tensorsIn(tree: unknown): Tensor[] {
  const tensors: Tensor[] = [];
  mapTree(tree, (leaf) => leaf instanceof Tensor && tensors.push(leaf));
  return tensors;
}
