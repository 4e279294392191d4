import type { DType, NumericArray } from './dtype.ts';
import type { Shape } from './shape.ts';

/*
 * What tensors, ops and devices know of each other. They refer to one another in a ring, so their interfaces are here,
 * in one file, and what implements them only points down.
 */

/**
 * A block of device memory. Several tensors may share one (reshape, slots of a flat buffer); the last one to let go
 * returns it. `size` counts elements.
 */
export interface Storage {
  /** Whose memory it is. */
  readonly device: Device;
  /** The type of the elements. */
  readonly dtype: DType;
  /** How many elements it holds. */
  readonly size: number;
  /** How many tensors use it. */
  references: number;
}

/** A tensor as ops and kernels see it: a shape over a part of a storage. */
export interface TensorView {
  /** Extents, outermost axis first. */
  readonly shape: Shape;
  /** The type of the elements. */
  readonly dtype: DType;
  /** Where the elements lie. */
  readonly storage: Storage;
  /** First element within the storage. */
  readonly offset: number;
  /** How many elements there are. */
  readonly size: number;
  /** How many axes there are. */
  readonly rank: number;
}

/** What the reference sees of a tensor: float64 (or integer) values, row-major. */
export interface Values {
  /** Extents, outermost axis first. */
  readonly shape: Shape;
  /** The elements. */
  readonly data: NumericArray;
}

/** What an op takes: a tuple with a tensor for each input, such as `[x: TensorView, index: TensorView]`. */
export type Inputs = readonly TensorView[];

/** A `V` for each of an op's inputs. */
export type Each<V, I extends Inputs> = { readonly [K in keyof I]: V };

/**
 * One pure operation: what it computes, and nothing of how. Its derivative is on the rules page of `@tapegrad/autograd`;
 * the kernels that compute it on a GPU are its lowering (`lowering/`). `A` is the type of its attributes (axes, strides,
 * flags …), `I` the tuple of its inputs.
 */
export interface Op<A, I extends Inputs = Inputs> {
  /** By which errors, profiles and tables know it. */
  readonly name: string;
  /** The shape rule. Throws, naming the op and the shapes seen, if the inputs do not fit. */
  infer(inputs: I, attributes: A): { shape: Shape; dtype: DType };
  /** The definition: plain float64 loops, written to be obviously right. `output` is zeroed. */
  reference(inputs: Each<Values, I>, attributes: A, output: Values): void;
  /** The output is the first input's memory under another shape; nothing runs. */
  readonly alias?: boolean;
  /** For an op that cannot be differentiated since nothing can look inside it: the message of the error. */
  readonly opaque?: string;
}

/** An update in place (an optimizer step, a counter): it has no output and no derivative. */
export interface InPlaceUpdate<A, T extends Inputs = Inputs> {
  /** By which errors and profiles know it. */
  readonly name: string;
  /** Which of the tensors it writes. */
  readonly writes: readonly number[];
  /** Throws, naming the update and what was seen, if the tensors do not fit. */
  check?(tensors: T, attributes: A): void;
  /** The definition: it overwrites the values of those that it writes. */
  reference(tensors: Each<Values, T>, attributes: A): void;
}

/** An op of whatever attributes: tables and interceptors hold all kinds, and ask which one it is before they look inside. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyOp = Op<any>;

/** An update in place of whatever attributes. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyUpdate = InPlaceUpdate<any>;

/** One op that runs, or ran. */
export interface OpCall<T = TensorView> {
  /** What runs. */
  readonly op: AnyOp;
  /** What it computes with. */
  readonly inputs: readonly T[];
  /** Its other arguments, of the type that the op says. */
  readonly attributes: unknown;
  /** What it makes. */
  readonly output: T;
}

/** Where tensors live and ops run: the float64 reference, or WebGPU. */
export interface Device {
  /** What errors and `toString` call it. */
  readonly name: string;
  /** Which of the two it is. */
  readonly kind: 'reference' | 'webgpu';
  /** The most bytes that a tensor can have. */
  readonly maxTensorBytes: number;
  /** Memory of unspecified content. */
  allocate(dtype: DType, size: number): Storage;
  /** Takes memory back that nothing refers to any more. */
  release(storage: Storage): void;
  /** Copies host values in; the array is not kept. `offset` counts elements. */
  write(storage: Storage, offset: number, values: NumericArray): void;
  /** Copies values out, once everything queued before has run. `offset` and `size` count elements. */
  read(storage: Storage, offset: number, size: number): Promise<NumericArray>;
  /** The values at once, on a device that has them in the host's memory. */
  peek?(storage: Storage, offset: number, size: number): NumericArray;
  /** Runs a pure op. Its output is allocated already. */
  run(call: OpCall): void;
  /** Runs an update, which writes some of `tensors`. */
  update<A>(update: InPlaceUpdate<A>, tensors: readonly TensorView[], attributes: A): void;
  /** Resolves when all that was asked for has run. */
  synchronize(): Promise<void>;
}
