import * as wgsl from '@tapegrad/shaders';
import { shader } from '../launch.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, flagsOf } from './layout.ts';
import { flopsOf, outputsOf } from './task.ts';
import type { Variant } from './variant.ts';

const WORKGROUP = 64;

const kernel = shader(wgsl.contractionNaive, { ...addressing, outputs: 'i32' });

/** `contraction_naive.wgsl`: an output a thread, for small tasks and to compare the others with. Fits all tasks. */
export const naive: Variant = {
  name: 'naive',
  plan: (task) => ({ task, parts: 1 }),
  launch({ task }, [a, b, c]) {
    const outputs = outputsOf(task);
    return launchOf({
      shader: kernel,
      constants: { WORKGROUP, ...flagsOf(task), FUSED: false },
      fusion: { role: 'producer', vectors: false },
      outputs: [c],
      inputs: [a, b],
      uniforms: { ...addressesOf(task), outputs },
      flops: flopsOf(task),
      workgroups: Math.ceil(outputs / WORKGROUP),
    });
  },
};
