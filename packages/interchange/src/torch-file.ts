import { bfloat16ToFloat32, type SafetensorsEntry } from '@tapegrad/nn';
import { halfValue } from '@tapegrad/tensor';
import { unzipSync } from 'fflate';
import { Dictionary, type Globals, type Pickled, readPickle } from './pickle.ts';

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
    const { buffer } = data.slice();
    this.dtype = dtype;
    this.values = widen
      ? Float32Array.from(new Uint16Array(buffer), widen)
      : new arrays[dtype as keyof typeof arrays](buffer);
  }
}

/** A tensor in a file: part of a storage. */
class TorchTensor {
  readonly entry: SafetensorsEntry;

  constructor(storage: Pickled, offset: Pickled, shape: Pickled, strides: Pickled) {
    if (!(storage instanceof TorchStorage) || !isCounts([offset]) || !isCounts(shape) || !isCounts(strides))
      throw new Error('a tensor is not made as PyTorch makes one');
    this.entry = {
      dtype: storage.dtype,
      shape,
      data: gathered(storage.values, offset as number, shape, strides),
    };
  }
}

const isCounts = (list: unknown): list is number[] =>
  Array.isArray(list) && list.every((count) => Number.isSafeInteger(count) && count >= 0);

/** The elements that strides lead to, row-major. */
function gathered<T extends SafetensorsEntry['data']>(
  values: T,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): T {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const last = shape.reduce((sum, extent, axis) => sum + (extent - 1) * strides[axis]!, offset);
  if (strides.length !== shape.length || (size > 0 && last >= values.length))
    throw new Error(`a tensor of shape [${shape.join(', ')}] reaches beyond its storage`);
  if (size > values.length)
    throw new Error(`a tensor of shape [${shape.join(', ')}] is larger than its storage`);
  const contiguous = strides.every((stride, axis) => shape[axis] === 1 || stride === sizeAfter(shape, axis));
  if (contiguous) return values.slice(offset, offset + size) as T;
  const elements = Array.from({ length: size }, (_, index) => {
    let position = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position += (index % shape[axis]!) * strides[axis]!;
      index = Math.floor(index / shape[axis]!);
    }
    return values[position]!;
  });
  const { from } = values.constructor as unknown as { from(elements: readonly (number | bigint)[]): T };
  return from.call(values.constructor, elements);
}

const sizeAfter = (shape: readonly number[], axis: number) =>
  shape.slice(axis + 1).reduce((product, extent) => product * extent, 1);

/** Python's protocol 2 and later make a dictionary empty, and set its items afterwards. */
function emptyDictionary(...items: Pickled[]): Dictionary {
  if (items.length > 0) throw new Error('a dictionary is not made as PyTorch makes one');
  return new Dictionary();
}

/** What a file of `torch.save` may name: what tensors and dictionaries are made of. */
function allowed(): Globals {
  const storages = Object.entries(storageTypes).map(([name, type]) => [`torch.${name}`, type] as const);
  return new Map<string, ((...args: Pickled[]) => Pickled) | object>([
    ...storages,
    ['collections.OrderedDict', emptyDictionary],
    [
      'torch._utils._rebuild_tensor_v2',
      (storage, offset, shape, strides) => new TorchTensor(storage!, offset!, shape!, strides!),
    ],
    ['torch._utils._rebuild_parameter', (data) => data!],
  ]);
}

/** Whether these bytes are a file of `torch.save`, old or new, rather than safetensors. */
export const isTorchFile = (file: Uint8Array): boolean =>
  startsWith(file, [0x50, 0x4b]) || (file[0] === 0x80 && file[1]! >= 2 && file[1]! <= 5);

const startsWith = (file: Uint8Array, bytes: readonly number[]) => bytes.every((byte, i) => file[i] === byte);

/**
 * The tensors of a `state_dict` that `torch.save` wrote, by name. Nothing in the file is run: anything but tensors,
 * numbers and text in dictionaries is refused.
 * @param key the key of the weights, if a checkpoint holds more than them
 * @throws one line that says what is refused or broken
 */
export function decodeTorchFile(file: Uint8Array, key?: string): Map<string, SafetensorsEntry> {
  if (!startsWith(file, [0x50, 0x4b]))
    throw new Error('the format of PyTorch before 1.6: load it there and save it again with torch.save');
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(file);
  } catch (error) {
    throw new Error(`not a whole zip file (${(error as Error).message}): truncated?`);
  }
  const pickle = Object.keys(files).find((name) => /(^|\/)data\.pkl$/.test(name));
  if (!pickle) throw new Error('a zip file, but not of torch.save: it holds no data.pkl');
  const folder = pickle.slice(0, -'data.pkl'.length);
  const order = files[`${folder}byteorder`];
  if (order && new TextDecoder().decode(order).trim() !== 'little')
    throw new Error('its numbers are big-endian, which is not read');

  const persistent = (id: Pickled): Pickled => {
    const [kind, type, name, , count] = id as [string, StorageType, string, string, number];
    const data = files[`${folder}data/${name}`];
    if (kind !== 'storage' || type?.bytes === undefined) throw new Error('it refers to what is no storage');
    if (!data) throw new Error(`storage ${name} is missing`);
    return new TorchStorage(type, data, count);
  };
  return stateDict(readPickle(files[pickle]!, { globals: allowed(), persistent }), key);
}

function stateDict(content: Pickled, key: string | undefined): Map<string, SafetensorsEntry> {
  const found = key === undefined ? content : content instanceof Dictionary ? content.get(key) : undefined;
  const keysOf = (value: unknown) =>
    value instanceof Dictionary ? [...value.keys()].map((name) => `'${name}'`).join(', ') : 'none';
  if (found === undefined) throw new Error(`it has no key '${key}'; it has ${keysOf(content)}`);
  if (!(found instanceof Dictionary)) throw new Error('it is no state_dict: not a dictionary');
  const odd = [...found].find(([, value]) => !(value instanceof TorchTensor));
  if (odd) {
    const inside = [...found].filter(([, value]) => value instanceof Dictionary).map(([name]) => `'${name}'`);
    const hint = inside.length > 0 ? `; name the key with the weights: ${inside.join(', ')}` : '';
    throw new Error(`it is no state_dict: '${odd[0]}' is no tensor${hint}`);
  }
  return new Map([...found].map(([name, value]) => [`${name}`, (value as TorchTensor).entry]));
}
