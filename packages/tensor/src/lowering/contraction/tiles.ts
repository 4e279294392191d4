import { shader } from '../launch.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, flagsOf } from './layout.ts';
import { partsOf, tiling } from './split.ts';
import { flopsOf, product, type Task } from './task.ts';
import { hasSums, type Variant } from './variant.ts';

const kernel = shader('contraction_tiles', { ...addressing, ...tiling });

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
      return launchOf({
        shader: kernel,
        constants: {
          TILE: side,
          // Both tiles together stay within the 16 KiB of shared memory that every device has.
          DEPTH: side === 128 ? 8 : 16,
          A_BY_ROW: task.a.row === 1,
          B_BY_K: task.b.w.sum * task.b.w.stride === 1 && task.b.w.column * task.b.w.stride !== 1,
          ...flagsOf(task),
          FUSED: false,
        },
        fusion: { role: 'producer', vectors: false },
        outputs: [c],
        inputs: [a, b],
        uniforms: {
          ...addressesOf(task),
          across,
          down,
          groups,
          parts,
          part_length: Math.ceil(sums / parts / 4) * 4,
          part_elements: task.sizes[2],
        },
        flops: flopsOf(task),
        workgroups: groups,
      });
    },
  };
};
