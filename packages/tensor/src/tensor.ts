import { announceTensor } from './context.ts';
import type { Device, Storage, TensorView } from './contracts.ts';
import { bytesPerElement, type DType, type NumericArray } from './dtype.ts';
import { TensorTooLargeError } from './errors.ts';
import { type Shape, show, sizeOf } from './shape.ts';

/** A note of how a tensor was computed. It holds on to other tensors until it is released. */
export interface History {
  /** The tensor that carries it is freed. */
  release(): void;
}

/**
 * An immutable, row-major array on a device. Values are read back with `await t.data()`; everything else happens on
 * the device. Functions that compute with tensors are methods, too: `x.sum()` is `sum(x)`.
 */
export interface Tensor {
  /** Extents, outermost axis first; `[]` of a scalar. */
  readonly shape: Shape;
  /** The type of the elements. */
  readonly dtype: DType;
  /** Where it lives, and where what is computed from it runs. */
  readonly device: Device;
  /** How many elements it has: the product of its extents. */
  readonly size: number;
  /** How many axes it has. */
  readonly rank: number;
  /** Whether its memory was given back. */
  readonly disposed: boolean;
  /**
   * Frees the memory, unless something still retains the tensor. Scopes and `backward` call this, so programs seldom need
   * to. Calling it twice is harmless.
   */
  dispose(): void;
  /** The values, row-major, once everything queued before has run. @throws if its memory was given back */
  data(): Promise<NumericArray>;
  /** The value of a tensor of one element. @throws if it has another number of them */
  item(): Promise<number>;
  /** The values as nested arrays. */
  array(): Promise<Nested>;
  /** Its shape, type and device, such as `Tensor([2, 3], float32, reference)`. */
  toString(): string;
}

/**
 * What every tensor is, including what users do not see: its memory, which tensors can share and retain, and its history.
 * Packages reach it with `internalsOf`.
 * @internal
 */
export class TensorInternals implements TensorView {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Where the values lie; changed only when a tensor moves into a flat buffer (`flattenInto`). */
  storage: Storage;
  /** First element within the storage. */
  offset: number;
  /** Set by the graph of `@tapegrad/autograd`, which records how tensors are computed. */
  history: History | undefined;
  #hold: Hold;
  #owned = true;
  #retained = 0;

  /** Wraps a storage, taking a reference to it. */
  constructor(storage: Storage, shape: Shape, offset = 0) {
    this.shape = shape;
    this.dtype = storage.dtype;
    this.storage = storage;
    this.offset = offset;
    this.#hold = { storage, loose: 0 };
    storage.references++;
    collected.register(this, this.#hold, this);
    if (!announceTensor(this) && storage.references === 1) countLoose(this.#hold);
  }

  get device(): Device {
    return this.storage.device;
  }
  get size(): number {
    return sizeOf(this.shape);
  }
  get rank(): number {
    return this.shape.length;
  }
  get disposed(): boolean {
    return this.#hold.storage === undefined;
  }

  dispose(): void {
    if (!this.#owned) return;
    this.#owned = false;
    if (this.#retained === 0) free(this);
  }

  /** Keeps the tensor usable past its disposal, until as many calls of `release`. A graph retains what its rules need. */
  retain(): void {
    this.#retained++;
  }

  /** Takes one `retain` back; the last one frees a tensor that was disposed. */
  release(): void {
    if (--this.#retained === 0 && !this.#owned) free(this);
  }

  /** Somebody has said that it is to stay. */
  settle(): void {
    discountLoose(this.#hold);
  }

  /** Lets go of the memory. */
  releaseMemory(): void {
    collected.unregister(this);
    releaseHold(this.#hold);
  }

  /** Points this tensor at another place that already holds its values (a slot of a flat buffer). */
  moveTo(storage: Storage, offset: number): void {
    storage.references++;
    releaseHold(this.#hold);
    this.#hold.storage = storage;
    this.storage = storage;
    this.offset = offset;
  }

  async data(): Promise<NumericArray> {
    assertAlive('data', this);
    return this.device.read(this.storage, this.offset, this.size);
  }

  async item(): Promise<number> {
    if (this.size !== 1) throw new Error(`item: expects one element, got shape ${show(this.shape)}`);
    return (await this.data())[0]!;
  }

  async array(): Promise<Nested> {
    return nest(await this.data(), this.shape);
  }

  toString(): string {
    return `Tensor(${show(this.shape)}, ${this.dtype}, ${this.device.name})`;
  }

  /** What Node's `console.log` shows: shape, type, device, and the values where the host has them. */
  [Symbol.for('nodejs.util.inspect.custom')](
    _depth: number,
    options: object,
    inspect?: (value: unknown, options: object) => string,
  ): string {
    const values = this.disposed ? undefined : this.device.peek?.(this.storage, this.offset, this.size);
    if (this.disposed) return `${this} disposed`;
    if (!values || !inspect) return `${this} await t.array() for its values`;
    return `${this} ${inspect(nest(values, this.shape), options)}`;
  }
}

/** The class of all tensors. */
export interface TensorClass {
  /** Not for users, who have `tensor`, `zeros` and what computes with them. */
  new (...args: never): Tensor;
}

/** For `instanceof`. Tensors are made by `tensor`, `zeros` and their like, and by what computes with them. */
export const Tensor = TensorInternals as TensorClass;

/** A tensor as it is inside: every one is made by that class. @internal */
export const internalsOf = (tensor: Tensor): TensorInternals => tensor as TensorInternals;

/**
 * A tensor in memory of its own, of unspecified content.
 * @throws where it is larger than the device's tensors can be, naming what was to have it
 * @internal
 */
export function allocated(what: string, device: Device, dtype: DType, shape: Shape): Tensor {
  try {
    return new TensorInternals(device.allocate(dtype, sizeOf(shape)), shape);
  } catch (error) {
    if (!(error instanceof TensorTooLargeError)) throw error;
    throw new TensorTooLargeError(error.bytes, error.limit, `${what}: ${dtype} ${show(shape)}, `);
  }
}

/** A tensor over a part of another's memory, which starts at element `from` of all that memory. @internal */
export const viewOf = (x: Tensor, shape: Shape, from = internalsOf(x).offset): Tensor =>
  new TensorInternals(internalsOf(x).storage, shape, from);

/** A number, or arrays of them, as deep as a tensor has axes. */
export type Nested = number | Nested[];

/** @throws if the tensor's memory was given back, with what may have done so */
export function assertAlive(op: string, input: Tensor): void {
  if (input.disposed) {
    throw new Error(
      `${op}: a tensor of shape ${show(input.shape)} was disposed already; backward() and scope() free what they ` +
        'made: return it from the scope, keep() it, or read it earlier',
    );
  }
}

interface Hold {
  storage: Storage | undefined;
  /** Its bytes, while it belongs to no scope and nobody has kept it. */
  loose: number;
}

function releaseHold(hold: Hold): void {
  const storage = hold.storage;
  if (!storage) return;
  discountLoose(hold);
  hold.storage = undefined;
  if (--storage.references === 0) storage.device.release(storage);
}

/** Tensors that belong to no scope: how many are alive, and their bytes. */
const loose = { tensors: 0, bytes: 0, warned: false };
/** A program with this many, and this large, has probably forgotten a scope; a few large ones are data. */
const MANY_LOOSE = { tensors: 200, bytes: 2 ** 30 };

function countLoose(hold: Hold): void {
  const { dtype, size } = hold.storage!;
  hold.loose = size * bytesPerElement[dtype];
  loose.tensors++;
  loose.bytes += hold.loose;
  if (loose.warned || loose.tensors < MANY_LOOSE.tensors || loose.bytes < MANY_LOOSE.bytes) return;
  loose.warned = true;
  console.warn(
    `tapegrad: ${loose.tensors} tensors made outside of any scope hold ${(loose.bytes / 1e9).toFixed(1)} GB. Their memory ` +
      'is given back only when JavaScript collects them, which a loop that never awaits does not let it do: put the body of ' +
      'the loop into scope(() => …), which disposes what it does not return, or dispose() them',
  );
}

function discountLoose(hold: Hold): void {
  if (hold.loose === 0) return;
  loose.tensors--;
  loose.bytes -= hold.loose;
  hold.loose = 0;
}

/** The safety net under scopes and graphs: a tensor that nobody can reach any more gives its memory back. */
const collected = new FinalizationRegistry<Hold>(releaseHold);

/** Tensors about to be freed. */
const freeing: TensorInternals[] = [];

/**
 * Frees a tensor, and with its history those that were only retained by it, and so on: by a list rather than by recursion,
 * since histories are as long as programs.
 */
function free(tensor: TensorInternals): void {
  freeing.push(tensor);
  if (freeing.length > 1) return; // the loop below is running
  for (let i = 0; i < freeing.length; i++) {
    const { history } = freeing[i]!;
    freeing[i]!.releaseMemory();
    history?.release();
  }
  freeing.length = 0;
}

function nest(values: NumericArray, shape: Shape): Nested {
  if (shape.length === 0) return values[0]!;
  const [extent, ...rest] = shape as [number, ...number[]];
  const step = sizeOf(rest);
  return Array.from({ length: extent }, (_, i) => nest(values.subarray(i * step, (i + 1) * step), rest));
}
