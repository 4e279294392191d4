import type { TensorView } from '../../contracts.ts';
import type { Launch } from '../../lowering/launch.ts';
import { type UniformFields, UniformStruct } from '../../lowering/uniforms.ts';
import { type Binding, type RecordedLaunch, spread } from '../dispatch.ts';
import { kernelText, textKey } from '../kernel-text.ts';
import { fieldOf, link, linkedSize, PLACING, sharedBytes } from '../link.ts';
import { MOST_UNIFORMS } from '../pipelines.ts';
import { type WgslModule, wgslModule } from '../wgsl-module.ts';
import { dependenciesOf, levelsOf } from './dependencies.ts';
import { memoryOf } from './program-index.ts';

/** What the device gives to one kernel. */
export interface KernelRoom {
  /** Storage buffers, and bytes of a workgroup's memory. */
  readonly buffers: number;
  readonly sharedBytes: number;
}

/**
 * Kernels of one launch, and of those whose threads meet, which are the long ones: a layer's two gradients. Compilers take
 * more than twice as long for twice the text.
 */
const MOST_PARTS = 6;
const MOST_MEETING = 2;
const MOST_WORDS = MOST_UNIFORMS / 4;
/**
 * Threads that never meet, in a launch of a kernel whose threads do. Such a kernel takes so many registers and so much shared
 * memory that a large GPU holds about this many of its threads; what needs many more to wait for memory runs by itself.
 */
const MOST_BESIDE = 2 ** 16;

/** What is known of kernels already, by `textKey`. */
type ModulesByText = Map<string, WgslModule | undefined>;

/** A launch as what may be linked. */
interface Candidate {
  readonly launch: RecordedLaunch;
  readonly module: WgslModule | undefined;
}

/**
 * Runs launches that do not wait for each other as one. Between any two launches of a replay a GPU waits: each writes a buffer
 * that was used before, and WebGPU knows no more than that. So a step has as many turns as it has launches; the least is its
 * longest chain.
 *
 * Each launch gets the turn in which it has to run, so that the longest chain stays as long as it is, and takes along others
 * that could run then: those that became possible first, and whatever fits into one kernel with it. What is computed does not
 * change; in what order does, where the order does not matter.
 */
export function joinLaunches(
  launches: readonly RecordedLaunch[],
  room: KernelRoom,
  modules: ModulesByText,
): RecordedLaunch[] {
  const candidates = launches.map(
    (launch): Candidate => ({ launch, module: moduleOf(launch.launch, modules) }),
  );
  return turnsOf(candidates, room).map((turn) => (turn.length === 1 ? turn[0]!.launch : joined(turn)));
}

/** What a launch's kernel declares. To expand and parse it takes longer than all else here, so that it is kept. */
function moduleOf(launch: Launch, modules: ModulesByText): WgslModule | undefined {
  const key = textKey(launch);
  if (!modules.has(key)) modules.set(key, wgslModule(kernelText(launch), launch.shader.entry));
  return modules.get(key);
}

/** The launches of the joined program, in their order, each as what it is made of. */
function turnsOf(candidates: readonly Candidate[], room: KernelRoom): Candidate[][] {
  const dependencies = dependenciesOf(candidates.map(({ launch }) => launch));
  const latest = latestOf(dependencies);
  const done = new Set<number>();
  const waiting = new Set(candidates.keys());
  const turns: Candidate[][] = [];
  for (let now = 0; waiting.size > 0; now++) {
    const ready = [...waiting].filter((at) => dependencies[at]!.every((before) => done.has(before)));
    const groups: Candidate[][] = [];
    const take = (at: number, alone: boolean) => {
      const one = candidates[at]!;
      const group = groups.find((others) => fits([...others, one], room));
      if (group) group.push(one);
      else if (alone) groups.push([one]);
      else return;
      waiting.delete(at);
      taken.push(at);
    };
    const taken: number[] = [];
    for (const at of ready) if (latest[at] === now) take(at, true);
    for (const at of ready) if (latest[at] !== now) take(at, false);
    for (const at of taken) done.add(at);
    turns.push(...groups);
  }
  return turns;
}

/** For each launch the last turn in which it may run, if there are to be no more than the longest chain has. */
function latestOf(dependencies: readonly (readonly number[])[]): number[] {
  const last = Math.max(...levelsOf(dependencies));
  const latest = dependencies.map(() => last);
  for (let at = dependencies.length - 1; at >= 0; at--)
    for (const before of dependencies[at]!) latest[before] = Math.min(latest[before]!, latest[at]! - 1);
  return latest;
}

function fits(group: readonly Candidate[], room: KernelRoom): boolean {
  const modules = group.map(({ module }) => module).filter((module) => module !== undefined);
  if (modules.length < group.length || group.length > MOST_PARTS) return false;
  if (linkedSize(modules) === undefined || sharedBytes(modules) > room.sharedBytes) return false;
  const meeting = modules.filter(({ meets }) => meets).length;
  if (meeting > MOST_MEETING) return false;
  if (meeting > 0) {
    const beside = group.filter(
      ({ launch, module }) => !module!.meets && threadsOf(launch, module!) > MOST_BESIDE,
    );
    if (beside.length > 0) return false;
  }
  const words = group.reduce((sum, { launch }) => sum + launch.launch.shader.uniforms.words + 8, 0);
  const { outputs, inputs } = buffersOf(group);
  // Within a launch WebGPU lets a buffer be either read or written.
  const written = new Set(outputs.map(({ binding }) => memoryOf(binding.storage)));
  const isApart = inputs.every(({ binding }) => !written.has(memoryOf(binding.storage)));
  return words <= MOST_WORDS && isApart && outputs.length + inputs.length <= room.buffers;
}

const threadsOf = ({ workgroups: [x, y, z] }: RecordedLaunch, { entry }: WgslModule) =>
  x * y * z * entry.size;

interface BoundBuffer {
  readonly binding: Binding;
  readonly tensor: TensorView;
  readonly key: string;
}

/** What a joined launch binds: what two parts read in the same way, once. */
function buffersOf(group: readonly Candidate[]) {
  const memories = new Map<object, number>();
  const outputs: BoundBuffer[] = [];
  const inputs: BoundBuffer[] = [];
  /** For each part, where its bindings are found. */
  const keys = group.map(({ launch: { bindings, outputs: written, launch }, module }) => {
    const tensors = [...launch.outputs, ...launch.inputs];
    return bindings.map((binding, slot) => {
      const memory = memoryOf(binding.storage);
      if (!memories.has(memory)) memories.set(memory, memories.size);
      const { type } = module!.buffers.find((buffer) => buffer.slot === slot) ?? { type: '' };
      const key = `${memories.get(memory)},${binding.offset},${binding.bytes},${type}`;
      const list = slot < written ? outputs : inputs;
      if (!list.some((other) => other.key === key)) list.push({ binding, tensor: tensors[slot]!, key });
      return key;
    });
  });
  return { outputs, inputs, keys };
}

/** Small launches first, so that what takes few threads long does not begin last. */
function joined(turn: readonly Candidate[]): RecordedLaunch {
  const group = [...turn].sort((a, b) => threadsOf(a.launch, a.module!) - threadsOf(b.launch, b.module!));
  const modules = group.map(({ module }) => module!);
  const { outputs, inputs, keys } = buffersOf(group);
  const buffers = [...outputs, ...inputs];
  const places = new Map(buffers.map(({ key }, slot) => [key, slot]));
  const parts = group.map(({ launch, module }, part) => ({
    module: module!,
    slots: keys[part]!.map((key) => places.get(key)!),
    outputs: launch.outputs,
  }));
  const size = linkedSize(modules)!;
  const fields: Record<string, UniformFields[string]> = {};
  const uniforms: Record<string, number | readonly number[]> = {};
  let end = 0;
  for (const [part, { launch, module }] of group.entries()) {
    const { shader, uniforms: values } = launch.launch;
    const [x, y, z] = launch.workgroups;
    end += Math.ceil((x * y * z * module!.entry.size) / size);
    const all: [UniformFields, Readonly<Record<string, number | readonly number[]>>][] = [
      [PLACING, { link__end: end, link__extents: launch.workgroups }],
      [shader.uniforms.fields, values],
    ];
    for (const [types, numbers] of all)
      for (const [field, type] of Object.entries(types)) {
        fields[fieldOf(field, part)] = type;
        uniforms[fieldOf(field, part)] = numbers[field]!;
      }
  }
  const launches = group.map(({ launch }) => launch);
  const text = link(parts);
  const enables = new Set(modules.flatMap(({ enables }) => enables));
  return {
    bindings: buffers.map(({ binding }) => binding),
    outputs: outputs.length,
    workgroups: spread(end),
    op: launches.map(({ op }) => op).join(' | '),
    origins: launches.flatMap(({ origins }) => origins),
    launch: {
      shader: {
        name: launches.map(({ launch: { shader } }) => shader.name).join(' | '),
        entry: 'main',
        wgsl: [...enables].join('\n'),
        uniforms: new UniformStruct(fields, MOST_WORDS),
      },
      code: text,
      outputs: outputs.map(({ tensor }) => tensor),
      inputs: inputs.map(({ tensor }) => tensor),
      uniforms,
      workgroups: end,
      ...flopsOf(launches),
    },
  };
}

function flopsOf(launches: readonly RecordedLaunch[]): Pick<Launch, 'flops'> {
  const flops = launches.reduce((sum, { launch }) => sum + (launch.flops ?? 0), 0);
  return flops > 0 ? { flops } : {};
}
