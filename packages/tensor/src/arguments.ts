import { described } from './described.ts';
import { Tensor } from './tensor.ts';

/* Checks of arguments, for callers without a type checker. Each throws an error that names the function. */

/** Checks that an argument is a tensor. @throws if it is not */
export function assertTensor(what: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor)) {
    throw new Error(`${what}: expects a tensor, got ${described(value)}; tensor(…) makes one of numbers`);
  }
}

/** Checks that an argument is an array of tensors. @throws if it is not */
export function assertTensors(what: string, list: unknown): asserts list is readonly Tensor[] {
  if (!Array.isArray(list)) {
    throw new Error(`${what}: expects an array of tensors, such as ${what}([a, b]), got ${described(list)}`);
  }
  for (const item of list) assertTensor(what, item);
}

/** Checks that an argument is a number. @throws if it is not */
export function assertNumber(what: string, name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number') throw new Error(`${what}: ${name} is a number, got ${described(value)}`);
}

/** Checks that an argument can be a count. @throws unless it is a whole number from 0 */
export function assertCount(what: string, name: string, value: unknown): asserts value is number {
  if (!(Number.isInteger(value) && (value as number) >= 0)) {
    throw new Error(`${what}: ${name} is a whole number from 0, got ${described(value)}`);
  }
}

/** Checks that an argument is a function. @throws if it is not */
export function assertFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') throw new Error(`${what}: expects a function, got ${described(value)}`);
}

/**
 * Checks a shape, whose extents are whole numbers from `least` on.
 * @throws unless it is an array of such numbers
 */
export function assertShape(
  what: string,
  shape: unknown,
  least: 0 | -1 = 0,
): asserts shape is readonly number[] {
  const isExtent = (extent: unknown) => Number.isInteger(extent) && (extent as number) >= least;
  if (!Array.isArray(shape)) {
    const got = described(shape);
    throw new Error(`${what}: a shape is an array such as [2, 3], got ${got}: put the extents into brackets`);
  }
  if (!shape.every(isExtent)) {
    const extents = least === 0 ? 'whole, non-negative extents' : 'whole extents, or −1 for one that follows';
    throw new Error(`${what}: a shape has ${extents}, got ${described(shape)}`);
  }
}
