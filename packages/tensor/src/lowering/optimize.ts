import * as wgsl from '@tapegrad/shaders';
import { adam as adamUpdate, sgd as sgdUpdate } from '../ops/optimize.ts';
import { type LoweringOf, shader } from './launch.ts';
import { enteredUpdates } from './table.ts';

const WORKGROUP = 64;

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
    constants: { WORKGROUP },
    outputs: [clock],
    inputs: [settings],
    uniforms: {},
    workgroups: 1,
  });
  gpu.launch({
    shader: shaders.adam,
    constants: { WORKGROUP },
    outputs: [parameters, m, v],
    inputs: [gradients, clock, settings],
    uniforms: { size: parameters.size / 4 },
    workgroups: Math.ceil(parameters.size / 4 / WORKGROUP),
  });
};

const sgd: LoweringOf<typeof sgdUpdate> = (gpu, [parameters, gradients, velocity, settings]) => {
  gpu.launch({
    shader: shaders.sgd,
    constants: { WORKGROUP },
    outputs: [parameters, velocity],
    inputs: [gradients, settings],
    uniforms: { size: parameters.size / 4 },
    workgroups: Math.ceil(parameters.size / 4 / WORKGROUP),
  });
};

export const optimizers = enteredUpdates({ adam: adamUpdate, sgd: sgdUpdate }, { adam, sgd });
