import {
  capture,
  type Device,
  internalsOf,
  type Program,
  setDefaultDevice,
  show,
  Tensor,
  WebGPUDevice,
} from '@tapegrad/tensor';
import type {
  BackwardInfo,
  Inspection,
  LaunchInfo,
  NodeInfo,
  ProgramInfo,
  TensorInfo,
} from './inspection.ts';
import { compile, type ProgramText } from './program-text.ts';
import { type Watched, watch } from './watch.ts';

/** Values of a tensor that are shown. */
const SHOWN = 64;

/** Runs a program and tells all there is to know of it. */
export async function inspect(code: string, device: Device): Promise<Inspection> {
  setDefaultDevice(device);
  const program = compile(code);
  const watched = watch(program);
  const described = new Described();
  const { calls, roots, gradients, leaves, variables } = watched;
  const nodes: NodeInfo[] = [];
  const backward: BackwardInfo[] = [];
  for (const { call, name, backwardOf } of calls) {
    const common = {
      op: call.op.name,
      attributes: attributesText(call.attributes),
      inputs: await described.all(call.inputs),
      output: await described.of(call.output),
    };
    if (backwardOf) backward.push({ ...common, node: backwardOf });
    else {
      const gradient = gradients.get(call.output);
      nodes.push({ ...common, name, ...(gradient && { gradient: await infoOf(gradient, -1) }) });
    }
  }
  const found: Inspection = {
    printed: await Promise.all(watched.printed.map((values) => textOf(values))),
    leaves: await Promise.all(
      leaves.map(async (leaf) => {
        const gradient = gradients.get(leaf);
        return { tensor: await described.of(leaf), gradient: gradient && (await infoOf(gradient, -1)) };
      }),
    ),
    nodes,
    backward,
    roots: await described.all(roots),
    names: Object.fromEntries(
      await Promise.all(
        Object.entries(variables).map(async ([name, tensor]) => [await described.of(tensor), name]),
      ),
    ),
    tensors: described.list,
    ...(await programOf(program, watched, device)),
    device: device.name,
  };
  return found;
}

/** Numbers tensors as they come, and reads their values. */
class Described {
  readonly list: TensorInfo[] = [];
  readonly #ids = new Map<Tensor, number>();

  async of(tensor: Tensor): Promise<number> {
    const known = this.#ids.get(tensor);
    if (known !== undefined) return known;
    const id = this.#ids.size;
    this.#ids.set(tensor, id);
    this.list[id] = await infoOf(tensor, id);
    return id;
  }

  async all(tensors: readonly Tensor[]): Promise<number[]> {
    const ids: number[] = [];
    for (const tensor of tensors) ids.push(await this.of(tensor));
    return ids;
  }
}

async function infoOf(tensor: Tensor, id: number): Promise<TensorInfo> {
  const values = tensor.disposed ? [] : await tensor.data();
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) [least, most] = [Math.min(least, value), Math.max(most, value)];
  return { id, shape: tensor.shape, dtype: tensor.dtype, values: [...values.slice(0, SHOWN)], least, most };
}

async function textOf(values: readonly unknown[]): Promise<string> {
  const parts = values.map(async (value) => {
    if (!(value instanceof Tensor)) return typeof value === 'string' ? value : String(JSON.stringify(value));
    const text = value.size > SHOWN ? `tensor ${show(value.shape)}` : rounded(await value.array());
    internalsOf(value).release();
    return text;
  });
  return (await Promise.all(parts)).join(' ');
}

const rounded = (value: unknown): string =>
  typeof value === 'number'
    ? String(Number(value.toPrecision(6)))
    : `[${(value as unknown[]).map(rounded).join(', ')}]`;

function attributesText(attributes: unknown): string {
  if (Array.isArray(attributes)) return attributes.length > 0 ? attributes.join(', ') : '';
  if (!attributes || typeof attributes !== 'object') return '';
  return Object.entries(attributes)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
    .join(', ');
}

// --------------------------------------------------------------------------------------------- the captured program

/** What `capture` makes of the program: its launches, before and after merging. */
async function programOf(
  program: ProgramText,
  { printed, variables }: Watched,
  device: Device,
): Promise<Pick<Inspection, 'program' | 'noProgram'>> {
  if (!(device instanceof WebGPUDevice))
    return { program: undefined, noProgram: 'the reference runs plain loops: launches are of WebGPU' };
  try {
    const names = Object.keys(variables);
    const record = async (fuseFrom: number): Promise<Program> => {
      const captured = capture(() => resultsOf(program, names), { device });
      const before = device.fuseFrom;
      device.fuseFrom = fuseFrom;
      // It records at once, and compiles afterwards.
      const prepared = captured.prepare();
      device.fuseFrom = before;
      await prepared;
      return captured.programs[0]!;
    };
    const [merged, unmerged] = [await record(0), await record(Number.POSITIVE_INFINITY)];
    return { program: describe(merged, unmerged, device), noProgram: undefined };
  } catch (error) {
    const why = `${(error as Error).message}`;
    return { program: undefined, noProgram: printed.length === 0 ? `${why}; print(…) makes a result` : why };
  }
}

/** Everything that the program says is worth computing: what it prints, its variables, and the gradients. */
function resultsOf(program: ProgramText, names: readonly string[]): Tensor[] {
  const { printed, variables } = program((root, options) => root.backward(options));
  const tensors = [...printed.flat(), ...names.map((name) => variables[name])].filter(
    (value): value is Tensor => value instanceof Tensor && !value.disposed,
  );
  const gradients = tensors.flatMap(({ grad }) => (grad ? [grad] : []));
  // Without their history: nobody differentiates a replay.
  return [...new Set([...tensors, ...gradients])]
    .filter((tensor) => tensor.size > 0)
    .map((tensor) => tensor.detach());
}

function describe(merged: Program, unmerged: Program, device: WebGPUDevice): ProgramInfo {
  const kernels: string[] = [];
  const launches = merged.dispatches.map((dispatch): LaunchInfo => {
    const { kernel, workgroups, bindings, outputs, launch } = dispatch;
    let code = kernels.indexOf(kernel.code);
    if (code < 0) code = kernels.push(kernel.code) - 1;
    const shapes = bindings.map(({ shape, bytes }) => `${show(shape)} ${bytes} B`);
    return {
      ...sourceOf(dispatch),
      workgroups,
      writes: shapes.slice(0, outputs),
      reads: shapes.slice(outputs),
      constants: Object.entries(launch.constants ?? {})
        .map(([name, value]) => `${name} = ${value}`)
        .join(', '),
      uniforms: Array.isArray(launch.uniforms) ? '' : uniformsText(launch.uniforms as object),
      code,
    };
  });
  return {
    launches,
    unmerged: unmerged.dispatches.map(sourceOf),
    merged: merged.fused,
    elided: merged.elided,
    planned: merged.memory.planned,
    liveSet: merged.memory.liveSet,
    text: merged.print(),
    kernels,
    adapter: device.name,
  };
}

function sourceOf({ op, kernel, origins }: Program['dispatches'][number]) {
  const backward = origins.flatMap(({ labels }) =>
    labels.flatMap((label) => /^backward of (.*)$/.exec(label)?.[1] ?? []),
  );
  return {
    op,
    kernel: kernel.label,
    forward: [...new Set(origins.flatMap(({ entry }) => entry ?? []))],
    backward: [...new Set(backward)],
  };
}

const uniformsText = (uniforms: object): string =>
  Object.entries(uniforms)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    .join('\n');
