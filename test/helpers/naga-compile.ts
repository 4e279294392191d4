import { readFileSync } from 'node:fs';
import type { KernelText } from '../../bench/isa/compiler.ts';

/*
 * Run by Deno, whose WebGPU is wgpu with the compiler Naga, as Firefox's is: makes a pipeline of every kernel in the JSON
 * file that is named, on a device with the least limits and no features. Prints what came of it as JSON (`NagaReport`).
 */

export interface NagaReport {
  /** Empty where Deno finds no driver. */
  readonly adapter: string;
  readonly features: readonly string[];
  readonly failures: readonly { readonly id: string; readonly message: string }[];
}

const adapter = await navigator.gpu.requestAdapter();
const failures: { id: string; message: string }[] = [];
if (adapter) {
  const device = await adapter.requestDevice();
  const kernels = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as KernelText[];
  for (const { id, code, entry, bindings } of kernels) {
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code });
    const group = device.createBindGroupLayout({ entries: [...bindings] });
    const layout = device.createPipelineLayout({ bindGroupLayouts: [group] });
    device.createComputePipeline({ layout, compute: { module, entryPoint: entry } });
    const error = await device.popErrorScope();
    if (error) failures.push({ id, message: error.message });
  }
}
const report: NagaReport = {
  adapter: adapter?.info.description ?? '',
  features: [...(adapter?.features ?? [])],
  failures,
};
console.log(JSON.stringify(report));
