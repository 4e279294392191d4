import { Tensor } from './tensor.ts';

/*
 * Values that programs pass around are trees: tensors and plain values, in arrays and plain objects.
 */

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** A copy of a tree in which every leaf (whatever is neither an array nor a plain object) is replaced. */
export function mapTree<T>(
  tree: T,
  /** @param path where the leaf is, such as `.losses[0]` */
  replace: (leaf: unknown, path: string) => unknown,
): T {
  const map = (value: unknown, path: string): unknown => {
    if (Array.isArray(value)) return value.map((item, i) => map(item, `${path}[${i}]`));
    if (!isPlainObject(value)) return replace(value, path);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, map(item, `${path}.${key}`)]));
  };
  return map(tree, '') as T;
}

/** Replaces the tensors of a tree. */
export const mapTensors = <T>(tree: T, replace: (tensor: Tensor) => Tensor): T =>
  mapTree(tree, (leaf) => (leaf instanceof Tensor ? replace(leaf) : leaf));

/** The tensors of a tree, in their order. */
export function tensorsIn(tree: unknown): Tensor[] {
  const tensors: Tensor[] = [];
  mapTree(tree, (leaf) => leaf instanceof Tensor && tensors.push(leaf));
  return tensors;
}
