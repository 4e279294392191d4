import type { adam as adamUpdate, sgd as sgdUpdate } from '../ops/optimize.ts';
import type { LoweringOf } from './launch.ts';

const WORKGROUP = 64;

export const adam: LoweringOf<typeof adamUpdate> = (gpu, [parameters, gradients, m, v, clock, settings]) => {
  gpu.launch({
    shader: 'optimize',
    entry: 'tick',
    constants: { WORKGROUP },
    outputs: [clock],
    inputs: [settings],
    uniforms: [0, 0, 0, 0],
    workgroups: 1,
  });
  gpu.launch({
    shader: 'optimize',
    entry: 'adam',
    constants: { WORKGROUP },
    outputs: [parameters, m, v],
    inputs: [gradients, clock, settings],
    uniforms: [parameters.size / 4, 0, 0, 0],
    workgroups: Math.ceil(parameters.size / 4 / WORKGROUP),
  });
};

export const sgd: LoweringOf<typeof sgdUpdate> = (gpu, [parameters, gradients, velocity, settings]) => {
  gpu.launch({
    shader: 'optimize',
    entry: 'sgd',
    constants: { WORKGROUP },
    outputs: [parameters, velocity],
    inputs: [gradients, settings],
    uniforms: [parameters.size / 4, 0, 0, 0],
    workgroups: Math.ceil(parameters.size / 4 / WORKGROUP),
  });
};
