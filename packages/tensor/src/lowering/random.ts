import type { advance as advanceUpdate, randomOps } from '../ops/random.ts';
import { type LoweringOf, shader } from './launch.ts';

const WORKGROUP = 64;

const drawing = {
  bits: shader('random.bits', { size: 'u32' }),
  uniform: shader('random.uniform_numbers', { size: 'u32' }),
  normal: shader('random.normal', { size: 'u32' }),
};
const advancing = shader('random.advance', { index: 'u32', by: 'u32' });

export const random: LoweringOf<typeof randomOps.random> = (gpu, [state], { distribution }, output) =>
  gpu.launch({
    shader: drawing[distribution],
    constants: { WORKGROUP },
    outputs: [output],
    inputs: [state],
    uniforms: { size: output.size },
    workgroups: Math.ceil(Math.ceil(output.size / 2) / WORKGROUP),
  });

export const advance: LoweringOf<typeof advanceUpdate> = (gpu, [counter], { index, by }) =>
  gpu.launch({
    shader: advancing,
    constants: { WORKGROUP },
    outputs: [counter],
    inputs: [],
    uniforms: { index, by },
    workgroups: 1,
  });
