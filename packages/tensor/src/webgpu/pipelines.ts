import type { Launch } from '../lowering/launch.ts';
import { kernelText, textKey, wholeText } from './kernel-text.ts';
import type { DeviceStats } from './stats.ts';
import type { WgslModule } from './wgsl-module.ts';

/** A compute pipeline with the layout of its one bind group. */
export interface CompiledKernel {
  readonly label: string;
  readonly layout: GPUBindGroupLayout;
  readonly bindings: readonly GPUBindGroupLayoutEntry[];
  /** The whole WGSL, as it is compiled. */
  readonly code: string;
  readonly id: number;
  pipeline: GPUComputePipeline | undefined;
  /** Set while it compiles in the background. */
  pending?: Promise<void>;
  readonly descriptor: GPUComputePipelineDescriptor;
}

interface Layout {
  readonly bindings: readonly GPUBindGroupLayoutEntry[];
  readonly group: GPUBindGroupLayout;
}

/** Bytes of a launch's uniforms: the alignment that every WebGPU device accepts for dynamic offsets. */
export const UNIFORM_SLOT = 256;

/** Bytes of the most uniforms that a kernel has: those of several that were linked. */
export const MOST_UNIFORMS = 2048;

/**
 * Where a launch finds its uniforms: in the slot that a dynamic offset says, so that one bind group serves all slots; or
 * where its bind group begins. lavapipe copies a whole bind group for each dynamic offset, into memory that it maps anew.
 */
export type SlotBinding = 'moving' | 'fixed';

/** Compiles kernels once for each combination of shader, entry, constants, appended code and place of the uniforms. */
export class PipelineCache {
  /** What kernels declare, by `textKey`. Filled where launches are joined, so that eager programs come without the parser. */
  readonly modules = new Map<string, WgslModule | undefined>();
  readonly #device: GPUDevice;
  readonly #stats: DeviceStats;
  readonly #kernels = new Map<string, CompiledKernel>();
  readonly #layouts = new Map<string, Layout>();

  constructor(device: GPUDevice, stats: DeviceStats) {
    this.#device = device;
    this.#stats = stats;
  }

  /** The kernel for a launch, described but perhaps not compiled yet. */
  find(launch: Launch, slot: SlotBinding): CompiledKernel {
    const key = `${slot}|${launch.shader.uniforms.id}|${textKey(launch)}`;
    let kernel = this.#kernels.get(key);
    if (!kernel) {
      kernel = this.#describe(launch, slot);
      this.#kernels.set(key, kernel);
    }
    return kernel;
  }

  /** Compiles now, blocking. */
  ready(kernel: CompiledKernel): GPUComputePipeline {
    if (!kernel.pipeline) {
      kernel.pipeline = this.#device.createComputePipeline(kernel.descriptor);
      this.#stats.pipelines++;
    }
    return kernel.pipeline;
  }

  /** Compiles several kernels in parallel, telling of each that was not compiled before. */
  async compile(kernels: Iterable<CompiledKernel>, onDone?: () => void): Promise<void> {
    await Promise.all(
      [...new Set(kernels)].map((kernel) => {
        if (kernel.pipeline) return undefined;
        kernel.pending ??= this.#device.createComputePipelineAsync(kernel.descriptor).then((pipeline) => {
          kernel.pipeline ??= pipeline;
          this.#stats.pipelines++;
        });
        return kernel.pending.then(onDone);
      }),
    );
  }

  #describe(launch: Launch, slot: SlotBinding): CompiledKernel {
    const { name, entry } = launch.shader;
    const label = `${name}.${entry}`;
    const code = wholeText(kernelText(launch), launch);
    const module = this.#device.createShaderModule({ code, label });
    void reportErrors(module, code, label);
    const layout = this.#layout(launch.outputs.length, launch.inputs.length, slot);
    return {
      label,
      id: this.#kernels.size,
      layout: layout.group,
      bindings: layout.bindings,
      code,
      pipeline: undefined,
      descriptor: {
        label,
        // One for each kernel: where the next kernel in a pass has the same object, wgpu (Deno 2.9) goes on checking buffers
        // against the sizes that the last one wants.
        layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout.group] }),
        compute: { module, entryPoint: entry },
      },
    };
  }

  /** Every kernel binds its uniforms at 0, then its outputs, then its inputs. */
  #layout(outputs: number, inputs: number, slot: SlotBinding): Layout {
    const key = `${outputs},${inputs},${slot}`;
    let layout = this.#layouts.get(key);
    if (!layout) {
      const entry = (binding: number, type: GPUBufferBindingType, hasDynamicOffset = false) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type, hasDynamicOffset },
      });
      const bindings = [
        entry(0, 'uniform', slot === 'moving'),
        ...Array.from({ length: outputs }, (_, i) => entry(1 + i, 'storage')),
        ...Array.from({ length: inputs }, (_, i) => entry(1 + outputs + i, 'read-only-storage')),
      ];
      layout = { bindings, group: this.#device.createBindGroupLayout({ entries: bindings }) };
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}

/** Prints a kernel that does not compile with the place of the error: WebGPU itself reports it late and far away. */
async function reportErrors(module: GPUShaderModule, code: string, label: string): Promise<void> {
  const { messages } = await module.getCompilationInfo();
  for (const { type, lineNum, linePos, message } of messages) {
    if (type !== 'error') continue;
    const lines = code
      .split('\n')
      .map((line, i) => `${i + 1 === lineNum ? '>' : ' '}${String(i + 1).padStart(4)} ${line}`);
    console.error(`kernel ${label}, ${lineNum}:${linePos}: ${message}\n${lines.join('\n')}`);
  }
}
