import { cpus } from 'node:os';
import { WebGPUDevice } from '@tapegrad/tensor';
import { type FindOptions, findAdapter } from './adapter.ts';
import type { FoundAdapter } from './kinds.ts';
import { readTuned } from './tune-cache.ts';
import { waitIdly } from './wait.ts';

export { type FindOptions, findAdapter } from './adapter.ts';
export { type ChosenAdapter, type DiagnosedCandidate, type Diagnosis, diagnose } from './diagnose.ts';
export type { AdapterKind, FoundAdapter } from './kinds.ts';
export { makeFolder } from './make-folder.ts';
export { renameOver } from './rename.ts';
export { readTuned, tuneCachePath, writeTuned } from './tune-cache.ts';
export { waitIdly } from './wait.ts';

/**
 * Finds an adapter (see `findAdapter`) and opens it: the first call of a program that runs in Node. `found` tells
 * what was chosen and why. Choices of kernels that `npm run bench -- tune` stored for this adapter and driver are
 * used, unless the environment has TAPEGRAD_TUNE=off.
 */
export async function openDevice(
  choice = 'auto',
  options: FindOptions = {},
): Promise<WebGPUDevice & { readonly found: FoundAdapter }> {
  const found = await findAdapter(choice, options);
  const device = await WebGPUDevice.open({
    adapter: found.adapter,
    kind: found.kind,
    name: found.name,
    ...(found.kind === 'gpu' ? {} : { wait: waitIdly }),
    ...(found.kind === 'lavapipe'
      ? { warming: { another: () => found.gpu.requestAdapter(), workers: cpus().length } }
      : {}),
  });
  const { table, note } = readTuned(found);
  device.tuned = table;
  if (note) process.emitWarning(note, 'TapegradTune');
  // The instance has to outlive the device: Dawn's adapters do not keep it.
  return Object.assign(device, { found });
}
