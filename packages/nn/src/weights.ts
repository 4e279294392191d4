import {
  assertTensor,
  described,
  excerpt,
  internalsOf,
  type NumericArray,
  type Storage,
  type Tensor,
} from '@tapegrad/tensor';
import { assertModule, type Module } from './module.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsEntry,
  type SafetensorsFile,
} from './safetensors.ts';
import type { LoadOptions, LoadReport } from './state.ts';

/** The values of tensors, as a safetensors file takes them. Tensors that share a buffer are read back together. */
export async function readTensors(
  tensors: ReadonlyMap<string, Tensor>,
): Promise<Map<string, SafetensorsEntry>> {
  if (!(tensors instanceof Map)) {
    const got = described(tensors);
    throw new Error(`readTensors: expects a Map from names to tensors, such as a stateDict(), got ${got}`);
  }
  for (const [name, tensor] of tensors) assertTensor(`readTensors, ${excerpt(name)}`, tensor);
  const spans = new Map<Storage, { start: number; end: number }>();
  for (const { storage, offset, size } of [...tensors.values()].map(internalsOf)) {
    if (size === 0) continue;
    const { start, end } = spans.get(storage) ?? { start: offset, end: offset };
    spans.set(storage, { start: Math.min(start, offset), end: Math.max(end, offset + size) });
  }
  const read = new Map<Storage, NumericArray>();
  for (const [storage, { start, end }] of spans) {
    read.set(storage, await storage.device.read(storage, start, end - start));
  }
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const { dtype, shape, storage, offset, size } = internalsOf(tensor);
      const from = offset - (spans.get(storage)?.start ?? offset);
      const data = read.get(storage)?.slice(from, from + size) ?? new Float32Array(0);
      // float16 comes back as float32, and is saved as that.
      return [name, { dtype: dtype === 'float16' ? 'float32' : dtype, shape, data }];
    }),
  );
}

/** Writes tensors by name as the bytes of a safetensors file. */
export async function saveTensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata?: Readonly<Record<string, string>>,
): Promise<Uint8Array<ArrayBuffer>> {
  return encodeSafetensors(await readTensors(tensors), metadata);
}

/** Writes a module's weights as the bytes of a safetensors file, which PyTorch's `load_state_dict` takes. */
export async function saveStateDict(
  module: Module,
  metadata?: Readonly<Record<string, string>>,
): Promise<Uint8Array<ArrayBuffer>> {
  assertModule('saveStateDict', module);
  return saveTensors(module.stateDict(), metadata);
}

/**
 * Loads the bytes of a safetensors file, ours or PyTorch's, into a module: see `Module.loadStateDict`.
 * @throws one line if the file is broken or does not fit
 */
export function loadStateDict(
  module: Module,
  file: Uint8Array,
  options?: LoadOptions,
): LoadReport & Pick<SafetensorsFile, 'metadata'> {
  assertModule('loadStateDict', module);
  const { tensors, metadata } = decodeSafetensors(file);
  return { ...module.loadStateDict(tensors, options), metadata };
}
