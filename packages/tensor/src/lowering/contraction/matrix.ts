import * as wgsl from '@tapegrad/shaders';
import { type MatrixConfig, shader } from '../launch.ts';
import { launchOf } from './launch-of.ts';
import { type Contraction, flopsOf, isProduct } from './task.ts';
import type { Plan, Variant } from './variant.ts';

/** Matrices of sums along each side of a workgroup's tile: so many multiply-adds meet each matrix that is loaded. */
const SIDES = [4, 2, 1];
/** Registers of a lane that sums may take, and workgroups that a large GPU wants at least: two for each multiprocessor. */
const [MOST_REGISTERS, ENOUGH] = [128, 264];
/** Fewer multiplications are left to other kernels. */
const LEAST = 2 ** 18;

const kernel = shader(wgsl.contractionMatrix, {
  rows: 'u32',
  columns: 'u32',
  sums: 'u32',
  /** Workgroups in all, and tiles along the columns and along the rows. */
  groups: 'u32',
  across: 'u32',
  down: 'u32',
  /** Of A, B and C: where they begin, from one product of a batch to the next, from row to row (or column to column). */
  offsets: 'vec3u',
  batches: 'vec3u',
  strides: 'vec3u',
});

interface MatrixPlan extends Plan {
  readonly lanes: number;
  readonly config: MatrixConfig;
  readonly side: number;
  /** Whether rows of A, of B are contiguous; else their columns are. */
  readonly A_ROWS: boolean;
  readonly B_ROWS: boolean;
  /** Strides of A, B and C from row to row, or from column to column. */
  readonly strides: readonly [number, number, number];
}

/**
 * `contraction_matrix.wgsl`: products on the adapter's matrix units. Fits operands of a type that they take, with float32
 * sums; rows or columns contiguous; extents that are multiples of the units'. Units with the most multiplications at a time
 * come first. Not run on any hardware yet: its WGSL is compiled in the tests, no more.
 */
export const matrix: Variant<MatrixPlan> = {
  name: 'matrix',
  plan(task, { matrices = [], subgroups }) {
    // Dawn wants a workgroup of whole subgroups, also of the largest; this one is exactly one.
    if (matrices.length === 0 || !subgroups || subgroups.min !== subgroups.max) return undefined;
    const { rows, columns, sums, a, b, c } = task;
    if (!isMatrixProduct(task)) return undefined;
    const [column, step] = [b.w.column * b.w.stride, b.w.sum * b.w.stride];
    const A_ROWS = a.sums[2] === 1;
    const B_ROWS = column === 1;
    if ((!A_ROWS && a.row !== 1) || (!B_ROWS && step !== 1)) return undefined;
    const type = task.half ? 'f16' : 'f32';
    const config = matrices
      .filter((one) => one.componentType === type && one.resultComponentType === 'f32')
      .filter(({ M, N, K }) => rows % M === 0 && columns[2] % N === 0 && sums[2] % K === 0)
      .sort((x, y) => y.M * y.N * y.K - x.M * x.N * x.K)[0];
    if (!config || rows * columns[2] * sums[2] < LEAST) return undefined;
    const strides = [A_ROWS ? a.row : a.sums[2], B_ROWS ? step : column, c.row] as const;
    const side =
      SIDES.find((one) => {
        const [across, down] = gridOf(task, config, one);
        const registers = (one * one * config.M * config.N) / subgroups.max;
        return registers <= MOST_REGISTERS && across * down * task.batch >= ENOUGH;
      }) ?? 1;
    return { task, parts: 1, lanes: subgroups.max, config, side, A_ROWS, B_ROWS, strides };
  },
  launch({ task, lanes, config, side, A_ROWS, B_ROWS, strides }, [left, right, output]) {
    const { rows, columns, sums, batch, a, b, c } = task;
    const { M, N, K } = config;
    const [across, down] = gridOf(task, config, side);
    const groups = across * down * batch;
    return launchOf({
      shader: kernel,
      constants: { M, N, K, SIDE: side, LANES: lanes, A_ROWS, B_ROWS, DIRECT: !task.half, FUSED: false },
      fusion: { role: 'producer', vectors: false },
      outputs: [output],
      inputs: [left, right],
      uniforms: {
        rows,
        columns: columns[2],
        sums: sums[2],
        groups,
        across,
        down,
        offsets: [a.offset, b.offset, c.offset],
        batches: [a.batch, b.batch, c.batch],
        strides,
      },
      flops: flopsOf(task),
      workgroups: groups,
    });
  },
};

/** Tiles along the columns and along the rows. */
const gridOf = ({ rows, columns }: Contraction, { M, N }: MatrixConfig, side: number) =>
  [Math.ceil(columns[2] / (side * N)), Math.ceil(rows / (side * M))] as const;

function isMatrixProduct(task: Contraction): boolean {
  return isProduct(task) && !task.phases && !task.grid && task.c.columns[2] === 1;
}
