export { functionalCall } from './functional-call.ts';
export {
  defaultGenerator,
  fanInBound,
  type InitOptions,
  manualSeed,
  normalParameter,
  uniformParameter,
} from './init.ts';
export * from './layers/activations.ts';
export * from './layers/conv.ts';
export * from './layers/dropout.ts';
export * from './layers/linear.ts';
export * from './layers/normalization.ts';
export * from './layers/pooling.ts';
export * from './layers/structure.ts';
export * from './losses.ts';
export { type AutocastOptions, autocast } from './mixed-precision.ts';
export { buffer, callable, Module, parameter } from './module.ts';
export { Adam, type AdamOptions, AdamW, SGD, type SGDOptions } from './optim.ts';
export { Optimizer } from './optimizer.ts';
export * from './safetensors.ts';
export {
  constantLR,
  cosineAnnealingLR,
  every,
  exponentialLR,
  linearLR,
  multiStepLR,
  type Schedule,
  sequentialLR,
  stepLR,
} from './schedules.ts';
export { type LoadOptions, type LoadReport, loadTensors, misfits, type TensorSource } from './state.ts';
export { loadStateDict, readTensors, saveStateDict, saveTensors } from './weights.ts';
