import type { Op, TensorView } from '../contracts.ts';
import { floatType } from '../dtype.ts';
import { broadcastShapes, indexer, type Shape, show, sizeOf } from '../shape.ts';

export interface MatmulAttributes {
  /** Whether the last two axes of the operand are exchanged before multiplying. */
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Batch axes (all but the last two), and the matrix as rows x columns after the transposition. */
function matrix(shape: Shape, transpose: boolean) {
  const [p, q] = [shape.at(-2)!, shape.at(-1)!];
  return {
    batch: shape.slice(0, -2),
    rows: transpose ? q : p,
    columns: transpose ? p : q,
    rowStride: transpose ? 1 : q,
    columnStride: transpose ? q : 1,
  };
}

/** Both operands as batches of matrices, and the batch that they broadcast to. */
export function dimensions(a: Shape, b: Shape, { transposeA, transposeB }: MatmulAttributes) {
  const [A, B] = [matrix(a, transposeA), matrix(b, transposeB)];
  return { A, B, batch: broadcastShapes('matmul', A.batch, B.batch) };
}

/** Batched matrix product over the last two axes; batch axes broadcast. */
export const matmul: Op<MatmulAttributes, readonly [a: TensorView, b: TensorView]> = {
  name: 'matmul',
  infer([a, b], attributes) {
    const t = (flag: boolean) => (flag ? 'ᵀ' : '');
    const seen = `${show(a.shape)}${t(attributes.transposeA)} x ${show(b.shape)}${t(attributes.transposeB)}`;
    const dtype = floatType('matmul', [a, b]);
    if (a.rank < 2 || b.rank < 2) throw new Error(`matmul: expects matrices (rank 2 or more): ${seen}`);
    const { A, B, batch } = dimensions(a.shape, b.shape, attributes);
    if (A.columns !== B.rows) throw new Error(`matmul: inner dimensions differ: ${seen}`);
    return { shape: [...batch, A.rows, B.columns], dtype };
  },
  reference([a, b], attributes, output) {
    const { A, B, batch } = dimensions(a.shape, b.shape, attributes);
    const batchOfA = indexer(A.batch, batch);
    const batchOfB = indexer(B.batch, batch);
    for (let z = 0; z < sizeOf(batch); z++) {
      const startA = batchOfA(z) * A.rows * A.columns;
      const startB = batchOfB(z) * B.rows * B.columns;
      for (let m = 0; m < A.rows; m++) {
        for (let n = 0; n < B.columns; n++) {
          let sum = 0;
          for (let k = 0; k < A.columns; k++) {
            sum +=
              a.data[startA + m * A.rowStride + k * A.columnStride]! *
              b.data[startB + k * B.rowStride + n * B.columnStride]!;
          }
          output.data[(z * A.rows + m) * B.columns + n] = sum;
        }
      }
    }
  },
};
