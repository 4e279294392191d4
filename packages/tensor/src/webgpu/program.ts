import type { Storage } from '../device.ts';
import type { DType } from '../dtype.ts';
import { type Shape, show } from '../shape.ts';
import { keep, scope, Tensor } from '../tensor.ts';
import type { Binding, Dispatch, Recorder, WebGPUDevice } from './device.ts';
import { elideCopies } from './elide.ts';
import { fuseElementwise } from './fuse.ts';
import type { Launch } from './kernels.ts';
import { type Block, byteLength, type GpuStorage } from './memory.ts';
import { UNIFORM_SLOT } from './pipelines.ts';
import { type Lifetime, type MemoryPlan, planMemory } from './plan.ts';

/** What is recorded while a captured function runs, and which memory it refers to. */
class Recording implements Recorder {
  readonly dispatches: Dispatch[] = [];
  /** Memory asked for inside the function. */
  readonly made = new Set<GpuStorage>();
  /** Of that, what the host wrote. */
  readonly constants = new Set<GpuStorage>();
  /** Memory that launches refer to: a reference each, so that none is given back while the program lives. */
  readonly held = new Set<GpuStorage>();
  failure: Error | undefined;

  launched(dispatch: Dispatch): void {
    this.dispatches.push(dispatch);
    for (const { storage } of dispatch.bindings) this.hold(storage);
  }

  allocated(storage: GpuStorage): void {
    this.made.add(storage);
  }

  written(storage: GpuStorage): void {
    const why = !this.made.has(storage)
      ? 'a tensor from outside it'
      : this.held.has(storage)
        ? 'a tensor that is in use already'
        : undefined;
    if (why) {
      throw new Error(
        `capture: a captured function may not write host values into ${why}: that would happen once, not in every ` +
          'call; write before or after the call',
      );
    }
    this.constants.add(storage);
  }

  refused(error: Error): void {
    this.failure ??= error;
  }

  hold(storage: GpuStorage): void {
    if (this.held.has(storage)) return;
    this.held.add(storage);
    storage.references++;
  }

  letGo(): void {
    for (const storage of this.held) {
      if (--storage.references === 0) storage.device.release(storage);
    }
    this.held.clear();
  }
}

/** One launch of the list, ready to be encoded. */
interface Step {
  readonly dispatch: Dispatch;
  readonly group: GPUBindGroup;
  readonly slot: readonly [number];
}

/** A copy between buffers that precedes the launches. */
interface Copy {
  readonly from: Block;
  readonly to: Block;
  readonly bytes: number;
}

export interface ProgramMemory {
  /** Bytes of the buffers that temporaries share, and the most that is alive at once: no plan needs less. */
  readonly planned: number;
  readonly liveSet: number;
  readonly buffers: number;
  /** Bytes of memory that is not shared: arguments, results, constants, uniforms. */
  readonly own: number;
}

/** A function's launches, recorded once for one set of shapes, with all that replaying them takes. */
export class Program<R = unknown> {
  readonly device: WebGPUDevice;
  readonly memory: ProgramMemory;
  /** Copies that were dropped because their source is now written where it belongs. */
  readonly elided: number;
  /** Elementwise launches that were merged into the kernels before them. */
  readonly fused: number;
  readonly #recording: Recording;
  readonly #inputs: readonly Tensor[];
  readonly #steps: readonly Step[];
  readonly #blocks: readonly Block[];
  readonly #uniforms: GPUBuffer | undefined;
  /** Constants that the launches update, and where their first values are kept. */
  readonly #restores: readonly Copy[];
  #result: R;
  #results: readonly Tensor[];
  #pipelines: readonly GPUComputePipeline[] | undefined;
  #disposed = false;

  /** Runs `fn` with its launches recorded, not executed. `fn` gets tensors that stand for `inputs`. */
  static record<R>(
    device: WebGPUDevice,
    inputs: readonly { readonly shape: Shape; readonly dtype: DType }[],
    fn: (inputs: readonly Tensor[]) => R,
  ): Program<R> {
    const recording = new Recording();
    const stands = inputs.map(({ shape, dtype }) => {
      const storage = device.allocate(
        dtype,
        shape.reduce((size, extent) => size * extent, 1),
      ) as GpuStorage;
      recording.hold(storage);
      return keep(new Tensor(storage, shape));
    });
    let result: R | undefined;
    try {
      result = device.recording(recording, () => {
        try {
          return scope(() => refusePromise(recording, fn(stands)));
        } catch (error) {
          throw recording.failure ?? error;
        }
      });
      if (recording.failure) throw recording.failure;
      refuseNothing(device, recording, stands, result);
      mapTensors(result, (tensor) => {
        const storage = tensor.storage as GpuStorage;
        return recording.made.has(storage) || stands.includes(tensor) ? keep(tensor) : tensor;
      });
      return new Program(device, recording, stands, result);
    } catch (error) {
      for (const tensor of tensorsIn(result)) {
        if (recording.made.has(tensor.storage as GpuStorage)) tensor.dispose();
      }
      for (const stand of stands) stand.dispose();
      recording.letGo();
      throw error;
    }
  }

  private constructor(device: WebGPUDevice, recording: Recording, inputs: readonly Tensor[], result: R) {
    this.device = device;
    this.#recording = recording;
    this.#inputs = inputs;
    this.#result = result;
    this.#results = tensorsIn(result);
    const lasting = this.#lastingStorages();
    this.#refuseLostUpdates(lasting);
    for (const storage of lasting)
      storage.block ??= device.pool.take(byteLength(storage.dtype, storage.size));

    const isTemporary = (storage: GpuStorage) => recording.made.has(storage) && storage.block === undefined;
    const find = (launch: Launch) => device.pipelines.find(launch);
    const least = device.adapterKind === 'gpu' ? 0 : device.fuseFrom;
    const fused = fuseElementwise(recording.dispatches, isTemporary, find, least);
    const dispatches = elideCopies(fused, isTemporary);
    this.fused = recording.dispatches.length - fused.length;
    this.elided = fused.length - dispatches.length;
    const { limits } = device.gpu;
    const lifetimes = lifetimesOf(dispatches, isTemporary);
    const largest = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
    const plan = planMemory([...lifetimes.values()], largest);
    this.#blocks = createAll(device, plan.buffers);
    const places = new Map([...lifetimes.keys()].map((storage, i) => [storage, plan.placements[i]!]));
    const rangeOf = ({ storage, offset, bytes }: Binding): Range => {
      const place = places.get(storage);
      const block = place ? this.#blocks[place.buffer]! : storage.block!;
      return { block, offset: offset + (place?.offset ?? 0), size: bytes };
    };

    const uniforms = new UniformSlots();
    const slots = dispatches.map((dispatch) => uniforms.slotOf(dispatch.uniforms));
    this.#uniforms = uniforms.upload(device);
    const groups = new Map<string, GPUBindGroup>();
    this.#steps = dispatches.map((dispatch, i) => {
      const ranges = dispatch.bindings.map(rangeOf);
      const key = `${dispatch.outputs}|${ranges.map(({ block, offset, size }) => `${block.id},${offset},${size}`).join('|')}`;
      let group = groups.get(key);
      if (!group) {
        const resources = ranges.map(({ block, offset, size }) => ({ buffer: block.buffer, offset, size }));
        group = device.createBindGroup(dispatch.kernel, this.#uniforms!, resources);
        groups.set(key, group);
      }
      return { dispatch, group, slot: [slots[i]!] as const };
    });
    this.#restores = this.#keepConstants();
    this.memory = this.#memory(plan, lasting);
  }

  // ----------------------------------------------------------------------------------------------------- recording

  /** Memory made inside the function that outlives it: results, what `keep` kept, constants. */
  #lastingStorages(): Set<GpuStorage> {
    const { made, constants, held } = this.#recording;
    const lasting = new Set<GpuStorage>();
    for (const { storage } of this.#results) this.#recording.hold(storage as GpuStorage);
    for (const storage of made) {
      if (constants.has(storage) ? held.has(storage) : isReferenced(storage, held)) lasting.add(storage);
    }
    return lasting;
  }

  /** Names the updates that a replay would get wrong. */
  #refuseLostUpdates(lasting: ReadonlySet<GpuStorage>): void {
    const { dispatches, constants, held } = this.#recording;
    const results = new Set(this.#results.map(({ storage }) => storage));
    const inputs = new Set(this.#inputs.map(({ storage }) => storage));
    for (const { bindings, outputs, op } of dispatches) {
      for (const { storage, shape } of bindings.slice(0, outputs)) {
        if (inputs.has(storage)) {
          throw new Error(
            `capture: ${op} updates an argument of shape ${show(shape)} in place, but a captured function gets a copy ` +
              'of it: let the function refer to the tensor from outside instead',
          );
        }
        const isState = constants.has(storage) && !results.has(storage) && isReferenced(storage, held);
        if (isState && lasting.has(storage)) {
          throw new Error(
            `capture: ${op} updates a tensor of shape ${show(shape)} that was made and kept inside the captured ` +
              'function: is it made anew in every call, or only in the first? Make it before',
          );
        }
      }
    }
  }

  /** Constants that launches update start every replay with their first values. */
  #keepConstants(): Copy[] {
    const { constants } = this.#recording;
    const updated = new Set<GpuStorage>();
    for (const { dispatch } of this.#steps) {
      for (const { storage } of dispatch.bindings.slice(0, dispatch.outputs)) {
        if (constants.has(storage)) updated.add(storage);
      }
    }
    const restores = [...updated].map(({ block, dtype, size }) => {
      const bytes = byteLength(dtype, size);
      return { from: this.device.pool.take(bytes), to: block!, bytes };
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
    const blocks = new Set([...lasting, ...this.#inputs.map(({ storage }) => storage as GpuStorage)]);
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

  get launches(): number {
    return this.#steps.length;
  }

  /** The launches in their order, for tools. */
  get dispatches(): readonly Dispatch[] {
    return this.#steps.map(({ dispatch }) => dispatch);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Compiles what the launches need, in parallel. */
  async compile(): Promise<void> {
    await this.device.pipelines.compile(this.#steps.map(({ dispatch }) => dispatch.kernel));
  }

  /** Replays the launches on these arguments. The result's tensors are the same in every call. */
  run(inputs: readonly Tensor[]): R {
    if (this.#disposed) throw new Error('capture: this program was disposed');
    const { device } = this;
    this.#pipelines ??= this.#steps.map(({ dispatch }) => device.pipelines.ready(dispatch.kernel));
    const pipelines = this.#pipelines;
    device.submit((encoder) => {
      this.#copyInputs(encoder, inputs);
      for (const { from, to, bytes } of this.#restores) {
        encoder.copyBufferToBuffer(from.buffer, 0, to.buffer, 0, bytes);
      }
      if (this.#steps.length === 0) return;
      const pass = encoder.beginComputePass();
      let current: GPUComputePipeline | undefined;
      for (let i = 0; i < this.#steps.length; i++) {
        const { dispatch, group, slot } = this.#steps[i]!;
        const pipeline = pipelines[i]!;
        if (pipeline !== current) pass.setPipeline(pipeline);
        current = pipeline;
        pass.setBindGroup(0, group, slot);
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

  /**
   * Replays once with a pass for each launch, and returns what each took on the device, in nanoseconds. Dawn rounds
   * timestamps to 0.1 ms unless the device was opened with the toggle `timestamp_quantization` disabled.
   * @throws if the adapter has no timestamps
   */
  async profile(inputs: readonly Tensor[] = []): Promise<number[]> {
    const { device } = this;
    const { gpu } = device;
    if (!gpu.features.has('timestamp-query')) throw new Error(`profile: ${device.name} has no timestamps`);
    const count = 2 * this.#steps.length;
    const querySet = gpu.createQuerySet({ type: 'timestamp', count });
    const resolved = gpu.createBuffer({
      size: 8 * count,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    const staging = gpu.createBuffer({
      size: 8 * count,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    device.submit((encoder) => {
      this.#copyInputs(encoder, inputs);
      for (const { from, to, bytes } of this.#restores) {
        encoder.copyBufferToBuffer(from.buffer, 0, to.buffer, 0, bytes);
      }
      this.#steps.forEach(({ dispatch, group, slot }, i) => {
        const timestampWrites = {
          querySet,
          beginningOfPassWriteIndex: 2 * i,
          endOfPassWriteIndex: 2 * i + 1,
        };
        const pass = encoder.beginComputePass({ timestampWrites });
        pass.setPipeline(device.pipelines.ready(dispatch.kernel));
        pass.setBindGroup(0, group, slot);
        pass.dispatchWorkgroups(...dispatch.workgroups);
        pass.end();
      });
      encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, 8 * count);
    });
    await device.synchronize();
    await device.wait(staging.mapAsync(GPUMapMode.READ));
    const times = new BigInt64Array(staging.getMappedRange().slice(0));
    for (const resource of [staging, resolved, querySet]) resource.destroy();
    return this.#steps.map((_, i) => Number(times[2 * i + 1]! - times[2 * i]!));
  }

  #copyInputs(encoder: GPUCommandEncoder, inputs: readonly Tensor[]): void {
    inputs.forEach((input, i) => {
      const from = input.storage as GpuStorage;
      const to = (this.#inputs[i]!.storage as GpuStorage).block!;
      if (input.size === 0 || from.block === to) return;
      const start = input.offset * (input.dtype === 'uint8' ? 1 : 4);
      const bytes = byteLength(input.dtype, input.size);
      encoder.copyBufferToBuffer(from.block!.buffer, start, to.buffer, 0, bytes);
    });
  }

  /** Somebody disposed a result, as one does after an eager call: its memory is the program's and still there. */
  #renewResult(): void {
    this.#result = mapTensors(this.#result, (tensor) =>
      tensor.disposed ? keep(new Tensor(tensor.storage, tensor.shape, tensor.offset)) : tensor,
    );
    this.#results = tensorsIn(this.#result);
  }

  /** Gives all memory back; the tensors that calls returned go with it. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const { device } = this;
    device.flush();
    const own = new Set<Storage>([...this.#recording.made, ...this.#inputs.map(({ storage }) => storage)]);
    for (const tensor of this.#results) if (own.has(tensor.storage)) tensor.dispose();
    for (const input of this.#inputs) input.dispose();
    this.#recording.letGo();
    for (const block of this.#blocks) device.pool.destroy(block);
    for (const { from } of this.#restores) device.pool.give(from);
    if (this.#uniforms) {
      device.stats.bufferBytes -= this.#uniforms.size;
      this.#uniforms.destroy();
    }
  }

  // ------------------------------------------------------------------------------------------------------ printing

  /** The launches as a table: which op asked for them, kernel, workgroups, and what they write and read. */
  print(): string {
    const head = ['#', 'op', 'kernel', 'workgroups', 'writes', 'reads'];
    const rows = this.#steps.map(({ dispatch }, i) => {
      const { op, kernel, workgroups, bindings, outputs } = dispatch;
      return [
        String(i),
        op,
        kernel.label,
        workgroups.join(' x '),
        bindings.slice(0, outputs).map(describe).join(', '),
        bindings.slice(outputs).map(describe).join(', '),
      ];
    });
    const widths = head.map((title, column) =>
      Math.max(title.length, ...rows.map((row) => row[column]!.length)),
    );
    const line = (row: string[]) =>
      row
        .map((cell, column) => (column === 0 ? cell.padStart(widths[0]!) : cell.padEnd(widths[column]!)))
        .join('  ')
        .trimEnd();
    const { planned, liveSet, buffers, own } = this.memory;
    const ratio = liveSet > 0 ? ` (${(planned / liveSet).toFixed(2)} times)` : '';
    const count = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;
    return [
      ...[head, ...rows].map(line),
      `${count(this.launches, 'launch', 'launches')}, ${this.fused} merged into others, ${count(this.elided, 'copy', 'copies')} elided`,
      `temporaries: ${bytesText(planned)} in ${count(buffers, 'buffer', 'buffers')}, largest live set ${bytesText(liveSet)}${ratio}; ` +
        `arguments, results, constants and uniforms: ${bytesText(own)}`,
    ].join('\n');
  }
}

interface Range {
  readonly block: Block;
  readonly offset: number;
  readonly size: number;
}

/** Whether anybody but the recording refers to it. */
const isReferenced = (storage: GpuStorage, held: ReadonlySet<GpuStorage>) =>
  storage.references > (held.has(storage) ? 1 : 0);

const describe = ({ shape, bytes }: Binding) => `${show(shape)} ${bytesText(bytes)}`;

function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function refusePromise<R>(recording: Recording, result: R): R {
  if (!(result instanceof Promise)) return result;
  // What it still tries goes wrong on purpose; nobody waits for it.
  result.catch(() => undefined);
  throw (
    recording.failure ??
    new Error('capture: the function must not be async: what runs after an await cannot be recorded')
  );
}

/** Without arguments the device is a guess: one on which nothing happened is the wrong one. */
function refuseNothing(
  device: WebGPUDevice,
  { dispatches, made }: Recording,
  inputs: readonly Tensor[],
  result: unknown,
): void {
  const onDevice = tensorsIn(result).some((tensor) => tensor.device === device);
  if (dispatches.length > 0 || made.size > 0 || inputs.length > 0 || onDevice) return;
  throw new Error(
    `capture: the function computed nothing on ${device.name}; if its tensors are elsewhere, name their device in the options`,
  );
}

function createAll(device: WebGPUDevice, sizes: readonly number[]): Block[] {
  const blocks: Block[] = [];
  try {
    for (const bytes of sizes) blocks.push(device.pool.create(bytes));
  } catch (error) {
    for (const block of blocks) device.pool.destroy(block);
    throw error;
  }
  return blocks;
}

function lifetimesOf(
  dispatches: readonly Dispatch[],
  isTemporary: (storage: GpuStorage) => boolean,
): Map<GpuStorage, Lifetime> {
  const lifetimes = new Map<GpuStorage, Lifetime & { uses: { at: number; writes: boolean }[] }>();
  dispatches.forEach(({ bindings, outputs }, at) => {
    bindings.forEach(({ storage }, i) => {
      if (!isTemporary(storage)) return;
      let lifetime = lifetimes.get(storage);
      if (!lifetime) {
        lifetime = { bytes: byteLength(storage.dtype, storage.size), uses: [] };
        lifetimes.set(storage, lifetime);
      }
      lifetime.uses.push({ at, writes: i < outputs });
    });
  });
  return lifetimes;
}

/** All uniforms of a program in one buffer, equal ones in one slot. */
class UniformSlots {
  readonly #slots = new Map<string, number>();
  readonly #words: Uint32Array[] = [];

  slotOf(words: Uint32Array): number {
    const key = words.join();
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = this.#words.push(words) - 1;
      this.#slots.set(key, slot);
    }
    return slot * UNIFORM_SLOT;
  }

  upload(device: WebGPUDevice): GPUBuffer | undefined {
    if (this.#words.length === 0) return undefined;
    const all = new Uint32Array((this.#words.length * UNIFORM_SLOT) / 4);
    this.#words.forEach((words, slot) => {
      all.set(words, (slot * UNIFORM_SLOT) / 4);
    });
    const buffer = device.gpu.createBuffer({
      size: all.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    device.gpu.queue.writeBuffer(buffer, 0, all);
    device.stats.buffers++;
    device.stats.bufferBytes += all.byteLength;
    device.stats.uploads++;
    return buffer;
  }
}

/** Replaces the tensors in a value: itself, or nested in arrays and plain objects, as `scope` looks for them. */
export function mapTensors<T>(value: T, replace: (tensor: Tensor) => Tensor): T {
  const map = (inner: unknown): unknown => {
    if (inner instanceof Tensor) return replace(inner);
    if (Array.isArray(inner)) return inner.map(map);
    if (inner && typeof inner === 'object' && Object.getPrototypeOf(inner) === Object.prototype) {
      return Object.fromEntries(Object.entries(inner).map(([key, item]) => [key, map(item)]));
    }
    return inner;
  };
  return map(value) as T;
}

function tensorsIn(value: unknown): Tensor[] {
  const tensors: Tensor[] = [];
  mapTensors(value, (tensor) => {
    tensors.push(tensor);
    return tensor;
  });
  return tensors;
}
