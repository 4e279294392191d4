import { cpus } from 'node:os';
import { type AdapterKind, WebGPUDevice } from '@tapegrad/tensor';
import { type FindOptions, findAdapter } from './adapter.ts';
import type { FoundAdapter } from './kinds.ts';
import { readTuned } from './tune-cache.ts';
import { waitIdly } from './wait.ts';

export { type FindOptions, findAdapter } from './adapter.ts';
export { type ChosenAdapter, type DiagnosedCandidate, type Diagnosis, diagnose } from './diagnose.ts';
export { ADAPTER_KINDS, type AdapterKind, type FoundAdapter, isKind } from './kinds.ts';
export { makeFolder } from './make-folder.ts';
export { renameOver } from './rename.ts';
export { readTuned, tuneCachePath, writeTuned } from './tune-cache.ts';
export { waitIdly } from './wait.ts';

/** How a device is opened. */
export interface OpenOptions extends FindOptions {
  /**
   * Choose kernels, and the passes over captured programs, as for another kind of adapter: a software adapter then runs what
   * a GPU would. Choices stored by `tune` are then ignored.
   */
  as?: AdapterKind | undefined;
}

/**
 * Finds an adapter (see `findAdapter`) and opens it: the first call of a program that runs in Node. `found` tells
 * what was chosen and why. Choices of kernels that `npm run bench -- tune` stored for this adapter and driver are
 * used, unless the environment has TAPEGRAD_TUNE=off.
 */
export async function openDevice(
  choice = 'auto',
  options: OpenOptions = {},
): Promise<WebGPUDevice & { readonly found: FoundAdapter }> {
  if (typeof process === 'undefined')
    throw new Error(
      'openDevice: it is for Node, Bun and Deno; a page calls openBrowserDevice() of @tapegrad/tensor',
    );
  const { as } = options;
  const found = await findAdapter(choice, options);
  const device = await WebGPUDevice.open({
    adapter: found.adapter,
    kind: as ?? found.kind,
    name: found.name,
    ...(found.kind === 'gpu' ? {} : { wait: waitIdly }),
    ...(found.kind === 'lavapipe'
      ? { warming: { another: () => found.gpu.requestAdapter(), workers: cpus().length } }
      : {}),
  });
  if (as === undefined || as === found.kind) {
    const { table, note } = readTuned(found);
    device.tuned = table;
    if (note) process.emitWarning(note, 'TapegradTune');
  }
  // The instance must outlive the device: Dawn's adapters do not keep it alive.
  return Object.assign(device, { found });
}
