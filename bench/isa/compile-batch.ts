import { readFileSync, writeSync } from 'node:fs';
import { waitIdly } from '@tapegrad/node';
import { create, globals } from 'webgpu';
import type { KernelText } from './compiler.ts';
import { BEGIN, END, FAILED } from './radv.ts';

/* A process of its own, see `radv.ts`: compiles the kernels of standard input; the driver prints what it makes of them. */

const [STANDARD_OUTPUT, STANDARD_ERROR] = [1, 2];

Object.assign(globalThis, globals);
const kernels = JSON.parse(readFileSync(0, 'utf8')) as KernelText[];
const gpu = create([]);
const adapter = await gpu.requestAdapter();
if (!adapter) throw new Error('Dawn accepts no adapter of this driver');
const { maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup, maxStorageBuffersPerShaderStage } =
  adapter.limits;
const device = await adapter.requestDevice({
  requiredFeatures: ['subgroups'].filter((name) => adapter.features.has(name)) as GPUFeatureName[],
  requiredLimits: {
    maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup,
    maxStorageBuffersPerShaderStage,
  },
});
for (const { id, code, entry, bindings } of kernels) {
  // A byte for whoever watches.
  writeSync(STANDARD_OUTPUT, '.');
  writeSync(STANDARD_ERROR, `${BEGIN}${id}\n`);
  try {
    const module = device.createShaderModule({ code });
    const group = device.createBindGroupLayout({ entries: [...bindings] });
    const layout = device.createPipelineLayout({ bindGroupLayouts: [group] });
    // Dawn, waiting, would keep a second core busy.
    await waitIdly(device.createComputePipelineAsync({ layout, compute: { module, entryPoint: entry } }));
  } catch (error) {
    writeSync(STANDARD_ERROR, `${FAILED}${(error as Error).message}\n`);
  }
}
writeSync(STANDARD_ERROR, `${END}\n`);
process.exit(0);
