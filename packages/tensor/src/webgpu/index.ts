export { openBrowserDevice } from './browser.ts';
export { DeviceLostError, WebGPUDevice, type WebGPUDeviceOptions } from './device.ts';
export type { AdapterKind } from './kernels.ts';
export { Program, type ProgramMemory } from './program.ts';
export type { DeviceStats } from './stats.ts';
