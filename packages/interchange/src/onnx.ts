import { type DType, internalsOf, sameShape, show, type Tensor } from '@tapegrad/tensor';
import { mergeBiases } from './onnx-bias.ts';
import {
  type Attribute,
  type ElementType,
  elementType,
  type Graph,
  type Initializer,
  type Node,
  type Port,
} from './onnx-file.ts';
import { type Extent, onnxOps, type Site, type Writer } from './onnx-ops.ts';
import { type Call, type Operand, type TracingDevice, valuesOf } from './trace.ts';

/** A function whose computation becomes a graph. It is called with tensors on a tracing device. */
export interface Traceable {
  readonly name: string;
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  /** Takes a batch of inputs [B, …] and returns the outputs by name. */
  readonly run: (x: Tensor) => Readonly<Record<string, Tensor>>;
  /** Makes a batch of inputs. */
  readonly batch: (count: number) => Tensor;
  /** Names for constants, such as those of a model's `stateDict`. */
  readonly named: ReadonlyMap<string, Tensor>;
}

/** Two batch sizes: what differs between their traces depends on the batch, and the two show how. */
const BATCHES = [2, 3] as const;

/**
 * The graph that computes what `run` does, for any number of images. It is found by running the function on a device
 * that only writes down the ops, once with two images and once with three.
 * @throws if an op has no ONNX form, or if the images of a batch are mixed, naming the op
 */
export function traceGraph(device: TracingDevice, traceable: Traceable): Graph {
  const [two, three] = BATCHES.map((count) => {
    const x = traceable.batch(count);
    const { calls, result } = device.trace(() => traceable.run(x));
    const operand: Operand = internalsOf(x);
    return { x: operand, calls, result };
  }) as [Trace, Trace];
  const graph = new GraphWriter(traceable, two, three);
  two.calls.forEach((_, i) => {
    graph.call(i);
  });
  return graph.finish();
}

interface Trace {
  readonly x: Operand;
  readonly calls: readonly Call[];
  readonly result: Readonly<Record<string, Tensor>>;
}

/** Attributes that are shapes: the outputs' extents already say the same. */
const shapeAttributes = new Set(['shape', 'sizes']);

class GraphWriter implements Writer {
  readonly #traceable: Traceable;
  readonly #two: Trace;
  readonly #three: Trace;
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Initializer>();
  /** Values by their memory in the first trace, each under the shape with which it was made. */
  readonly #values = new Map<unknown, { name: string; shape: readonly Extent[] }>();
  /** The outputs of nodes, and constants, by what computes them. */
  readonly #shared = new Map<string, string>();
  #count = 0;

  constructor(traceable: Traceable, two: Trace, three: Trace) {
    this.#traceable = traceable;
    this.#two = two;
    this.#three = three;
    const { name } = traceable.input;
    this.#values.set(two.x.storage, { name, shape: extents(two.x.shape, three.x.shape, 'the input') });
  }

  /** Adds what the i-th call computes. */
  call(i: number): void {
    const [call, again] = [this.#two.calls[i]!, this.#three.calls[i]];
    const where = `${call.op} (op ${i + 1} of the ${this.#traceable.name})`;
    if (call.op !== again?.op) throw new Error(`${where}: what runs depends on the number of images`);
    const write =
      call.name && (onnxOps[call.name] as ((writer: Writer, site: Site<unknown>) => string) | null);
    if (!write) throw new Error(`${where}: has no form in ONNX`);
    const [first, second] = [call, again].map(({ attributes }) => shown(attributes));
    if (first !== second)
      throw new Error(`${where}: depends on the number of images: ${first} for 2, ${second} for 3`);
    try {
      const shapes = call.inputs.map((input, k) =>
        extents(input.shape, again.inputs[k]!.shape, `input ${k + 1}`),
      );
      const output = extents(call.output.shape, again.output.shape, 'the output');
      const inputs = call.inputs.map((input, k) => this.#operand(input, again.inputs[k]!));
      const types = call.inputs.map(({ storage }) => typeOf(storage.dtype, computed));
      const type = typeOf(call.output.storage.dtype, computed);
      const name = write(this, { attributes: call.attributes, inputs, shapes, output, types, type });
      this.#values.set(call.output.storage, { name, shape: output });
    } catch (error) {
      throw new Error(`${where}: ${(error as Error).message}`);
    }
  }

  finish(): Graph {
    const { name, input } = this.#traceable;
    const outputs = Object.entries(this.#two.result).map(([output, t]): Port => {
      const again = this.#three.result[output]!;
      const value = this.#operand(internalsOf(t), internalsOf(again));
      this.#nodes.push({ type: 'Identity', inputs: [value], outputs: [output], attributes: {} });
      return {
        name: output,
        type: typeOf(t.dtype),
        shape: extents(t.shape, again.shape, output).map(dimension),
      };
    });
    const inputs: Port[] = [{ name: input.name, type: 'float32', shape: ['batch', ...input.shape] }];
    const initializers = [...this.#initializers.values()];
    return pruned(mergeBiases({ name, nodes: this.#nodes, initializers, inputs, outputs }));
  }

  // ----------------------------------------------------------------------------------------------- what writers use

  node(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    // Nodes are pure, so equal ones are computed once.
    return this.#once(JSON.stringify([type, inputs, attributes]), () => {
      const output = this.#numbered(type.toLowerCase());
      this.#nodes.push({ type, inputs, outputs: [output], attributes });
      return output;
    });
  }

  floats(values: readonly number[], shape: readonly number[] = []): string {
    return this.#constant({ type: 'float32', shape, values });
  }

  scalar(value: number, type: ElementType): string {
    if (type === 'float16') return this.node('Cast', [this.floats([value])], { to: elementType(type) });
    return this.#constant({ type, shape: [], values: [value] });
  }

  integers(values: readonly number[]): string {
    return this.#constant({ type: 'int64', shape: [values.length], values });
  }

  shape(list: readonly Extent[]): string {
    if (list.every((extent) => typeof extent === 'number')) return this.integers(list);
    const parts = list.map((extent) =>
      typeof extent === 'number' ? this.integers([extent]) : this.#batches(extent.batches),
    );
    return this.node('Concat', parts, { axis: 0 });
  }

  /** A multiple of the batch, as a list of one number. */
  #batches(times: number): string {
    const shape = this.node('Shape', [this.#traceable.input.name]);
    const batch = this.node('Gather', [shape, this.integers([0])], { axis: 0 });
    return times === 1 ? batch : this.node('Mul', [batch, this.integers([times])]);
  }

  /** Whether a parameter may keep its name: the names of inputs and outputs belong to other values. */
  #isFree(name: string): boolean {
    return name !== '' && name !== this.#traceable.input.name && !Object.hasOwn(this.#two.result, name);
  }

  /** A name that no value and no parameter has. */
  #numbered(base: string): string {
    const name = `${base}_${++this.#count}`;
    return this.#isFree(name) && !this.#traceable.named.has(name) ? name : this.#numbered(base);
  }

  #once(key: string, make: () => string): string {
    const name = this.#shared.get(key) ?? make();
    this.#shared.set(key, name);
    return name;
  }

  #constant(constant: Omit<Initializer, 'name'>): string {
    const key = `${constant.type} ${show(constant.shape)} ${Array.from(constant.values).join()}`;
    return this.#once(key, () => {
      const name = this.#numbered('constant');
      this.#initializers.set(name, { name, ...constant });
      return name;
    });
  }

  // ---------------------------------------------------------------------------------------------------- operands

  /** The name of a value as an op sees it: an earlier output, the input, or a constant, reshaped if necessary. */
  #operand(operand: Operand, again: Operand): string {
    const value = this.#values.get(operand.storage) ?? this.#hostValue(operand, again);
    const shape = extents(operand.shape, again.shape, 'the operand');
    if (shown(shape) === shown(value.shape)) return value.name;
    const free = shape.filter((extent) => typeof extent !== 'number').length;
    // One extent may be left for the runtime to find.
    const target =
      free > 1
        ? this.shape(shape)
        : this.integers(shape.map((extent) => (typeof extent === 'number' ? extent : -1)));
    return this.node('Reshape', [value.name, target]);
  }

  /** A value that the host wrote: a parameter under its name, or a constant. */
  #hostValue(operand: Operand, again: Operand): { name: string; shape: readonly Extent[] } {
    const { storage } = operand;
    const values = valuesOf(storage);
    const valuesAgain = valuesOf(again.storage);
    if (!values || !valuesAgain) throw new Error('uses a tensor that has no values yet');
    const parameter = [...this.#traceable.named].find(([, t]) => internalsOf(t).storage === storage);
    const shape = parameter?.[1].shape ?? operand.shape;
    const name = parameter && this.#isFree(parameter[0]) ? parameter[0] : this.#numbered('constant');
    if (sameShape(operand.shape, again.shape)) {
      if (storage !== again.storage && show([...values]) !== show([...valuesAgain]))
        throw new Error('uses a constant whose values depend on the number of images');
      this.#initializers.set(name, { name, type: typeOf(storage.dtype), shape, values });
      this.#values.set(storage, { name, shape });
      return { name, shape };
    }
    const [value] = values;
    if (storage.dtype !== 'float32' || ![...values, ...valuesAgain].every((other) => other === value))
      throw new Error('uses a constant that depends on the number of images');
    const full = extents(operand.shape, again.shape, 'a constant');
    const filled = this.node('Expand', [this.floats([value!]), this.shape(full)]);
    this.#values.set(storage, { name: filled, shape: full });
    return { name: filled, shape: full };
  }
}

/** Combines the extents of two traces: those that differ must be multiples of the batch. */
function extents(two: readonly number[], three: readonly number[], what: string): Extent[] {
  if (two.length !== three.length) throw new Error(`the rank of ${what} depends on the number of images`);
  return two.map((extent, axis) => {
    const again = three[axis]!;
    if (extent === again) return extent;
    const batches = extent / BATCHES[0];
    if (Number.isInteger(batches) && again === batches * BATCHES[1]) return { batches };
    throw new Error(
      `axis ${axis} of ${what} is ${extent} for 2 images and ${again} for 3: no multiple of their number`,
    );
  });
}

const dimension = (extent: Extent): number | string =>
  typeof extent === 'number' ? extent : extent.batches === 1 ? 'batch' : `batch_x_${extent.batches}`;

/** Attributes and shapes as text, for comparisons and errors, including infinities, which JSON does not have. */
const shown = (value: unknown): string =>
  JSON.stringify(value, (key, inner) =>
    shapeAttributes.has(key) ? undefined : typeof inner === 'number' ? `${inner}` : inner,
  )?.replaceAll('"', '') ?? '';

/** Types of the graph's inputs, constants and outputs, and of the values in between. */
const stored = ['float32', 'int32', 'uint32'] as const;
const computed = [...stored, 'float16'] as const;

function typeOf(dtype: DType, types: readonly ElementType[] = stored): ElementType {
  const type = types.find((name) => name === dtype);
  if (!type) throw new Error(`${dtype} has no place in the graph`);
  return type;
}

/** Removes the nodes and constants that no output depends on. */
function pruned(graph: Graph): Graph {
  const wanted = new Set(graph.outputs.map(({ name }) => name));
  const nodes = graph.nodes.toReversed().filter((node) => {
    const used = node.outputs.some((name) => wanted.has(name));
    if (used) for (const name of node.inputs) wanted.add(name);
    return used;
  });
  const initializers = graph.initializers.filter(({ name }) => wanted.has(name));
  return { ...graph, nodes: nodes.toReversed(), initializers };
}
