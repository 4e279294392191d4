import { openDevice } from '@tapegrad/node';
import { Generator, Program, setDefaultDevice, type WebGPUDevice } from '@tapegrad/tensor';
import { models } from '@tapegrad/vae';
import { convolutions, products } from '../kernels/contractions.ts';
import { others } from '../kernels/others.ts';
import { trainingStep } from '../training.ts';
import type { KernelText } from './compiler.ts';

/** A kernel as a GPU runs it, and who uses it. */
export interface GpuKernel extends KernelText {
  readonly users: readonly string[];
}

/**
 * Sizes of subgroups as adapters give them: a range, as in browsers on most of them, where no kernel may count on one; and
 * 32, as on NVIDIA's.
 */
const SUBGROUPS = [
  { min: 4, max: 128 },
  { min: 32, max: 32 },
];

/**
 * Every kernel of every model's training step, and of the rows of the kernel benchmarks, as they are chosen on a GPU. They
 * come from Dawn's null backend, which runs nothing. `wanted` is asked for each user: `steps/ae`, `kernels/matmul/…`.
 */
export async function gpuKernels(wanted: (user: string) => boolean): Promise<GpuKernel[]> {
  const found = new Map<string, { kernel: Omit<GpuKernel, 'users'>; users: Set<string> }>();
  const names = new Set<string>();
  const note = (program: Program, user: string) => {
    for (const { kernel, launch, op } of program.dispatches) {
      const { code, bindings } = kernel;
      const seen = found.get(code);
      if (seen) {
        seen.users.add(user);
        continue;
      }
      const id = unique(`${kernel.label} ${describe(launch.constants ?? {})} [${op}]`, names);
      const entry = launch.shader.entry;
      found.set(code, { kernel: { id, code, entry, bindings }, users: new Set([user]) });
    }
  };
  for (const subgroups of SUBGROUPS) {
    const device = await openDevice('gpu', { nullBackend: true });
    Object.assign(device, { subgroups });
    setDefaultDevice(device);
    for (const spec of models.values()) {
      const user = `steps/${spec.name}`;
      if (!wanted(user)) continue;
      const step = trainingStep(spec, device, false);
      noteProgram(device, step.eager, (program) => note(program, user));
      device.trim();
    }
    const rows = [...products, ...convolutions, ...others].filter(({ id }) => wanted(`kernels/${id}`));
    for (const row of rows) {
      // The null backend's memory is small.
      if (row.largest > 2 ** 28) continue;
      const inputs = row.inputs(new Generator(1, { device }));
      noteProgram(
        device,
        () => row.run(inputs),
        (program) => note(program, `kernels/${row.id}`),
      );
      for (const tensor of inputs) tensor.dispose();
      device.trim();
    }
    device.destroy();
  }
  return [...found.values()].map(({ kernel, users }) => ({ ...kernel, users: [...users] }));
}

/** Records what a function launches, and runs none of it. */
function noteProgram(device: WebGPUDevice, run: () => unknown, note: (program: Program) => void): void {
  const program = Program.record(device, [], () => {
    run();
    return null;
  });
  note(program);
  program.dispose();
}

/** The host constants that are set, numbers with their values. */
const describe = (constants: Readonly<Record<string, number | boolean>>) =>
  Object.entries(constants)
    .filter(([, value]) => value !== false)
    .map(([name, value]) => (value === true ? name : `${name}=${value}`))
    .join(' ');

/** Kernels that differ in nothing but the text that passes made are numbered. */
function unique(id: string, taken: Set<string>): string {
  let [name, number] = [id, 1];
  while (taken.has(name)) name = `${id} #${++number}`;
  taken.add(name);
  return name;
}
