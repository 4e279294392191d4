import type { Op, Storage } from '../contracts.ts';
import { show } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { tensorsIn } from '../tree.ts';
import type { WebGPUDevice } from './device.ts';
import type { RecordedLaunch, Recorder } from './dispatch.ts';
import { type GpuStorage, storageOf } from './memory.ts';

/** What is recorded while a captured function runs, and which memory it refers to. */
export class Recording implements Recorder {
  readonly launches: RecordedLaunch[] = [];
  /** Memory asked for inside the function. */
  readonly made = new Set<GpuStorage>();
  /** Of that, what the host wrote. */
  readonly constants = new Set<GpuStorage>();
  /** Memory that launches refer to: a reference each, so that none is given back while the program lives. */
  readonly held = new Set<GpuStorage>();
  failure: Error | undefined;

  launched(launch: RecordedLaunch): void {
    this.launches.push(launch);
    for (const { storage } of launch.bindings) this.hold(storage);
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

  releaseAll(): void {
    for (const storage of this.held) {
      if (--storage.references === 0) storage.device.release(storage);
    }
    this.held.clear();
  }
}

/** Memory made inside a captured function that outlives it: results, what `keep` kept, constants. */
export function lastingStorages(recording: Recording, results: readonly Tensor[]): Set<GpuStorage> {
  const { made, constants, held } = recording;
  const lasting = new Set<GpuStorage>();
  for (const tensor of results) recording.hold(storageOf(tensor));
  for (const storage of made) {
    if (constants.has(storage) ? held.has(storage) : isReferenced(storage, held)) lasting.add(storage);
  }
  return lasting;
}

/** Whether anybody but the recording refers to it. */
const isReferenced = (storage: GpuStorage, held: ReadonlySet<GpuStorage>) =>
  storage.references > (held.has(storage) ? 1 : 0);

/** Names the updates that a replay would get wrong. */
export function refuseLostUpdates(
  { launches, constants, held }: Recording,
  inputTensors: readonly Tensor[],
  resultTensors: readonly Tensor[],
  lasting: ReadonlySet<GpuStorage>,
): void {
  const results = new Set<Storage>(resultTensors.map(storageOf));
  const inputs = new Set<Storage>(inputTensors.map(storageOf));
  for (const { bindings, outputs, op } of launches) {
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

/** A promise's remainder would run when the recording is over. */
export function refusePromise<R>(recording: Recording, result: R): R {
  if (!(result instanceof Promise)) return result;
  // What it still tries goes wrong on purpose; nobody waits for it.
  result.catch(() => undefined);
  throw (
    recording.failure ??
    new Error('capture: the function must not be async: what runs after an await cannot be recorded')
  );
}

/** Without arguments the device is a guess: one on which nothing happened is the wrong one. */
export function refuseNothing(
  device: WebGPUDevice,
  { launches, made }: Recording,
  inputs: readonly Tensor[],
  result: unknown,
): void {
  const onDevice = tensorsIn(result).some((tensor) => tensor.device === device);
  if (launches.length > 0 || made.size > 0 || inputs.length > 0 || onDevice) return;
  throw new Error(
    `capture: the function computed nothing on ${device.name}; if its tensors are elsewhere, name their device in the options`,
  );
}

const refuse = () => {
  throw new Error('capture: a replay is announced as an op, but is none that could be run');
};

/** What interceptors hear of a replay: its arguments, but not what happens to them. */
export const replay: Op<null> = {
  name: 'capture',
  infer: refuse,
  reference: refuse,
  opaque:
    'capture: a captured function cannot be differentiated from outside, since its replays run no ops that a graph could ' +
    'see: take the gradients inside (capture the whole step), or call it in noGrad() if none are wanted',
};
