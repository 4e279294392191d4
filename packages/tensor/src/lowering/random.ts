import type { advance as advanceUpdate, randomOps } from '../ops/random.ts';
import type { LoweringOf } from './launch.ts';

const WORKGROUP = 64;

export const random: LoweringOf<typeof randomOps.random> = (gpu, [state], { distribution }, output) =>
  gpu.launch({
    shader: 'random',
    entry: { bits: 'bits', uniform: 'uniform_numbers', normal: 'normal' }[distribution],
    constants: { WORKGROUP },
    outputs: [output],
    inputs: [state],
    uniforms: [output.size, 0, 0, 0],
    workgroups: Math.ceil(Math.ceil(output.size / 2) / WORKGROUP),
  });

export const advance: LoweringOf<typeof advanceUpdate> = (gpu, [counter], { index, by }) =>
  gpu.launch({
    shader: 'random',
    entry: 'advance',
    constants: { WORKGROUP },
    outputs: [counter],
    inputs: [],
    uniforms: [index, by, 0, 0],
    workgroups: 1,
  });
