import { announce } from '../context.ts';
import type { Storage } from '../contracts.ts';
import { bytesPerElement, type DType } from '../dtype.ts';
import { withOrigins } from '../origin.ts';
import { keep, scope } from '../scope.ts';
import { type Shape, sizeOf } from '../shape.ts';
import { internalsOf, type Tensor, TensorInternals, viewOf } from '../tensor.ts';
import { mapTensors, tensorsIn } from '../tree.ts';
import { noteWrite, rehearsed, type Span } from '../writes.ts';
import type { CompileProgress } from './backend.ts';
import { backendOf, type WebGPUDevice } from './device.ts';
import { type Dispatch, type RecordedLaunch, resolved } from './dispatch.ts';
import { type Block, byteLength, type GpuStorage, storageOf } from './memory.ts';
import { longestChain } from './passes/dependencies.ts';
import { joinLaunches } from './passes/join-launches.ts';
import { type OptimizedLaunches, optimize } from './passes/optimize.ts';
import type { MemoryPlan } from './plan.ts';
import { type ProgramMemory, placeTemporaries, spansWritten } from './program-memory.ts';
import { printProgram } from './program-print.ts';
import { profileSteps } from './program-profile.ts';
import {
  lastingStorages,
  Recording,
  refuseLostUpdates,
  refuseNothing,
  refusePromise,
  replay,
} from './program-recording.ts';
import { bindSteps, type Step } from './program-steps.ts';

/** A copy between buffers that precedes the launches. */
interface Copy {
  readonly from: Block;
  readonly to: Block;
  readonly bytes: number;
}

/** A function's launches, recorded once for one set of shapes, with all that replaying them takes. */
export class Program<R = unknown> {
  /** Where it runs. */
  readonly device: WebGPUDevice;
  /** What it holds. */
  readonly memory: ProgramMemory;
  /** Copies that were dropped because their source is now written where it belongs. */
  readonly elided: number;
  /** Elementwise launches that were merged into the kernels before or after them. */
  readonly fused: number;
  /** Launches that run as part of another that does not depend on them. */
  readonly joined: number;
  /** Launches of the longest chain in which each has to wait for the one before. */
  readonly chain: number;
  readonly #recording: Recording;
  readonly #inputs: readonly Tensor[];
  readonly #steps: readonly Step[];
  readonly #blocks: readonly Block[];
  readonly #uniforms: GPUBuffer | undefined;
  /** What every replay writes over: memory outside, results, and the copies of arguments, which may be among these. */
  readonly #changes: readonly Span[];
  /** Constants that the launches update, and where their first values are kept. */
  readonly #restores: readonly Copy[];
  #result: R;
  #results: readonly Tensor[];
  #pipelines: readonly GPUComputePipeline[] | undefined;
  #disposed = false;

  /** Runs `fn` with its launches recorded, not executed. `fn` gets placeholders for `inputs`. */
  static record<R>(
    device: WebGPUDevice,
    inputs: readonly { readonly shape: Shape; readonly dtype: DType }[],
    fn: (inputs: readonly Tensor[]) => R,
  ): Program<R> {
    const recording = new Recording();
    const placeholders = inputs.map(({ shape, dtype }) => {
      const storage = device.allocate(dtype, sizeOf(shape)) as GpuStorage;
      recording.hold(storage);
      return keep(new TensorInternals(storage, shape) as Tensor);
    });
    let result: R | undefined;
    try {
      result = backendOf(device).record(recording, () => {
        try {
          return rehearsed(() => withOrigins(() => scope(() => refusePromise(recording, fn(placeholders)))));
        } catch (error) {
          throw recording.failure ?? error;
        }
      });
      if (recording.failure) throw recording.failure;
      refuseNothing(device, recording, placeholders, result);
      mapTensors(result, (tensor) => {
        const storage = storageOf(tensor);
        if (!recording.made.has(storage) && !placeholders.includes(tensor)) return tensor;
        announce({ op: replay, inputs: [tensor], attributes: null, output: tensor });
        return keep(tensor);
      });
      return new Program(device, recording, placeholders, result);
    } catch (error) {
      for (const tensor of tensorsIn(result)) {
        if (recording.made.has(storageOf(tensor))) tensor.dispose();
      }
      for (const placeholder of placeholders) placeholder.dispose();
      recording.releaseAll();
      throw error;
    }
  }

  private constructor(device: WebGPUDevice, recording: Recording, inputs: readonly Tensor[], result: R) {
    this.device = device;
    this.#recording = recording;
    this.#inputs = inputs;
    this.#result = result;
    this.#results = tensorsIn(result);
    const backend = backendOf(device);
    const lasting = lastingStorages(recording, this.#results);
    refuseLostUpdates(recording, inputs, this.#results, lasting);
    for (const storage of lasting)
      storage.block ??= backend.pool.take(byteLength(storage.dtype, storage.size));

    const isTemporary = (storage: GpuStorage) => recording.made.has(storage) && storage.block === undefined;
    const { launches, fused, elided, joined } = optimizedFor(device, recording.launches, isTemporary);
    this.fused = fused;
    this.elided = elided;
    this.joined = joined;
    this.chain = longestChain(launches);
    const dispatches = launches.map((launch) => resolved(launch, backend.pipelines, 'fixed'));
    this.#changes = [...spansWritten(launches, isTemporary), ...inputs.map(internalsOf)];

    const { plan, blocks, rangeOf } = placeTemporaries(backend, launches, isTemporary, device.maxTensorBytes);
    this.#blocks = blocks;
    const { steps, uniforms } = bindSteps(backend, dispatches, rangeOf);
    this.#steps = steps;
    this.#uniforms = uniforms;
    this.#restores = this.#keepConstants();
    this.memory = this.#memory(plan, lasting);
  }

  /** Constants that launches update start every replay with their first values. */
  #keepConstants(): Copy[] {
    const { constants } = this.#recording;
    const { pool } = backendOf(this.device);
    const updated = new Set<GpuStorage>();
    for (const { dispatch } of this.#steps) {
      for (const { storage } of dispatch.bindings.slice(0, dispatch.outputs)) {
        if (constants.has(storage)) updated.add(storage);
      }
    }
    const restores = [...updated].map(({ block, dtype, size }) => {
      const bytes = byteLength(dtype, size);
      return { from: pool.take(bytes), to: block!, bytes };
    });
    if (restores.length > 0) {
      this.device.submit((encoder) => {
        for (const { from, to, bytes } of restores) {
          encoder.copyBufferToBuffer(to.buffer, 0, from.buffer, 0, bytes);
        }
      });
    }
    return restores;
  }

  #memory(plan: MemoryPlan, lasting: ReadonlySet<GpuStorage>): ProgramMemory {
    const blocks = new Set([...lasting, ...this.#inputs.map(storageOf)]);
    const own = [...blocks].map(({ block }) => block!.bytes);
    for (const { from } of this.#restores) own.push(from.bytes);
    own.push(this.#uniforms?.size ?? 0);
    return {
      planned: plan.planned,
      liveSet: plan.liveSet,
      buffers: plan.buffers.length,
      own: own.reduce((sum, bytes) => sum + bytes, 0),
    };
  }

  // ----------------------------------------------------------------------------------------------------- replaying

  /** Kernels that one replay launches. */
  get launches(): number {
    return this.#steps.length;
  }

  /** The launches in their order, for tools. */
  get dispatches(): readonly Dispatch[] {
    return this.#steps.map(({ dispatch }) => dispatch);
  }

  /** Whether its memory was given back, so that it cannot run any more. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** Compiles what the launches need, in parallel. */
  async compile(onProgress?: CompileProgress): Promise<void> {
    await backendOf(this.device).compile(
      this.#steps.map(({ dispatch }) => dispatch.kernel),
      onProgress,
    );
  }

  /** Replays the launches on these arguments. The result's tensors are the same in every call. */
  run(inputs: readonly Tensor[]): R {
    if (this.#disposed) throw new Error('capture: this program was disposed');
    const { device } = this;
    const { pipelines: cache } = backendOf(device);
    this.#pipelines ??= this.#steps.map(({ dispatch }) => cache.ready(dispatch.kernel));
    const pipelines = this.#pipelines;
    device.submit((encoder) => {
      this.#prepare(encoder, inputs);
      if (this.#steps.length === 0) return;
      const pass = encoder.beginComputePass();
      let current: GPUComputePipeline | undefined;
      for (let i = 0; i < this.#steps.length; i++) {
        const { dispatch, group } = this.#steps[i]!;
        const pipeline = pipelines[i]!;
        if (pipeline !== current) pass.setPipeline(pipeline);
        current = pipeline;
        pass.setBindGroup(0, group);
        // Every argument that Dawn has to convert costs 0.1 µs.
        const [x, y, z] = dispatch.workgroups;
        if (y === 1 && z === 1) pass.dispatchWorkgroups(x);
        else pass.dispatchWorkgroups(x, y, z);
      }
      pass.end();
    });
    device.stats.launches += this.#steps.length;
    if (this.#results.some((tensor) => tensor.disposed)) this.#renewResult();
    return this.#result;
  }

  /** Replays once, timing every launch on the device, in nanoseconds: see `profileSteps`. */
  profile(inputs: readonly Tensor[] = []): Promise<number[]> {
    return profileSteps(this.device, this.#steps, (encoder) => this.#prepare(encoder, inputs));
  }

  /** Copies the arguments in, and puts updated constants back to their first values. */
  #prepare(encoder: GPUCommandEncoder, inputs: readonly Tensor[]): void {
    for (const change of this.#changes) noteWrite(change);
    inputs.forEach((input, i) => {
      const from = storageOf(input);
      const to = storageOf(this.#inputs[i]!).block!;
      if (input.size === 0 || from.block === to) return;
      const start = internalsOf(input).offset * bytesPerElement[input.dtype];
      const bytes = byteLength(input.dtype, input.size);
      encoder.copyBufferToBuffer(from.block!.buffer, start, to.buffer, 0, bytes);
    });
    for (const { from, to, bytes } of this.#restores) {
      encoder.copyBufferToBuffer(from.buffer, 0, to.buffer, 0, bytes);
    }
  }

  /** Somebody disposed a result, as one does after an eager call: its memory is the program's and still there. */
  #renewResult(): void {
    this.#result = mapTensors(this.#result, (tensor) =>
      tensor.disposed ? keep(viewOf(tensor, tensor.shape)) : tensor,
    );
    this.#results = tensorsIn(this.#result);
  }

  /** Gives all memory back; the tensors that calls returned go with it. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const { device } = this;
    const { pool } = backendOf(device);
    device.flush();
    const own = new Set<Storage>([...this.#recording.made, ...this.#inputs.map(storageOf)]);
    for (const tensor of this.#results) if (own.has(storageOf(tensor))) tensor.dispose();
    for (const input of this.#inputs) input.dispose();
    this.#recording.releaseAll();
    for (const block of this.#blocks) pool.destroy(block);
    for (const { from } of this.#restores) pool.give(from);
    if (this.#uniforms) {
      device.stats.bufferBytes -= this.#uniforms.size;
      this.#uniforms.destroy();
    }
  }

  /** The launches as a table; see `printProgram`. */
  print(): string {
    return printProgram(this);
  }
}

/** The launches of a recording, made fewer as the device's settings and limits have it. */
function optimizedFor(
  device: WebGPUDevice,
  launches: readonly RecordedLaunch[],
  isTemporary: (storage: GpuStorage) => boolean,
): OptimizedLaunches {
  const { limits } = device.gpu;
  const room = {
    buffers: limits.maxStorageBuffersPerShaderStage,
    sharedBytes: limits.maxComputeWorkgroupStorageSize,
  };
  const { pipelines } = backendOf(device);
  const joins = device.joins ?? device.adapterKind === 'gpu';
  const join = joins
    ? (merged: readonly RecordedLaunch[]) => joinLaunches(merged, room, pipelines.modules)
    : undefined;
  return optimize(launches, isTemporary, device.fuseFrom, join);
}
