import {
  type Device,
  type DType,
  type InPlaceUpdate,
  type NumericArray,
  nameInTable,
  type OpCall,
  type OpName,
  type Shape,
  type Storage,
  scope,
  show,
  type TensorView,
} from '@tapegrad/tensor';

/** Memory that holds values only if the host has written them. */
interface TracedStorage extends Storage {
  values: NumericArray | undefined;
}

/** An operand as an op sees it: memory, and a shape. */
export interface Operand {
  readonly storage: Storage;
  readonly shape: Shape;
}

/** One op that ran. */
export interface Call {
  readonly op: string;
  /** Its name in the op table; undefined for a user's own op, whatever its name. */
  readonly name: OpName | undefined;
  readonly attributes: unknown;
  readonly inputs: readonly Operand[];
  readonly output: Operand;
}

/**
 * A device that computes nothing: it writes down the ops it is asked to run and their operands. A model built on it
 * holds its weights in host memory, and what it would compute can be found in milliseconds, without an adapter.
 */
export class TracingDevice implements Device {
  readonly maxTensorBytes = Number.POSITIVE_INFINITY;
  readonly name = 'tracing';
  readonly kind = 'reference';
  #calls: Call[] | undefined;

  /**
   * The ops that `fn` runs, in order, and what it returns. Reshaping runs no op: it shows as an operand with the
   * memory of an earlier output and another shape.
   * @throws if `fn` updates a tensor in place, which a trace cannot express
   */
  trace<T>(fn: () => T): { calls: readonly Call[]; result: T } {
    this.#calls = [];
    try {
      return { result: scope(fn), calls: this.#calls };
    } finally {
      this.#calls = undefined;
    }
  }

  allocate(dtype: DType, size: number): Storage {
    const storage: TracedStorage = { device: this, dtype, size, references: 0, values: undefined };
    return storage;
  }

  release(): void {}

  write(storage: Storage, offset: number, values: NumericArray): void {
    const traced = storage as TracedStorage;
    traced.values ??= storage.dtype === 'float32' ? new Float64Array(storage.size) : integers(storage);
    traced.values.set(values as Float64Array, offset);
  }

  async read(storage: Storage, offset: number, size: number): Promise<NumericArray> {
    const values = valuesOf(storage);
    if (!values) throw new Error('a tracing device computes nothing: there are no values to read');
    return values.slice(offset, offset + size);
  }

  run({ op, attributes, inputs, output }: OpCall): void {
    this.#calls?.push({
      op: op.name,
      name: nameInTable(op),
      attributes,
      inputs: inputs.map(operand),
      output: operand(output),
    });
  }

  update<A>({ name }: InPlaceUpdate<A>): void {
    // A generator may advance: whatever reads its numbers shows up as the op `random`.
    if (this.#calls && name !== 'advance') throw new Error(`${name}: updates a tensor in place`);
  }

  async synchronize(): Promise<void> {}
}

function operand(t: TensorView): Operand {
  if (t.offset !== 0) throw new Error(`a part of a buffer, ${show(t.shape)}, cannot be traced`);
  return { storage: t.storage, shape: t.shape };
}

const integers = ({ dtype, size }: Storage) =>
  dtype === 'int32'
    ? new Int32Array(size)
    : dtype === 'uint32'
      ? new Uint32Array(size)
      : new Uint8Array(size);

/** The values that the host has written to a storage, if any. */
export const valuesOf = (storage: Storage): NumericArray | undefined => (storage as TracedStorage).values;
