import { dimensions, matmul as op } from '../ops/matmul.ts';
import { indexer, sizeOf } from '../shape.ts';
import { contract } from './contraction/contract.ts';
import { constantCoordinate } from './contraction/task.ts';
import type { LoweringOf } from './launch.ts';
import { entered } from './table.ts';

/** A batch of matrix products as contractions; see `Contraction`. */
const matmul: LoweringOf<typeof op> = (gpu, [a, b], attributes, output) => {
  const { A, B, batch } = dimensions(a.shape, b.shape, attributes);
  const count = sizeOf(batch);
  // One launch serves operands that are single or as many as the batch; other broadcasts take one a matrix.
  const even = [A, B].every((side) => [1, count].includes(sizeOf(side.batch)));
  const batchOfA = indexer(A.batch, batch);
  const batchOfB = indexer(B.batch, batch);
  for (let z = 0; z < (even ? 1 : count); z++) {
    contract(
      gpu,
      {
        batch: even ? count : 1,
        rows: A.rows,
        columns: [1, 1, B.columns],
        sums: [1, 1, A.columns],
        a: {
          offset: batchOfA(z) * A.rows * A.columns,
          batch: sizeOf(A.batch) === 1 ? 0 : A.rows * A.columns,
          row: A.rowStride,
          sums: [0, 0, A.columnStride],
        },
        b: {
          offset: batchOfB(z) * B.rows * B.columns,
          batch: sizeOf(B.batch) === 1 ? 0 : B.rows * B.columns,
          d0: 0,
          i0: 0,
          h: constantCoordinate,
          w: { start: 0, column: B.columnStride, sum: B.rowStride, extent: 0x7fffffff, stride: 1 },
        },
        c: {
          offset: z * A.rows * B.columns,
          batch: A.rows * B.columns,
          row: B.columns,
          columns: [0, 0, 1],
        },
        padded: false,
      },
      [a, b, output],
    );
  }
};

export const products = entered({ matmul: op }, { matmul });
