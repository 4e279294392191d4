import { broadcastStrides, collapse, type Shape, sizeOf, stridesOf } from '../shape.ts';

/**
 * How the element of an operand follows from the output's index: it is element (index / inner) % extent. `whole`: they
 * have the same size, and so the same index.
 */
export interface BroadcastIndex {
  readonly extent: number;
  readonly inner: number;
  readonly whole: boolean;
}

/** Undefined where one division and one remainder do not say it. */
export function broadcastIndexOf(operand: Shape, output: Shape): BroadcastIndex | undefined {
  const size = sizeOf(operand);
  if (size === sizeOf(output)) return { extent: size, inner: 1, whole: true };
  const { shape, strides } = collapse(output, stridesOf(output), broadcastStrides(operand, output));
  const own = strides[1]!;
  const digit = own.findIndex((stride) => stride !== 0);
  if (digit === -1) return { extent: 1, inner: 1, whole: false };
  if (own[digit] !== 1 || own.some((stride, k) => stride !== 0 && k !== digit)) return undefined;
  return { extent: shape[digit]!, inner: sizeOf(shape.slice(digit + 1)), whole: false };
}

/** The elements of a binding's array where the output's four neighbours `at` … `at + 3` are made together. */
export function isByFour({ extent, inner, whole }: BroadcastIndex): boolean {
  // Where they have neighbouring operands, that is one load.
  return whole || (inner === 1 && extent % 4 === 0);
}

/**
 * WGSL that loads from the array `name` what belongs to element `at` of the output, as f32; or to four from `at` on, as
 * vec4f. `extent` and `inner` are WGSL, too: where the numbers are to be found.
 */
export function loadOf(
  name: string,
  operand: BroadcastIndex,
  extent: string,
  inner: string,
  vectors: boolean,
): string {
  const index = operand.whole
    ? 'at'
    : operand.extent === 1
      ? '0u'
      : operand.inner === 1
        ? `at % ${extent}`
        : `at / ${inner} % ${extent}`;
  if (!vectors) return `f32(${name}[${index}])`;
  if (isByFour(operand)) return `vec4f(${name}[(${index}) / 4u])`;
  if (operand.inner % 4 === 0 || operand.extent === 1) return `vec4f(f32(${name}[${index}]))`;
  return `vec4f(${[0, 1, 2, 3].map((j) => `f32(${name}[${index.replace('at', `(at + ${j}u)`)}])`).join(', ')})`;
}
