import { addresses } from './layout.ts';
import { partsOf } from './split.ts';
import { flopsOf, product, type Task } from './task.ts';
import { hasSums, type Variant } from './variant.ts';

/** `contraction_tiles.wgsl`: square tiles through shared memory, for GPUs. */
export const tiles = (name: string, side: 32 | 64 | 128): Variant => {
  const grid = ({ rows, columns }: Task) =>
    [Math.ceil(product(columns) / side), Math.ceil(rows / side)] as const;
  return {
    name,
    plan(task, _, parts) {
      if (!hasSums(task)) return undefined;
      const [across, down] = grid(task);
      const count = across * down * task.batch;
      return { task, parts: partsOf(task, parts, count, { workgroups: 256, sums: 256 }) };
    },
    launch({ task, parts }, [a, b, c]) {
      const sums = product(task.sums);
      const [across, down] = grid(task);
      const groups = across * down * task.batch * parts;
      const length = Math.ceil(sums / parts / 4) * 4;
      const uniforms = [
        ...addresses(task),
        ...[across, down, groups, 0],
        ...[parts, length, task.sizes[2], 0],
      ];
      return {
        shader: 'contraction_tiles',
        constants: {
          TILE: side,
          // Both tiles together stay within the 16 KiB of shared memory that every device has.
          DEPTH: side === 128 ? 8 : 16,
          A_BY_ROW: task.a.row === 1,
          B_BY_K: task.b.w.sum * task.b.w.stride === 1 && task.b.w.column * task.b.w.stride !== 1,
          CHECKED: task.padded,
          PHASES: task.phases !== undefined,
          GRID: task.grid !== undefined,
          C_N4: false,
          FUSED: false,
        },
        fusion: { role: 'producer', words: uniforms.length, vectors: false },
        outputs: [c],
        inputs: [a, b],
        uniforms,
        flops: flopsOf(task),
        workgroups: groups,
      };
    },
  };
};
