export { contractionsOf } from '../lowering/contraction/contract.ts';
export { contractionVariants, ForcedVariant } from '../lowering/contraction/table.ts';
export type { Contraction, Task } from '../lowering/contraction/task.ts';
export type { AdapterKind, TunedChoice, TunedTable } from '../lowering/launch.ts';
export { openBrowserDevice } from './browser.ts';
export { type CompileProgress, DeviceLostError, WebGPUDevice, type WebGPUDeviceOptions } from './device.ts';
export { Program, type ProgramMemory } from './program.ts';
export type { DeviceStats } from './stats.ts';
export { type TunedTask, type TuneOptions, tuneContractions } from './tune.ts';
