export { openBrowserDevice } from './browser.ts';
export { contractionsOf, contractionVariants, type SeenContraction } from './contraction.ts';
export { type CompileProgress, DeviceLostError, WebGPUDevice, type WebGPUDeviceOptions } from './device.ts';
export type { AdapterKind } from './kernels.ts';
export { Program, type ProgramMemory } from './program.ts';
export type { DeviceStats } from './stats.ts';
export { type TunedTask, type TuneOptions, tuneContractions } from './tune.ts';
export type { TunedChoice, TunedTable } from './tuned.ts';
