import { openDevice } from '@tapegrad/node';
import {
  type AdapterKind,
  cast,
  Generator,
  Program,
  scope,
  setDefaultDevice,
  type Tensor,
  type WebGPUDevice,
} from '@tapegrad/tensor';
import { models } from '@tapegrad/vae';
import { convolutions, products } from '../kernels/contractions.ts';
import { others } from '../kernels/others.ts';
import { trainingStep } from '../training.ts';
import type { KernelText } from './compiler.ts';

/** A kernel as a GPU runs it, and who uses it. */
export interface GpuKernel extends KernelText {
  /** The WGSL file. */
  readonly shader: string;
  readonly users: readonly string[];
}

/** What the choice of kernels goes by. */
export interface PretendedAdapter {
  readonly kind: AdapterKind;
  readonly subgroups: { readonly min: number; readonly max: number } | undefined;
}

/**
 * Sizes of subgroups as adapters give them: a range, as in browsers on most of them, where no kernel may count on one; and
 * 32, as on NVIDIA's.
 */
const GPUS: readonly PretendedAdapter[] = [
  { kind: 'gpu', subgroups: { min: 4, max: 128 } },
  { kind: 'gpu', subgroups: { min: 32, max: 32 } },
];

/** Rows of ops that take no float16. */
const FLOAT32_ONLY = /^(loss|adam|random|training)\//;

const halved = (x: Tensor) => (x.dtype === 'float32' ? cast(x, 'float16') : x);

/** Kernels that programs launch, each once, with who uses it. Nothing is run: devices are those of Dawn's null backend. */
export class KernelCollection {
  readonly #found = new Map<string, { kernel: Omit<GpuKernel, 'users'>; users: Set<string> }>();
  readonly #names = new Set<string>();

  /** What a function launches. */
  note(device: WebGPUDevice, user: string, run: () => unknown): void {
    const program = Program.record(device, [], () => {
      run();
      return null;
    });
    for (const { kernel, launch, op } of program.dispatches) {
      const { code, bindings } = kernel;
      const seen = this.#found.get(code);
      if (seen) {
        seen.users.add(user);
        continue;
      }
      const id = unique(`${kernel.label} ${describe(launch.constants ?? {})} [${op}]`, this.#names);
      const { name: shader, entry } = launch.shader;
      this.#found.set(code, { kernel: { id, shader, code, entry, bindings }, users: new Set([user]) });
    }
    program.dispose();
  }

  /**
   * Every model's training step, and the rows of the kernel benchmarks, with `float16` in that too. `wanted` is asked for each user:
   * `steps/ae`, `kernels/matmul/…`, `kernels/matmul/… float16`.
   */
  noteAll(
    device: WebGPUDevice,
    wanted: (user: string) => boolean = () => true,
    { float16 = false } = {},
  ): void {
    setDefaultDevice(device);
    for (const spec of models.values()) {
      const user = `steps/${spec.name}`;
      if (!wanted(user)) continue;
      const step = trainingStep(spec, device, false);
      // Each launch by itself, and on a GPU as they run: joined with those that do not wait for them.
      for (const joins of device.adapterKind === 'gpu' ? [false, true] : [false]) {
        device.joins = joins;
        this.note(device, user, step.eager);
        device.trim();
      }
      device.joins = undefined;
    }
    for (const row of [...products, ...convolutions, ...others]) {
      for (const half of float16 && !FLOAT32_ONLY.test(row.id) ? [false, true] : [false]) {
        const user = `kernels/${row.id}${half ? ' float16' : ''}`;
        // The null backend's memory is small.
        if (row.largest > 2 ** 28 || !wanted(user)) continue;
        scope(() => {
          const inputs = row.inputs(new Generator(1, { device }));
          const given = half ? inputs.map(halved) : inputs;
          this.note(device, user, () => row.run(given));
        });
        device.trim();
      }
    }
  }

  get kernels(): GpuKernel[] {
    return [...this.#found.values()].map(({ kernel, users }) => ({ ...kernel, users: [...users] }));
  }
}

/**
 * A device that compiles and runs nothing, and is taken for an adapter of another kind. Tint would read each kernel even for the
 * null backend; so it gets entry points that do nothing.
 */
export async function pretend(as: PretendedAdapter): Promise<WebGPUDevice> {
  const device = await openDevice('gpu', { nullBackend: true });
  const create = device.gpu.createShaderModule.bind(device.gpu);
  Object.defineProperty(device.gpu, 'createShaderModule', {
    value: ({ code, label }: GPUShaderModuleDescriptor) => {
      const entries = [...code.matchAll(/@compute[^{]*?\bfn (\w+)/g)];
      const empty = entries.map(([, name]) => `@compute @workgroup_size(1) fn ${name}() {}`);
      return create({ label, code: empty.join('\n') });
    },
  });
  return Object.assign(device, { adapterKind: as.kind, subgroups: as.subgroups });
}

/** Every kernel of every model's training step, and of the rows of the kernel benchmarks, as they are chosen on a GPU. */
export async function gpuKernels(
  wanted: (user: string) => boolean,
  options: { float16: boolean },
): Promise<GpuKernel[]> {
  const collection = new KernelCollection();
  for (const gpu of GPUS) {
    const device = await pretend(gpu);
    collection.noteAll(device, wanted, options);
    device.destroy();
  }
  return collection.kernels;
}

/** The host constants that are set, numbers with their values; not the entries of tables, such as B_0, B_1 … */
const describe = (constants: Readonly<Record<string, number | boolean>>) =>
  Object.entries(constants)
    .filter(([name, value]) => value !== false && !/_\d+$/.test(name))
    .map(([name, value]) => (value === true ? name : `${name}=${value}`))
    .join(' ');

/** Kernels that differ in nothing but the text that passes made are numbered. */
function unique(id: string, taken: Set<string>): string {
  let [name, number] = [id, 1];
  while (taken.has(name)) name = `${id} #${++number}`;
  taken.add(name);
  return name;
}
