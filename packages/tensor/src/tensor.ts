import { type Device, defaultDevice, type Storage } from './device.ts';
import { type DType, hostArray, type NumericArray } from './dtype.ts';
import type { Op } from './ops/op.ts';
import { endOrigin } from './origin.ts';
import { type Shape, show, sizeOf } from './shape.ts';

/**
 * An immutable, row-major array on a device. Values are read back with `await t.data()`; everything else happens on
 * the device. The functions that compute with tensors are in `functions.ts`, and as methods here by `methods.ts`.
 */
export class Tensor {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Where the values lie; changed only when a tensor moves into a flat buffer (`flatten`). */
  storage: Storage;
  /** First element within the storage. */
  offset: number;
  #hold: Hold;
  #owned = true;
  #retained = 0;

  /** Wraps a storage, taking a reference to it. Not for users: see `tensor`, `zeros` and the ops. */
  constructor(storage: Storage, shape: Shape, offset = 0) {
    this.shape = shape;
    this.dtype = storage.dtype;
    this.storage = storage;
    this.offset = offset;
    this.#hold = { storage };
    storage.references++;
    collected.register(this, this.#hold, this);
    scopes.at(-1)?.add(this);
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

  /**
   * Gives the memory back, unless somebody still retains the tensor. Scopes and the tape call this; a program seldom
   * needs to. Calling it twice is harmless.
   */
  dispose(): void {
    if (!this.#owned) return;
    this.#owned = false;
    if (this.#retained === 0) this.#free();
  }

  /** Keeps the tensor usable past its disposal, until as many calls of `release`. The tape retains what it records. */
  retain(): void {
    this.#retained++;
  }

  release(): void {
    if (--this.#retained === 0 && !this.#owned) this.#free();
  }

  #free(): void {
    collected.unregister(this);
    letGo(this.#hold);
  }

  /** Points this tensor at another place that already holds its values (a slot of a flat buffer). */
  moveTo(storage: Storage, offset: number): void {
    storage.references++;
    letGo(this.#hold);
    this.#hold.storage = storage;
    this.storage = storage;
    this.offset = offset;
  }

  /** The values, row-major, once everything queued before has run. */
  async data(): Promise<NumericArray> {
    assertAlive('data', this);
    return this.device.read(this.storage, this.offset, this.size);
  }

  /** The value of a tensor of one element. */
  async item(): Promise<number> {
    if (this.size !== 1) throw new Error(`item: expects one element, got shape ${show(this.shape)}`);
    return (await this.data())[0]!;
  }

  /** The values as nested arrays. */
  async array(): Promise<Nested> {
    return nest(await this.data(), this.shape);
  }

  toString(): string {
    return `Tensor(${show(this.shape)}, ${this.dtype}, ${this.device.name})`;
  }
}

export type Nested = number | Nested[];

interface Hold {
  storage: Storage | undefined;
}

function letGo(hold: Hold): void {
  const storage = hold.storage;
  if (!storage) return;
  hold.storage = undefined;
  if (--storage.references === 0) storage.device.release(storage);
}

/** The safety net under scopes and the tape: a tensor that nobody can reach any more gives its memory back. */
const collected = new FinalizationRegistry<Hold>(letGo);

// ---------------------------------------------------------------------------------------------------------- scopes

const scopes: Set<Tensor>[] = [];

/**
 * Runs `fn` and disposes every tensor made inside it, except those that it returns (directly, or in an array or plain
 * object) and those passed to `keep`. Returned tensors pass to the enclosing scope.
 */
export function scope<T>(fn: () => T): T {
  const made = new Set<Tensor>();
  scopes.push(made);
  let result: T | undefined;
  try {
    result = fn();
    if (result instanceof Promise) {
      result.catch(() => {}); // it will meet disposed tensors: the error that counts is this one
      throw new Error('scope: the function must not be async');
    }
    return result;
  } finally {
    scopes.pop();
    const survivors = new Set<Tensor>();
    collect(result, survivors);
    const outer = scopes.at(-1);
    for (const tensor of made) {
      if (survivors.has(tensor)) outer?.add(tensor);
      else tensor.dispose();
    }
  }
}

const kept = new WeakSet<Tensor>();

/** Saves a tensor from scopes and tapes: it lives until `dispose`, or until nothing refers to it. */
export function keep<T extends Tensor>(tensor: T): T {
  for (const made of scopes) made.delete(tensor);
  kept.add(tensor);
  return tensor;
}

export const isKept = (tensor: Tensor): boolean => kept.has(tensor);

function collect(value: unknown, into: Set<Tensor>): void {
  if (value instanceof Tensor) into.add(value);
  else if (Array.isArray(value)) for (const item of value) collect(item, into);
  else if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) collect(item, into);
  }
}

// -------------------------------------------------------------------------------------------------------- creation

export interface TensorOptions {
  dtype?: DType;
  device?: Device;
}

/** A tensor from a number, nested arrays, or a typed array with a shape. */
export function tensor(
  values: Nested | NumericArray,
  options: TensorOptions & { shape?: Shape } = {},
): Tensor {
  const typed = ArrayBuffer.isView(values);
  const shape = options.shape ?? (typed ? [values.length] : nestedShape(values));
  const flat = typed ? values : Float64Array.from(leaves(values));
  if (flat.length !== sizeOf(shape)) {
    throw new Error(`tensor: ${flat.length} values do not fill shape ${show(shape)}`);
  }
  const dtype = options.dtype ?? dtypeOf(values);
  const result = empty(shape, { dtype, device: options.device });
  if (flat.length > 0) result.device.write(result.storage, 0, flat);
  return result;
}

/** A tensor of unspecified content. */
export function empty(
  shape: Shape,
  { dtype = 'float32', device = defaultDevice() }: TensorOptions = {},
): Tensor {
  if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
    throw new Error(`tensor: a shape has whole, non-negative extents, got ${show(shape)}`);
  }
  return new Tensor(device.allocate(dtype, sizeOf(shape)), [...shape]);
}

export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  const result = empty(shape, options);
  if (result.size === 0) return result;
  // The reference keeps float64, so a value that float32 would round is passed on whole.
  const whole = result.dtype === 'float32' && Math.fround(value) !== value;
  const values = whole ? new Float64Array(result.size) : hostArray(result.dtype, result.size);
  result.device.write(result.storage, 0, values.fill(value));
  return result;
}

export const zeros = (shape: Shape, options?: TensorOptions): Tensor => full(shape, 0, options);
export const ones = (shape: Shape, options?: TensorOptions): Tensor => full(shape, 1, options);

function dtypeOf(values: unknown): DType {
  if (values instanceof Int32Array) return 'int32';
  if (values instanceof Uint32Array) return 'uint32';
  if (values instanceof Uint8Array) return 'uint8';
  return 'float32';
}

function nestedShape(values: Nested): number[] {
  if (typeof values === 'number') return [];
  if (values.length === 0) return [0];
  const inner = values.map(nestedShape);
  if (!inner.every((shape) => show(shape) === show(inner[0]!))) {
    throw new Error('tensor: the nested arrays are ragged: every row needs the same length');
  }
  return [values.length, ...inner[0]!];
}

function leaves(values: Nested): number[] {
  return typeof values === 'number' ? [values] : values.flatMap(leaves);
}

function nest(values: NumericArray, shape: Shape): Nested {
  if (shape.length === 0) return values[0]!;
  const [extent, ...rest] = shape as [number, ...number[]];
  const step = sizeOf(rest);
  return Array.from({ length: extent }, (_, i) => nest(values.subarray(i * step, (i + 1) * step), rest));
}

// ------------------------------------------------------------------------------------------------------ running ops

/** Sees every op that runs, with its output: the tape is one. */
export type Observer = (op: Op<any>, inputs: readonly Tensor[], attributes: unknown, output: Tensor) => void;

const observers: Observer[] = [];

/** Announces every op that `fn` runs to `observer` (and to those already observing). */
export function observe<T>(observer: Observer, fn: () => T): T {
  observers.push(observer);
  try {
    return fn();
  } finally {
    observers.splice(observers.lastIndexOf(observer), 1);
  }
}

/** Announces every op from now on. The implicit tape observes so; `observe` is for a function's duration. */
export function addObserver(observer: Observer): void {
  observers.unshift(observer);
}

/** Runs `fn` with nobody observing: what happens in it leaves no trace on any tape. */
export function unobserved<T>(fn: () => T): T {
  const held = observers.splice(0);
  try {
    return fn();
  } finally {
    observers.unshift(...held);
  }
}

/** Tells the observers of something that ran. */
export function announce(op: Op<any>, inputs: readonly Tensor[], attributes: unknown, output: Tensor): void {
  for (const observer of [...observers]) observer(op, inputs, attributes, output);
}

let tracer: ((op: string, output: Tensor) => void) | undefined;

/** Shows `seen` the output of every op that `fn` runs, whoever observes and even within `unobserved`: for diagnosis. */
export function traced<T>(seen: (op: string, output: Tensor) => void, fn: () => T): T {
  tracer = seen;
  try {
    return fn();
  } finally {
    tracer = undefined;
  }
}

/**
 * Runs one op: checks the inputs, infers the output's shape, computes on the inputs' device, tells the observers.
 * Everything in `functions.ts` ends here, and users' own ops (`defineOp`) enter here.
 */
export function apply<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor {
  const device = deviceOf(op.name, inputs) ?? defaultDevice();
  const { shape, dtype } = op.infer(inputs, attributes);
  const output = op.alias
    ? new Tensor(inputs[0]!.storage, shape, inputs[0]!.offset)
    : new Tensor(device.allocate(dtype, sizeOf(shape)), shape);
  if (!op.alias && output.size > 0) device.run(op, inputs, attributes, output);
  else endOrigin();
  tracer?.(op.name, output);
  announce(op, inputs, attributes, output);
  return output;
}

/** The one device that all inputs are on, all of them alive. */
export function deviceOf(op: string, inputs: readonly Tensor[]): Device | undefined {
  for (const input of inputs) {
    assertAlive(op, input);
    if (input.device !== inputs[0]!.device) {
      throw new Error(
        `${op}: tensors on different devices: ${inputs[0]!.device.name} and ${input.device.name}`,
      );
    }
  }
  return inputs[0]?.device;
}

function assertAlive(op: string, input: Tensor): void {
  if (input.disposed) {
    throw new Error(
      `${op}: a tensor of shape ${show(input.shape)} was disposed already; backward() and scope() free what they ` +
        'made: return it from the scope, keep() it, or read it earlier',
    );
  }
}
