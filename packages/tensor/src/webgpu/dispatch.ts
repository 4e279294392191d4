import type { TensorView } from '../contracts.ts';
import { bytesPerElement } from '../dtype.ts';
import { type Launch, MOST_GROUPS } from '../lowering/launch.ts';
import type { Origin } from '../origin.ts';
import type { Shape } from '../shape.ts';
import { byteLength, type GpuStorage } from './memory.ts';
import type { CompiledKernel, PipelineCache, SlotBinding } from './pipelines.ts';

/** The memory of one tensor in a launch, in bytes. */
export interface Binding {
  readonly storage: GpuStorage;
  readonly offset: number;
  readonly bytes: number;
  readonly shape: Shape;
}

/** A launch as a captured function asks for it: what the passes work on. */
export interface RecordedLaunch {
  /** Outputs first, in the order of the bindings. */
  readonly bindings: readonly Binding[];
  readonly outputs: number;
  readonly workgroups: readonly [number, number, number];
  /** The op that asked for it. */
  readonly op: string;
  /** Where that came from; several after merging, none unless captured. */
  readonly origins: readonly Origin[];
  readonly launch: Launch;
}

/** A launch with everything resolved but the buffers: what is encoded, and what a captured program keeps. */
export interface Dispatch extends RecordedLaunch {
  readonly kernel: CompiledKernel;
  readonly uniforms: Uint32Array;
}

/** Receives launches instead of the queue, while a step is captured. */
export interface Recorder {
  launched(launch: RecordedLaunch): void;
  /** Memory was asked for; it has no buffer yet. */
  allocated(storage: GpuStorage): void;
  /** The host is about to write. Throws where that could not be replayed. */
  written(storage: GpuStorage): void;
  /** Something was asked for that a recording cannot do. */
  refused(error: Error): void;
}

const bindingOf = ({ storage, offset, dtype, size, shape }: TensorView): Binding => ({
  storage: storage as GpuStorage,
  offset: offset * bytesPerElement[dtype],
  bytes: byteLength(dtype, size),
  shape,
});

/** A launch with the memory that it binds. */
export function recordedLaunch(launch: Launch, op: string, origins: readonly Origin[]): RecordedLaunch {
  const bindings = launch.outputs.map(bindingOf);
  for (const input of launch.inputs) bindings.push(bindingOf(input));
  const workgroups = spread(launch.workgroups);
  return { bindings, outputs: launch.outputs.length, workgroups, op, origins, launch };
}

/** Finds the kernel, and packs the uniforms. */
export function resolved(recorded: RecordedLaunch, pipelines: PipelineCache, slot: SlotBinding): Dispatch {
  const { bindings, outputs, workgroups, op, origins, launch } = recorded;
  const uniforms = launch.shader.uniforms.pack(launch.uniforms);
  const kernel = pipelines.find(launch, slot);
  return { bindings, outputs, workgroups, op, origins, launch, kernel, uniforms };
}

/** A count of workgroups as extents within the limit of one dimension. */
export function spread(workgroups: Launch['workgroups']): readonly [number, number, number] {
  if (typeof workgroups !== 'number') {
    if (workgroups.some((extent) => extent > MOST_GROUPS)) {
      throw new Error(`kernel: ${workgroups.join(' x ')} workgroups exceed ${MOST_GROUPS} in one dimension`);
    }
    return workgroups;
  }
  if (workgroups <= MOST_GROUPS) return [workgroups, 1, 1];
  const rows = Math.ceil(workgroups / MOST_GROUPS);
  return [Math.ceil(workgroups / rows), rows, 1];
}
