import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { WebGPUDevice } from '../webgpu/device.ts';
import { type FindOptions, findAdapter } from './adapter.ts';
import type { FoundAdapter } from './kinds.ts';
import { waitIdly } from './wait.ts';

export { type FindOptions, findAdapter } from './adapter.ts';
export { type ChosenAdapter, type DiagnosedCandidate, type Diagnosis, diagnose } from './diagnose.ts';
export type { AdapterKind, FoundAdapter } from './kinds.ts';

/**
 * Finds an adapter (see `findAdapter`) and opens it: the first call of a program that runs in Node.
 * `found` tells what was chosen and why.
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
    readShader: (url) => readFile(url, 'utf8'),
    ...(found.kind === 'gpu' ? {} : { wait: waitIdly }),
    ...(found.kind === 'lavapipe'
      ? { warming: { another: () => found.gpu.requestAdapter(), workers: cpus().length } }
      : {}),
  });
  // The instance has to outlive the device: Dawn's adapters do not keep it.
  return Object.assign(device, { found });
}
