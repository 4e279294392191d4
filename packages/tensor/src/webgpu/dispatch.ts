import { bytesPerElement } from '../dtype.ts';
import type { DeclaredLaunch, Launch, LaunchOfWords } from '../lowering/launch.ts';
import type { Origin } from '../origin.ts';
import type { Shape } from '../shape.ts';
import { byteLength, type GpuStorage } from './memory.ts';
import { type CompiledKernel, UNIFORM_SLOT } from './pipelines.ts';

const MAX_UNIFORM_WORDS = UNIFORM_SLOT / 4;
/** Workgroups that WebGPU allows in one dimension. */
const MAX_GROUPS = 65_535;

/** The memory of one tensor in a launch, in bytes. */
export interface Binding {
  readonly storage: GpuStorage;
  readonly offset: number;
  readonly bytes: number;
  readonly shape: Shape;
}

/** One launch with everything resolved but the buffers: what a captured program keeps. */
export interface Dispatch {
  readonly kernel: CompiledKernel;
  /** Outputs first, in the order of the bindings. */
  readonly bindings: readonly Binding[];
  readonly outputs: number;
  readonly uniforms: Uint32Array;
  readonly workgroups: readonly [number, number, number];
  /** The op that asked for it. */
  readonly op: string;
  /** Where that came from; several after merging, none unless captured. */
  readonly origins: readonly Origin[];
  /** What it was made from. */
  readonly launch: Launch;
}

/** Receives launches instead of the queue, while a step is captured. */
export interface Recorder {
  launched(dispatch: Dispatch): void;
  /** Memory was asked for; it has no buffer yet. */
  allocated(storage: GpuStorage): void;
  /** The host is about to write. Throws where that could not be replayed. */
  written(storage: GpuStorage): void;
  /** Something was asked for that a recording cannot do. */
  refused(error: Error): void;
}

/** Resolves a launch. */
export function dispatchOf(
  launch: Launch,
  kernel: CompiledKernel,
  op: string,
  origins: readonly Origin[],
): Dispatch {
  const bindings = [...launch.outputs, ...launch.inputs].map((tensor) => ({
    storage: tensor.storage as GpuStorage,
    offset: tensor.offset * bytesPerElement[tensor.dtype],
    bytes: byteLength(tensor.dtype, tensor.size),
    shape: tensor.shape,
  }));
  return {
    kernel,
    bindings,
    outputs: launch.outputs.length,
    uniforms: packUniforms(launch),
    workgroups: spread(launch.workgroups),
    op,
    origins,
    launch,
  };
}

function packUniforms(launch: Launch): Uint32Array {
  if (typeof launch.shader !== 'string')
    return launch.shader.uniforms.pack((launch as DeclaredLaunch).uniforms);
  const { uniforms } = launch as LaunchOfWords;
  const words = new Uint32Array(uniforms.length);
  if (words.length > MAX_UNIFORM_WORDS)
    throw new Error(`kernel ${launch.shader}: more than ${MAX_UNIFORM_WORDS} uniforms`);
  const view = new DataView(words.buffer);
  uniforms.forEach((value, i) => {
    if (typeof value === 'number') words[i] = value;
    else view.setFloat32(i * 4, value.float, true);
  });
  return words;
}

/** A count of workgroups as extents within the limit of one dimension. */
function spread(workgroups: Launch['workgroups']): readonly [number, number, number] {
  if (typeof workgroups !== 'number') {
    if (workgroups.some((extent) => extent > MAX_GROUPS)) {
      throw new Error(`kernel: ${workgroups.join(' x ')} workgroups exceed ${MAX_GROUPS} in one dimension`);
    }
    return workgroups;
  }
  if (workgroups <= MAX_GROUPS) return [workgroups, 1, 1];
  const rows = Math.ceil(workgroups / MAX_GROUPS);
  return [Math.ceil(workgroups / rows), rows, 1];
}
