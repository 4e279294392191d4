import type { TensorView } from '../contracts.ts';
import type { LaunchContext, MatrixConfig } from '../lowering/launch.ts';
import type { Contraction } from './contraction.ts';

/** Matrices of sums along each side of a workgroup's tile. */
const SIDE = 2;

/** A product of matrices as matrix units see it, or why it is none is of no interest: undefined. */
export interface MatrixProduct {
  readonly config: MatrixConfig;
  readonly A_ROWS: boolean;
  readonly B_ROWS: boolean;
  readonly strides: readonly [number, number, number];
}

/**
 * How a contraction runs on the adapter's matrix units, if it can: operands of a type that they take, with float32 sums;
 * a product of matrices, rows or columns contiguous; extents that are multiples of the units'. Units with the most
 * multiplications at a time come first.
 */
export function matrixProduct(
  gpu: Pick<LaunchContext, 'matrices' | 'subgroups'>,
  task: Contraction,
  dtype: TensorView['dtype'],
): MatrixProduct | undefined {
  const { matrices = [], subgroups } = gpu;
  // Dawn wants a workgroup of whole subgroups, also of the largest; this one is exactly one.
  if (matrices.length === 0 || !subgroups || subgroups.min !== subgroups.max) return undefined;
  const { rows, columns, sums, a, b, c, padded, phases } = task;
  const flat = sums[0] * sums[1] * columns[0] * columns[1] === 1;
  const still = b.h.start * b.h.stride === 0 && b.w.start * b.w.stride === 0;
  if (!flat || !still || padded || phases || c.columns[2] !== 1) return undefined;
  const [column, step] = [b.w.column * b.w.stride, b.w.sum * b.w.stride];
  const A_ROWS = a.sums[2] === 1;
  const B_ROWS = column === 1;
  if ((!A_ROWS && a.row !== 1) || (!B_ROWS && step !== 1)) return undefined;
  const type = dtype === 'float16' ? 'f16' : 'f32';
  const config = matrices
    .filter((one) => one.componentType === type && one.resultComponentType === 'f32')
    .filter(({ M, N, K }) => rows % M === 0 && columns[2] % N === 0 && sums[2] % K === 0)
    .sort((x, y) => y.M * y.N * y.K - x.M * x.N * x.K)[0];
  if (!config || rows * columns[2] * sums[2] < 2 ** 18) return undefined;
  return { config, A_ROWS, B_ROWS, strides: [A_ROWS ? a.row : a.sums[2], B_ROWS ? step : column, c.row] };
}

/** Queues a product on matrix units. Not run on any hardware yet: its WGSL is compiled in the tests, no more. */
export function runMatrix(
  gpu: LaunchContext,
  { rows, columns, sums, batch, a, b, c }: Contraction,
  { config: { M, N, K }, A_ROWS, B_ROWS, strides }: MatrixProduct,
  [left, right, output]: readonly [TensorView, TensorView, TensorView],
): void {
  const tiles = [Math.ceil(columns[2] / (SIDE * N)), Math.ceil(rows / (SIDE * M))] as const;
  const groups = tiles[0] * tiles[1] * batch;
  const uniforms = [
    ...[rows, columns[2], sums[2], groups],
    ...[...tiles, 0, 0],
    ...[a.offset, b.offset, c.offset, 0],
    ...[...strides, 0],
    ...[a.batch, b.batch, c.batch, 0],
  ];
  gpu.launch({
    shader: 'contraction_matrix',
    constants: { M, N, K, SIDE, LANES: gpu.subgroups!.max, A_ROWS, B_ROWS, FUSED: false },
    fusion: { role: 'producer', words: uniforms.length, vectors: false },
    outputs: [output],
    inputs: [left, right],
    uniforms,
    workgroups: groups,
  });
}
