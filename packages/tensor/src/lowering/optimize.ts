import * as wgsl from '@tapegrad/shaders';
import { adam as adamUpdate, sgd as sgdUpdate } from '../ops/optimize.ts';
import { type LaunchContext, type LoweringOf, shader } from './launch.ts';
import { enteredUpdates } from './table.ts';

const WORKGROUP = 64;
/** Vectors of a thread: to begin one costs a software adapter as much as a vector does, and a GPU has threads for all. */
const itemsOf = ({ kind }: Pick<LaunchContext, 'kind'>) => (kind === 'gpu' ? 1 : 4);

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
  const ITEMS = itemsOf(gpu);
  gpu.launch({
    shader: shaders.adam,
    constants: { WORKGROUP, ITEMS },
    outputs: [parameters, m, v],
    inputs: [gradients, clock, settings],
    uniforms: { size: parameters.size / 4 },
    workgroups: Math.ceil(parameters.size / 4 / WORKGROUP / ITEMS),
  });
};

const sgd: LoweringOf<typeof sgdUpdate> = (gpu, [parameters, gradients, velocity, settings]) => {
  const ITEMS = itemsOf(gpu);
  gpu.launch({
    shader: shaders.sgd,
    constants: { WORKGROUP, ITEMS },
    outputs: [parameters, velocity],
    inputs: [gradients, settings],
    uniforms: { size: parameters.size / 4 },
    workgroups: Math.ceil(parameters.size / 4 / WORKGROUP / ITEMS),
  });
};

export const optimizers = enteredUpdates({ adam: adamUpdate, sgd: sgdUpdate }, { adam, sgd });
