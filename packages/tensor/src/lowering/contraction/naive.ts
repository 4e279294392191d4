import { addresses } from './layout.ts';
import { flopsOf, outputsOf } from './task.ts';
import type { Variant } from './variant.ts';

const WORKGROUP = 64;

/** `contraction_naive.wgsl`: an output a thread, for small tasks and to compare the others with. Fits all tasks. */
export const naive: Variant = {
  name: 'naive',
  plan: (task) => ({ task, parts: 1 }),
  launch({ task }, [a, b, c]) {
    const outputs = outputsOf(task);
    return {
      shader: 'contraction_naive',
      constants: {
        WORKGROUP,
        PADDED: task.padded,
        PHASES: task.phases !== undefined,
        GRID: task.grid !== undefined,
        FUSED: false,
      },
      fusion: { role: 'producer', words: 44, vectors: false },
      outputs: [c],
      inputs: [a, b],
      uniforms: [...addresses(task), outputs],
      flops: flopsOf(task),
      workgroups: Math.ceil(outputs / WORKGROUP),
    };
  },
};
