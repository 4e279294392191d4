import { bfloat16ToFloat32, type SafetensorsEntry } from '@tapegrad/nn';
import { excerpt, halfValue, sizeOf } from '@tapegrad/tensor';
import { Dictionary, type Globals, Opaque, type Pickled, readPickle } from './pickle.ts';
import { readZip } from './zip.ts';

/*
 * Files of `torch.save` since PyTorch 1.6: a zip with data.pkl, a pickle in which tensors refer to storages by a key, and
 * each storage's bytes under data/KEY.
 */

interface StorageType {
  readonly dtype: SafetensorsEntry['dtype'];
  readonly bytes: number;
  readonly widen?: (bits: number) => number;
}

const storageTypes: Readonly<Record<string, StorageType>> = {
  FloatStorage: { dtype: 'float32', bytes: 4 },
  DoubleStorage: { dtype: 'float64', bytes: 8 },
  HalfStorage: { dtype: 'float32', bytes: 2, widen: halfValue },
  BFloat16Storage: { dtype: 'float32', bytes: 2, widen: bfloat16ToFloat32 },
  LongStorage: { dtype: 'int64', bytes: 8 },
  IntStorage: { dtype: 'int32', bytes: 4 },
  ShortStorage: { dtype: 'int16', bytes: 2 },
  CharStorage: { dtype: 'int8', bytes: 1 },
  ByteStorage: { dtype: 'uint8', bytes: 1 },
  BoolStorage: { dtype: 'uint8', bytes: 1 },
};

const arrays = {
  float64: Float64Array,
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
} as const;

/** A storage's values, as a typed array. */
class TorchStorage {
  readonly dtype: SafetensorsEntry['dtype'];
  readonly values: SafetensorsEntry['data'];

  constructor({ dtype, bytes, widen }: StorageType, data: Uint8Array, count: number) {
    if (data.length !== bytes * count) {
      throw new Error(`a storage has ${data.length} bytes, expected ${bytes * count} for ${count} values`);
    }
    const { buffer } = new Uint8Array(data);
    this.dtype = dtype;
    this.values = widen
      ? Float32Array.from(new Uint16Array(buffer), widen)
      : new arrays[dtype as keyof typeof arrays](buffer);
  }
}

/** A tensor in a file: part of a storage. */
class TorchTensor {
  readonly entry: SafetensorsEntry;

  constructor(view: StridedView, dtype: SafetensorsEntry['dtype']) {
    this.entry = { dtype, shape: view.shape, data: gathered(view) };
  }
}

/** The elements of a storage that strides lead to from an offset. */
interface StridedView {
  readonly values: SafetensorsEntry['data'];
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** PyTorch's own limit, so that the work for the axes is bounded. */
const MOST_AXES = 64;

const isCounts = (list: unknown): list is number[] =>
  Array.isArray(list) &&
  list.length <= MOST_AXES &&
  list.every((count) => Number.isSafeInteger(count) && count >= 0);

/** A view's elements, row-major. */
function gathered({ values, offset, shape, strides }: StridedView): SafetensorsEntry['data'] {
  const size = sizeOf(shape);
  const isContiguous = strides.every(
    (stride, axis) => shape[axis] === 1 || stride === sizeOf(shape.slice(axis + 1)),
  );
  if (isContiguous) return values.slice(offset, offset + size);
  const elements = new (values.constructor as new (size: number) => typeof values)(size);
  const index = shape.map(() => 0);
  let position = offset;
  for (let i = 0; i < size; i++) {
    elements[i] = values[position]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      position -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return elements;
}

/** Python's protocol 2 and later make a dictionary empty, and set its items afterwards. */
function emptyDictionary(...items: Pickled[]): Dictionary {
  if (items.length > 0) throw new Error('a dictionary is not made as PyTorch makes one');
  return new Dictionary();
}

/**
 * What a file of `torch.save` may name: the parts of tensors and dictionaries.
 * @param most bytes that all tensors together may take
 */
function allowed(most: number): Globals {
  const storages = Object.entries(storageTypes).map(([name, type]) => [`torch.${name}`, type] as const);
  let taken = 0;
  const rebuilt = (...[storage, offset, shape, strides, , , bits]: Pickled[]): Pickled => {
    if (storage instanceof Opaque) return storage;
    if (!(storage instanceof TorchStorage) || !isCounts([offset]) || !isCounts(shape) || !isCounts(strides))
      throw new Error('a tensor is not made as PyTorch makes one');
    if (bits instanceof Dictionary && bits.size > 0)
      throw new Error('a tensor is stored as the negative or conjugate of another, which is not read');
    const { dtype, values } = storage;
    const last = shape.reduce((sum, extent, axis) => sum + (extent - 1) * strides[axis]!, offset as number);
    if (strides.length !== shape.length || (!shape.includes(0) && !(last < values.length)))
      throw new Error(`a tensor of shape ${excerpt(shape)} reaches beyond its storage`);
    taken += shape.includes(0) ? 0 : sizeOf(shape) * values.BYTES_PER_ELEMENT;
    if (taken > most)
      throw new Error('its tensors are far larger than the file: save them as x.contiguous(), if expanded');
    return new TorchTensor({ values, offset: offset as number, shape, strides }, dtype);
  };
  return new Map<string, ((...args: Pickled[]) => Pickled) | object>([
    ...storages,
    ['collections.OrderedDict', emptyDictionary],
    ['torch._utils._rebuild_tensor_v2', rebuilt],
    ['torch._utils._rebuild_parameter', (data) => data!],
  ]);
}

/** Whether these bytes are a file of `torch.save`, old or new, rather than safetensors. */
export const isTorchFile = (file: Uint8Array): boolean =>
  startsWith(file, [0x50, 0x4b]) || (file[0] === 0x80 && file[1]! >= 2 && file[1]! <= 5);

const startsWith = (file: Uint8Array, bytes: readonly number[]) => bytes.every((byte, i) => file[i] === byte);

/**
 * The tensors of a `state_dict` that `torch.save` wrote, by name. Nothing in the file is run: anything but tensors,
 * numbers and text in dictionaries is refused, unless it is outside the weights that `key` names.
 * @param key the key of the weights, if a checkpoint holds more than them
 * @throws one line that says what is refused or broken
 */
export function decodeTorchFile(file: Uint8Array, key?: string): Map<string, SafetensorsEntry> {
  if (!startsWith(file, [0x50, 0x4b]))
    throw new Error('the format of PyTorch before 1.6: load it there and save it again with torch.save');
  const files = readZip(file);
  const pickle = [...files.keys()].find((name) => /(^|\/)data\.pkl$/.test(name));
  if (pickle === undefined) throw new Error('a zip file, but not of torch.save: it holds no data.pkl');
  const folder = pickle.slice(0, -'data.pkl'.length);
  const order = files.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(order).trim() !== 'little')
    throw new Error('its numbers are big-endian, which is not read');

  // Tensors that share a storage are parts of one copy of it.
  const storages = new Map<string, TorchStorage>();
  const persistent = (id: Pickled): Pickled => {
    const [kind, type, name, , count] = Array.isArray(id) ? (id as Pickled[]) : [];
    if (kind === 'storage' && type instanceof Opaque) return type;
    if (kind !== 'storage' || !isStorageType(type) || typeof name !== 'string' || typeof count !== 'number')
      throw new Error('it refers to what is no storage');
    const data = files.get(`${folder}data/${name}`);
    if (!data) throw new Error(`storage ${excerpt(name)} is missing`);
    const key = `${storageKinds.indexOf(type)} ${count} ${name}`;
    const storage = storages.get(key) ?? new TorchStorage(type, data, count);
    storages.set(key, storage);
    return storage;
  };
  // Views of one storage are copied apart: a small file could ask for any number of copies.
  const most = SMALL_COPIES + MOST_COPIES * file.length;
  return stateDict(readPickle(files.get(pickle)!, { globals: allowed(most), persistent }), key);
}

/** Bytes of tensors for each byte of a file: more than one where tensors share a storage, or are widened. */
const MOST_COPIES = 16;
/** Allowed in addition: a constant expanded to a mask takes little room in a small file. */
const SMALL_COPIES = 2 ** 22;

const storageKinds = Object.values(storageTypes);

const isStorageType = (value: unknown): value is StorageType => storageKinds.includes(value as StorageType);

function stateDict(content: Pickled, key: string | undefined): Map<string, SafetensorsEntry> {
  const found = key === undefined ? content : content instanceof Dictionary ? content.get(key) : undefined;
  const keysOf = (value: unknown) =>
    value instanceof Dictionary ? [...value.keys()].map((name) => `'${named(name)}'`).join(', ') : 'none';
  if (found === undefined) throw new Error(`it has no key '${excerpt(key!)}'; it has ${keysOf(content)}`);
  if (found instanceof Opaque) throw new Error(refusal(found));
  if (!(found instanceof Dictionary)) throw new Error('it is no state_dict: not a dictionary');
  const odd = [...found].find(([, value]) => !(value instanceof TorchTensor));
  if (odd) {
    const inside = [...found]
      .filter(([, value]) => value instanceof Dictionary)
      .map(([name]) => `'${named(name)}'`);
    const hint = inside.length > 0 ? `; name the key with the weights: ${inside.join(', ')}` : '';
    const what =
      odd[1] instanceof Opaque ? `is a ${excerpt(odd[1].name)}, which is not read` : 'is no tensor';
    throw new Error(`it is no state_dict: '${named(odd[0])}' ${what}${hint}`);
  }
  const entries = new Map<string, SafetensorsEntry>();
  for (const [name, value] of found) {
    if (typeof name !== 'string') throw new Error(`it is no state_dict: the key ${named(name)} is no text`);
    entries.set(name, (value as TorchTensor).entry);
  }
  return entries;
}

const refusal = ({ name }: Opaque) =>
  `it holds ${excerpt(name)}, which is not read: only tensors in dictionaries are`;

/** A key, for an error message. An object is not printed: a small one can be endless when written out. */
const named = (key: Pickled) => (typeof key === 'object' && key !== null ? 'an object' : excerpt(key));
