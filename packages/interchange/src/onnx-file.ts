import { bytes, type Encoded, float, integer, integers, message, text } from './protobuf.ts';

/*
 * The part of ONNX's file format that the exporter writes. The field numbers are those of onnx.proto
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 */

/** Operator set 17 and its file version: runtimes since 2022 read them. */
const OPSET = 17;
const IR_VERSION = 8;

/** The types of values that exported models have. */
export type ElementType = 'float32' | 'float16' | 'int32' | 'uint32' | 'int64';
const elementTypes: Record<ElementType, number> = { float32: 1, int32: 6, int64: 7, float16: 10, uint32: 12 };
export const elementType = (name: ElementType): number => elementTypes[name];

/** An attribute of a node: integers as they are, floats marked as such. */
export type Attribute = number | readonly number[] | { readonly float: number };

/** One call of an operator of ONNX. */
export interface Node {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A constant: a parameter, or a number that an op needs. */
export interface Initializer {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** An input or output of the graph. An extent that the caller chooses has a name instead of a number. */
export interface Port {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
}

/** What a file computes: nodes, each after those that it needs. */
export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

/** What a file says of itself. */
export interface FileInfo {
  readonly version: string;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The bytes of an ONNX model. */
export function encodeOnnx(graph: Graph, { version, description, metadata }: FileInfo): Uint8Array {
  return message(
    integer(1, IR_VERSION),
    text(2, 'tapegrad'),
    text(3, version),
    text(6, description),
    bytes(7, encodeGraph(graph)),
    bytes(8, message(text(1, ''), integer(2, OPSET))),
    ...Object.entries(metadata).map(([key, value]) => bytes(14, message(text(1, key), text(2, value)))),
  );
}

const encodeGraph = ({ name, nodes, initializers, inputs, outputs }: Graph): Encoded =>
  message(
    ...nodes.map((node, i) => bytes(1, encodeNode(node, i))),
    text(2, name),
    ...initializers.map((initializer) => bytes(5, encodeInitializer(initializer))),
    ...inputs.map((port) => bytes(11, encodePort(port))),
    ...outputs.map((port) => bytes(12, encodePort(port))),
  );

const encodeNode = ({ type, inputs, outputs, attributes }: Node, i: number): Encoded =>
  message(
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(3, `${type}_${i}`),
    text(4, type),
    ...Object.entries(attributes).map(([name, value]) => bytes(5, encodeAttribute(name, value))),
  );

const ATTRIBUTE = { float: 1, integer: 2, integers: 7 } as const;

function encodeAttribute(name: string, value: Attribute): Encoded {
  const typed =
    typeof value === 'number'
      ? [integer(3, value), integer(20, ATTRIBUTE.integer)]
      : 'float' in value
        ? [float(2, value.float), integer(20, ATTRIBUTE.float)]
        : [integers(8, value), integer(20, ATTRIBUTE.integers)];
  return message(text(1, name), ...typed);
}

function encodeInitializer({ name, type, shape, values }: Initializer): Encoded {
  const size = type === 'int64' ? 8 : 4;
  const raw = new DataView(new ArrayBuffer(size * values.length));
  for (let i = 0; i < values.length; i++) {
    if (type === 'float32') raw.setFloat32(4 * i, values[i]!, true);
    else if (type === 'int64') raw.setBigInt64(8 * i, BigInt(values[i]!), true);
    else raw.setInt32(4 * i, values[i]!, true);
  }
  return message(
    integers(1, shape),
    integer(2, elementTypes[type]),
    text(8, name),
    bytes(9, new Uint8Array(raw.buffer)),
  );
}

function encodePort({ name, type, shape }: Port): Encoded {
  const extents = shape.map((extent) =>
    bytes(1, typeof extent === 'number' ? integer(1, extent) : text(2, extent)),
  );
  const tensor = message(integer(1, elementTypes[type]), bytes(2, message(...extents)));
  return message(text(1, name), bytes(2, message(bytes(1, tensor))));
}
