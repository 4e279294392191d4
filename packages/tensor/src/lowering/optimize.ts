import * as wgsl from '@tapegrad/shaders';
import { adam as adamUpdate, sgd as sgdUpdate } from '../ops/optimize.ts';
import { type LoweringOf, shader } from './launch.ts';
import { shareOf, workgroupsOf } from './share.ts';
import { enteredUpdates } from './table.ts';

/** In vectors of four. */
const fields = { size: 'u32' } as const;
const shaders = {
  tick: shader({ ...wgsl.optimize, entry: 'tick' }, {}),
  adam: shader({ ...wgsl.optimize, entry: 'adam' }, fields),
  sgd: shader({ ...wgsl.optimize, entry: 'sgd' }, fields),
};

const adam: LoweringOf<typeof adamUpdate> = (gpu, [parameters, gradients, m, v, clock, settings]) => {
  gpu.launch({
    shader: shaders.tick,
    outputs: [clock],
    inputs: [settings],
    uniforms: {},
    workgroups: 1,
  });
  const share = shareOf(gpu);
  gpu.launch({
    shader: shaders.adam,
    constants: { ...share },
    outputs: [parameters, m, v],
    inputs: [gradients, clock, settings],
    uniforms: { size: parameters.size / 4 },
    workgroups: workgroupsOf(share, parameters.size / 4),
  });
};

const sgd: LoweringOf<typeof sgdUpdate> = (gpu, [parameters, gradients, velocity, settings]) => {
  const share = shareOf(gpu);
  gpu.launch({
    shader: shaders.sgd,
    constants: { ...share },
    outputs: [parameters, velocity],
    inputs: [gradients, settings],
    uniforms: { size: parameters.size / 4 },
    workgroups: workgroupsOf(share, parameters.size / 4),
  });
};

export const optimizers = enteredUpdates({ adam: adamUpdate, sgd: sgdUpdate }, { adam, sgd });
