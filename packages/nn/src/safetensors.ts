/**
 * Reading and writing safetensors: eight bytes of header length (little-endian), a JSON header, then the tensors'
 * bytes. Format: https://github.com/huggingface/safetensors#format. It works on bytes alone, so it runs in a browser
 * too.
 */

import { described, excerpt, halfValue, sizeOf } from '@tapegrad/tensor';

/** Arrays that hold a tensor's values. */
export type SafetensorsArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

const arrays = {
  float64: Float64Array,
  float32: Float32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
} as const;

/** The dtypes that can be written. */
export type SafetensorsDType = keyof typeof arrays;

/** One tensor of a file. */
export interface SafetensorsEntry {
  /** The type of the values. */
  dtype: SafetensorsDType;
  /** Extents, outermost axis first. */
  shape: readonly number[];
  /** Row-major, as many values as the shape says. */
  data: SafetensorsArray;
}

/** What a file holds: tensors by name, and its metadata. */
export interface SafetensorsFile {
  /** By name, in the order of the file. */
  tensors: Map<string, SafetensorsEntry>;
  /** The other entries of the header: texts by name. */
  metadata: Record<string, string>;
}

interface Format {
  /** What the tensor becomes in memory. */
  dtype: SafetensorsDType;
  /** Bytes of one element in the file. */
  bytes: number;
  /** For elements that have no typed array: turns their 16 bits into a float32. */
  widen?: (bits: number) => number;
}

/** The file's names for element types. The half-precision formats and BOOL are read, never written. */
const formats: Record<string, Format> = {
  F64: { dtype: 'float64', bytes: 8 },
  F32: { dtype: 'float32', bytes: 4 },
  F16: { dtype: 'float32', bytes: 2, widen: halfValue },
  BF16: { dtype: 'float32', bytes: 2, widen: bfloat16ToFloat32 },
  I64: { dtype: 'int64', bytes: 8 },
  U64: { dtype: 'uint64', bytes: 8 },
  I32: { dtype: 'int32', bytes: 4 },
  U32: { dtype: 'uint32', bytes: 4 },
  I16: { dtype: 'int16', bytes: 2 },
  U16: { dtype: 'uint16', bytes: 2 },
  I8: { dtype: 'int8', bytes: 1 },
  U8: { dtype: 'uint8', bytes: 1 },
  BOOL: { dtype: 'uint8', bytes: 1 },
};

const lengthBytes = 8;
/** The reference implementation's limit, so that a broken length cannot ask for all memory. */
const longestHeader = 100_000_000;
const metadataKey = '__metadata__';

// --------------------------------------------------------------------------------------------------------- writing

/**
 * The bytes of a safetensors file. Values are converted to the entry's dtype where they are stored wider (the
 * reference device keeps float32 tensors as float64). The order is kept, except that wider elements come first, so
 * that every tensor starts at a multiple of its element size. The same input gives the same bytes.
 * @throws when a shape does not fit its data, when bigints meet a dtype of numbers, and on the name `__metadata__`
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  if (!((tensors as unknown) instanceof Map)) {
    throw new Error(`safetensors: expects a Map from names to tensors, got ${described(tensors)}`);
  }
  if (!isObject(metadata) || !Object.values(metadata).every((text) => typeof text === 'string')) {
    throw new Error(`safetensors: the metadata map names to texts, got ${described(metadata)}`);
  }
  const parts = [...tensors].map(([name, entry]) => ({ name, ...entry, bytes: bytesOf(name, entry) }));
  parts.sort((a, b) => arrays[b.dtype].BYTES_PER_ELEMENT - arrays[a.dtype].BYTES_PER_ELEMENT);

  const header: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) header.push([metadataKey, metadata]);
  let end = 0;
  for (const { name, dtype, shape, bytes } of parts) {
    header.push([name, { dtype: formatName(dtype), shape, data_offsets: [end, end + bytes.length] }]);
    end += bytes.length;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerLength = Math.ceil(json.length / 8) * 8;
  if (headerLength > longestHeader) {
    throw new Error(`safetensors: a header of ${headerLength} bytes: the format allows ${longestHeader}`);
  }

  const file = new Uint8Array(lengthBytes + headerLength + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.fill(0x20, lengthBytes, lengthBytes + headerLength);
  file.set(json, lengthBytes);
  let position = lengthBytes + headerLength;
  for (const { bytes } of parts) {
    file.set(bytes, position);
    position += bytes.length;
  }
  return file;
}

/** The little-endian bytes of an entry, which is what every platform with WebGPU or Node has in memory. */
function bytesOf(name: string, entry: SafetensorsEntry): Uint8Array {
  if (name === metadataKey) throw new Error(`safetensors: a tensor cannot be named ${metadataKey}`);
  if (!isObject(entry) || !isCounts(entry.shape) || !ArrayBuffer.isView(entry.data)) {
    throw new Error(
      `safetensors: ${excerpt(name)}: expects { dtype, shape, data }, data a typed array, got ${described(entry)}`,
    );
  }
  const { dtype, shape, data } = entry as SafetensorsEntry;
  const array = Object.hasOwn(arrays, dtype) ? arrays[dtype] : undefined;
  if (!array) throw new Error(`safetensors: ${name}: cannot write dtype ${dtype}`);
  if (sizeOf(shape) !== data.length) {
    throw new Error(`safetensors: ${name}: ${data.length} values do not fill shape [${shape.join(', ')}]`);
  }
  let values = data;
  if (!(data instanceof array)) {
    if (isBig(array) || isBig(data.constructor)) {
      throw new Error(`safetensors: ${name}: ${data.constructor.name} does not convert to ${dtype}`);
    }
    values = (array as Float32ArrayConstructor).from(data as Float64Array);
  }
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

const isBig = (array: unknown): boolean => array === BigInt64Array || array === BigUint64Array;

const formatName = (dtype: SafetensorsDType): string =>
  Object.keys(formats).find((name) => formats[name]!.dtype === dtype && !formats[name]!.widen)!;

// --------------------------------------------------------------------------------------------------------- reading

/**
 * The tensors (in the order of their bytes) and metadata of a safetensors file. F16 and BF16 become float32, BOOL
 * becomes uint8. The arrays are copies, so the file's bytes may be discarded.
 * @throws one line when the file is truncated or too long, or when its header is not what the format asks for
 */
export function decodeSafetensors(file: Uint8Array): SafetensorsFile {
  if (!(file instanceof Uint8Array)) {
    throw new Error(`safetensors: expects the bytes of a file, a Uint8Array, got ${described(file)}`);
  }
  const { header, body } = split(file);
  let metadata: Record<string, string> = {};
  const entries: { name: string; format: Format; shape: number[]; start: number; end: number }[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name !== metadataKey) entries.push({ name, ...readEntry(name, value) });
    else if (isObject(value) && Object.values(value).every((text) => typeof text === 'string')) {
      metadata = value as Record<string, string>;
    } else throw new Error(`safetensors: ${metadataKey} must map strings to strings`);
  }

  entries.sort((a, b) => a.start - b.start || a.end - b.end);
  let end = 0;
  for (const entry of entries) {
    if (entry.end > body.length) {
      throw new Error(
        `safetensors: ${excerpt(entry.name)} ends at byte ${entry.end} of the data, but the file has ${body.length}: truncated?`,
      );
    }
    if (entry.start !== end) {
      throw new Error(
        `safetensors: ${excerpt(entry.name)} starts at byte ${entry.start} of the data, expected ${end}: tensors must follow ` +
          'each other without overlap or gap',
      );
    }
    end = entry.end;
  }
  if (end !== body.length) {
    throw new Error(`safetensors: ${body.length - end} bytes after the last tensor`);
  }

  const tensors = new Map<string, SafetensorsEntry>();
  for (const { name, format, shape, start, end } of entries) {
    // A fresh buffer: the position in the file need not be a multiple of the element size.
    const bytes = new Uint8Array(end - start);
    bytes.set(body.subarray(start, end));
    const data = format.widen
      ? Float32Array.from(new Uint16Array(bytes.buffer), format.widen)
      : new arrays[format.dtype](bytes.buffer);
    tensors.set(name, { dtype: format.dtype, shape, data });
  }
  return { tensors, metadata };
}

function split(file: Uint8Array): { header: Record<string, unknown>; body: Uint8Array } {
  if (file.length < lengthBytes) {
    throw new Error(`safetensors: the file has ${file.length} bytes, too few for a header: truncated?`);
  }
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (length > longestHeader) {
    throw new Error(`safetensors: a header of ${length} bytes: not a safetensors file, or a broken one`);
  }
  const bodyStart = lengthBytes + Number(length);
  if (bodyStart > file.length) {
    throw new Error(
      `safetensors: the header takes ${length} bytes, but ${file.length - lengthBytes} follow: truncated?`,
    );
  }
  let header: unknown;
  let twice: string | undefined;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const text = decoder.decode(file.subarray(lengthBytes, bodyStart));
    header = JSON.parse(text);
    twice = repeatedName(text);
  } catch {
    throw new Error('safetensors: the header is not valid JSON: not a safetensors file, or a broken one');
  }
  if (twice !== undefined) throw new Error(`safetensors: the header has ${excerpt(twice)} twice`);
  if (!isObject(header)) throw new Error('safetensors: the header is not a JSON object');
  return { header, body: file.subarray(bodyStart) };
}

/** A name that occurs twice in one object of a JSON text. The format forbids it; `JSON.parse` takes the last. */
function repeatedName(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (const [token, colon] of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (colon) {
      const name: string = JSON.parse(token.slice(0, -colon.length));
      if (open.at(-1)!.has(name)) return name;
      open.at(-1)!.add(name);
    }
  }
  return undefined;
}

function readEntry(
  name: string,
  value: unknown,
): { format: Format; shape: number[]; start: number; end: number } {
  if (!isObject(value)) throw new Error(`safetensors: ${excerpt(name)} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const format = typeof dtype === 'string' && Object.hasOwn(formats, dtype) ? formats[dtype] : undefined;
  if (!format) {
    const known = Object.keys(formats).join(', ');
    throw new Error(
      `safetensors: ${excerpt(name)} has dtype ${typeof dtype === 'string' ? `"${excerpt(dtype)}"` : excerpt(dtype)}; known are ${known}`,
    );
  }
  if (!isCounts(shape)) {
    throw new Error(`safetensors: ${excerpt(name)} has a broken shape: ${excerpt(shape)}`);
  }
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw new Error(`safetensors: ${excerpt(name)} has broken offsets: ${excerpt(offsets)}`);
  }
  const [start, end] = offsets as [number, number];
  const expected = sizeOf(shape) * format.bytes;
  if (end - start !== expected) {
    throw new Error(
      `safetensors: ${excerpt(name)}: ${dtype} of shape ${excerpt(shape)} takes ${expected} bytes, its offsets give ` +
        `${end - start}`,
    );
  }
  return { format, shape, start, end };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);

// -------------------------------------------------------------------------------------------------- half precision

const word = new Uint32Array(1);
const wordAsFloat = new Float32Array(word.buffer);

/** bfloat16 is the upper half of a float32. */
export function bfloat16ToFloat32(bits: number): number {
  word[0] = bits << 16;
  return wordAsFloat[0]!;
}
