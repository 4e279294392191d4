import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { decodeTorchFile, inferOptions, isTorchFile, TracingDevice } from '@tapegrad/interchange';
import { decodeSafetensors, misfits, type SafetensorsEntry, type SafetensorsFile } from '@tapegrad/nn';
import { Generator, type Shape, show } from '@tapegrad/tensor';
import type { Autoencoder, ImageShape, ModelOptions, ModelSpec, TrainingOptions } from '@tapegrad/vae';
import { models, settingsOf } from '@tapegrad/vae';
import { attempt, UserError } from '../errors.ts';
import { readWithChecksum } from './checksum.ts';
import { loadWeights, type RunConfig, storedConfig, writeWeights } from './run.ts';
import type { RunFolder } from './run-folder.ts';

/** Weights from elsewhere. */
export interface ForeignWeights {
  readonly path: string;
  readonly sha256: string;
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
}

/**
 * Reads safetensors, or what `torch.save` wrote; the content tells which.
 * @param key the weights' key in a checkpoint of `torch.save`
 */
export function readWeights(path: string, key?: string): ForeignWeights {
  const file = attempt(`${path}: cannot read it`, () => readFileSync(path));
  const torch = isTorchFile(file);
  if (key !== undefined && !torch)
    throw new UserError(`${path}: --key is for files written by torch.save, and this is not one`);
  const tensors = attempt(`${path}: cannot be read as weights`, () =>
    torch ? decodeTorchFile(file, key) : tensorsOf(file),
  );
  return { path, tensors, sha256: createHash('sha256').update(file).digest('hex') };
}

/** Only where a run's weights say so is it known what a checksum is of: other programs may mean something else by the word. */
function tensorsOf(file: Buffer): SafetensorsFile['tensors'] {
  const { tensors, metadata } = decodeSafetensors(file);
  return models.has(metadata.model ?? '') ? readWithChecksum(file).tensors : tensors;
}

export interface ImportRequest {
  readonly spec: ModelSpec;
  readonly weights: ForeignWeights;
  /** The options that were given; the weights' shapes reveal the others as far as possible. */
  readonly chosen: Partial<ModelOptions & TrainingOptions>;
  readonly imageShape: ImageShape;
  /** What else goes into `config.json`. */
  readonly rest: Pick<
    RunConfig,
    'data' | 'dataPaths' | 'checksums' | 'versions' | 'seed' | 'limit' | 'logEvery'
  >;
  /** Called with a message about changes to the weights. */
  readonly onNote?: (note: string) => void;
  /** Makes the folder: called when only the disk can still refuse. */
  readonly folder: () => Promise<RunFolder>;
}

/**
 * Makes a run folder from weights from elsewhere. Everything that needs no training history works on it. All weights must
 * fit by name and shape; a prefix that all names share is dropped if they fit without it.
 */
export async function importRun(request: ImportRequest): Promise<{ folder: RunFolder; config: RunConfig }> {
  const { spec, weights, imageShape, rest, onNote, folder } = request;
  const { path, sha256 } = weights;
  const { prefix, model, options, tensors } = fitted(request);
  if (prefix) onNote?.(`${path}: all names begin with ${prefix} (left out)`);
  loadWeights(
    model,
    tensors,
    `${path}: not the weights of ${spec.name} for images of ${imageShape.join('x')}`,
  );
  for (const [name, { data, shape }] of tensors) {
    const at = Array.prototype.findIndex.call(data, (value) => !Number.isFinite(Number(value)));
    if (at >= 0)
      throw new UserError(`${path}: ${name} ${show(shape)} is not finite: ${data[at]} at element ${at}`);
  }
  const config: RunConfig = {
    model: spec.name,
    ...options,
    ...rest,
    imageShape,
    adapter: { name: 'imported', driver: '', kind: 'none' },
    parameters: model.parameters().reduce((sum, { size }) => sum + size, 0),
  };
  const made = await folder();
  made.writeConfig({ ...storedConfig(config, spec), imported: { file: basename(path), sha256 } });
  await writeWeights(made, model, spec.name);
  made.release();
  return { folder: made, config };
}

/** A model with the options that the weights reveal, and the weights by its names. */
interface Fitted {
  readonly prefix: string;
  readonly model: Autoencoder;
  readonly options: ReturnType<typeof settingsOf>;
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
}

/**
 * The weights without the prefix that makes them fit; as they are if none does. Wrappers put one before all names:
 * `module.` (DataParallel), `_orig_mod.` (torch.compile), `model.` (Lightning), or several.
 */
function fitted({ spec, weights, chosen, imageShape }: ImportRequest): Fitted {
  const attempts = prefixesOf([...weights.tensors.keys()]).map((prefix): Fitted => {
    const tensors = new Map(
      [...weights.tensors].map(([name, tensor]) => [name.slice(prefix.length), tensor]),
    );
    const shapes = new Map<string, Shape>([...tensors].map(([name, { shape }]) => [name, shape]));
    const options = settingsOf(spec, { ...inferOptions(spec, imageShape, shapes, chosen), ...chosen });
    const device = new TracingDevice();
    const model = attempt(spec.name, () => spec.build(imageShape, options, new Generator(0, { device })));
    return { prefix, model, options, tensors };
  });
  return attempts.find(({ model, tensors }) => !misfits(model.stateDict(), tensors)) ?? attempts[0]!;
}

/** The empty prefix, and those of one part, two parts … that all names begin with. */
function prefixesOf(names: readonly string[]): string[] {
  const prefixes = [''];
  for (;;) {
    const known = prefixes.at(-1)!;
    const end = names[0]?.indexOf('.', known.length) ?? -1;
    const next = end < 0 ? '' : names[0]!.slice(0, end + 1);
    if (!next || !names.every((name) => name.startsWith(next))) return prefixes;
    prefixes.push(next);
  }
}
