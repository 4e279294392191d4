import * as wgsl from '@tapegrad/shaders';
import { advance as advanceUpdate, randomOps } from '../ops/random.ts';
import { type LoweringOf, shader } from './launch.ts';
import { entered, enteredUpdates } from './table.ts';

const WORKGROUP = 64;

const drawing = {
  bits: shader({ ...wgsl.random, entry: 'bits' }, { size: 'u32' }),
  uniform: shader({ ...wgsl.random, entry: 'uniform_numbers' }, { size: 'u32' }),
  normal: shader({ ...wgsl.random, entry: 'normal' }, { size: 'u32' }),
};
const advancing = shader({ ...wgsl.random, entry: 'advance' }, { index: 'u32', by: 'u32' });

const random: LoweringOf<typeof randomOps.random> = (gpu, [state], { distribution }, output) =>
  gpu.launch({
    shader: drawing[distribution],
    constants: { WORKGROUP },
    outputs: [output],
    inputs: [state],
    uniforms: { size: output.size },
    workgroups: Math.ceil(Math.ceil(output.size / 2) / WORKGROUP),
  });

const advance: LoweringOf<typeof advanceUpdate> = (gpu, [counter], { index, by }) =>
  gpu.launch({
    shader: advancing,
    constants: { WORKGROUP },
    outputs: [counter],
    inputs: [],
    uniforms: { index, by },
    workgroups: 1,
  });

export const draws = entered(randomOps, { random });
export const counters = enteredUpdates({ advance: advanceUpdate }, { advance });
