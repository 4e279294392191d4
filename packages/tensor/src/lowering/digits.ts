import { collapse, type Shape, show } from '../shape.ts';

/** The most digits that kernels decode; collapsing neighbouring axes makes real programs stay far below. */
const MAX_DIGITS = 8;

/** The uniform from which kernels tell where in up to three tensors an index leads. */
export const digitFields = {
  /** For each digit of the index, outermost first: the strides along it in the tensors, and how many values it has. */
  axes: 'array<vec4u, 8>',
} as const;

/**
 * The digits of an index into a shape, as few as the strides of the walks allow. Kernels have their number as a constant, and
 * a line for each: in a loop each of their numbers would be a load of its own on a software adapter.
 * @throws if there are more than 8
 */
export function digitsOf(op: string, shape: Shape, ...walks: (readonly number[])[]) {
  const digits = collapse(shape, ...walks);
  if (digits.shape.length > MAX_DIGITS)
    throw new Error(`${op}: more than ${MAX_DIGITS} interleaved axes: ${show(shape)}`);
  return digits;
}

/** The digits, and the strides along them, as `axes` holds them. */
export const axesOf = (shape: Shape, ...[a, b, c]: (readonly number[])[]): number[] =>
  shape.flatMap((extent, k) => [a?.[k] ?? 0, b?.[k] ?? 0, c?.[k] ?? 0, extent]);
