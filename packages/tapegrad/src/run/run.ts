import { readFileSync } from 'node:fs';
import { misfits, readTensors, type SafetensorsEntry, type SafetensorsFile } from '@tapegrad/nn';
import { type Device, excerpt, Generator, type TunedChoice } from '@tapegrad/tensor';
import {
  type Autoencoder,
  faultOf,
  type ModelOptions,
  type ModelSpec,
  modelOptions,
  models,
  optionValues,
  type TrainingOptions,
  trainingOptions,
} from '@tapegrad/vae';
import type { ImageFolderOptions } from '../data/image-folder.ts';
import { reasonOf, UserError } from '../errors.ts';
import { readWithChecksum, withChecksum } from './checksum.ts';
import { RunFolder, runFiles } from './run-folder.ts';
import { faultIn, runOptions } from './run-options.ts';
import { inSize } from './too-large.ts';

/** Every option of a run, and what it depends on. `config.json` holds those that its model takes. */
export interface RunConfig extends ModelOptions, TrainingOptions, FolderOptions {
  readonly model: string;
  readonly seed: number;
  /** The name that was given. The checksums say what the data are. */
  readonly data: string;
  /** If the data are a folder: its absolute path, and its path relative to the run's folder. */
  readonly dataPaths?: readonly string[];
  /** First N training images, or null for all. */
  readonly limit: number | null;
  readonly logEvery: number;
  /** Whether event files for TensorBoard are written. Default: true. */
  readonly tensorboard?: boolean;
  readonly imageShape: readonly [number, number, number];
  readonly checksums: Readonly<Record<string, string>>;
  readonly adapter: AdapterConfig;
  readonly versions: Readonly<Record<string, string>>;
  readonly parameters: number;
}

/** The adapter on which a run was trained. */
export interface AdapterConfig {
  readonly name: string;
  readonly driver: string;
  readonly kind: string;
  /**
   * The choices of `npm run bench -- tune` that were in force, if any: the last bits depend on them.
   */
  readonly tuned?: Readonly<Record<string, TunedChoice>>;
}

/** How a folder of images is read; absent for other data. */
export type FolderOptions = Pick<ImageFolderOptions, 'imageSize' | 'channels' | 'badImages'>;

/** A finished or interrupted run, ready to be evaluated and drawn. */
export interface OpenRun {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly spec: ModelSpec;
  readonly model: Autoencoder;
}

const options = { ...modelOptions, ...trainingOptions };
type OptionName = keyof typeof options;

/** The part of a configuration that `config.json` holds: without options of other models or other kinds of data. */
export function storedConfig(config: RunConfig, { defaults }: ModelSpec): Partial<RunConfig> {
  const isStored = ([name, value]: [string, unknown]) =>
    value !== undefined && (!(name in options) || name in defaults);
  return Object.fromEntries(Object.entries(config).filter(isStored));
}

export function readRunConfig(folder: RunFolder): { config: RunConfig; spec: ModelSpec } {
  const config = folder.readConfig();
  const refuse = (what: string) => {
    throw new UserError(
      `${folder.file(runFiles.config)}: broken: ${what}; the run cannot be used without it`,
    );
  };
  const spec = models.get(config.model as string);
  if (!spec)
    throw refuse(`no model is named ${excerpt(config.model)} (known: ${[...models.keys()].join(', ')})`);
  const missing = ['latent', 'batchSize', 'epochs', 'seed'].find((name) => config[name] === undefined);
  if (missing) refuse(`it has no ${missing}`);
  // Options that an older version did not have get the value that it used. All stay in the file's order.
  const known = { ...optionValues, ...spec.defaults, seed: 0, limit: null, logEvery: 10 };
  const whole = { ...config, ...known, ...config };
  for (const name of Object.keys(spec.defaults) as OptionName[]) {
    const fault = faultIn(name, whole[name], faultOf(options[name], whole[name]));
    if (fault) refuse(fault);
  }
  for (const name of ['seed', 'logEvery', 'limit'] as const) {
    const fault = faultIn(name, whole[name], runOptions[name]!.fault(whole[name]));
    if (fault) refuse(fault);
  }
  const { imageShape, data, checksums } = config;
  const isExtent = (extent: unknown) => Number.isSafeInteger(extent) && (extent as number) > 0;
  if (!Array.isArray(imageShape) || imageShape.length !== 3 || !imageShape.every(isExtent))
    refuse(`imageShape is ${excerpt(imageShape)}, not [channels, height, width]`);
  if (typeof checksums !== 'object' || checksums === null || Array.isArray(checksums))
    refuse('checksums do not say of which data the run is');
  if (typeof data !== 'string') refuse('data is not a name');
  const { dataPaths } = config;
  const isPaths = Array.isArray(dataPaths) && dataPaths.every((path) => typeof path === 'string');
  return { config: { ...whole, dataPaths: isPaths ? dataPaths : undefined } as unknown as RunConfig, spec };
}

/** What a run folder holds, as far as it can be checked without a device. */
export interface StoredRun {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly spec: ModelSpec;
  readonly weights: ReadonlyMap<string, SafetensorsEntry>;
}

export function readRun(path: string): StoredRun {
  const folder = RunFolder.open(path);
  const { config, spec } = readRunConfig(folder);
  const { tensors: weights, metadata } = readStoredWeights(folder);
  assertOfModel(folder.file(runFiles.weights), metadata, config);
  return { folder, config, spec, weights };
}

/**
 * The content of the file of weights.
 * @throws UserError, which says how to get them back, if there is none or it is broken
 */
export function readStoredWeights(folder: RunFolder): SafetensorsFile {
  const again = folder.has(runFiles.state)
    ? `; \`tapegrad train --resume ${folder.path}\` writes it again from ${runFiles.state}`
    : '';
  if (!folder.has(runFiles.weights)) {
    throw new UserError(
      again
        ? `${folder.path}: its ${runFiles.weights} is gone${again}`
        : `${folder.path}: the run has no weights yet: it stopped before its first checkpoint`,
    );
  }
  const file = folder.file(runFiles.weights);
  try {
    return readWithChecksum(readFileSync(file));
  } catch (error) {
    throw new UserError(`${file}: broken: ${reasonOf(error)}${again}`, { cause: error });
  }
}

/** Refuses a file that says it belongs to another model: its shapes might fit nevertheless. */
export function assertOfModel(
  file: string,
  { model = '' }: Readonly<Record<string, string>>,
  config: Pick<RunConfig, 'model'>,
): void {
  if (models.has(model) && model !== config.model)
    throw new UserError(
      `${file}: of '${model}', but ${runFiles.config} beside it says '${config.model}': one of them belongs to another run`,
    );
}

/** Opens a run: builds its model and loads the weights. */
export function openRun(run: string | StoredRun, device: Device): OpenRun {
  const { folder, config, spec, weights } = typeof run === 'string' ? readRun(run) : run;
  const model = built(spec, config, device);
  loadWeights(model, weights, `${folder.file(runFiles.weights)}: weights of another architecture`);
  return { folder, config, spec, model };
}

function built(spec: ModelSpec, config: RunConfig, device: Device): Autoencoder {
  const { imageShape, seed } = config;
  try {
    return spec.build(imageShape, config, new Generator(seed, { device }));
  } catch (error) {
    const data = { shape: imageShape, train: { count: 1 } };
    throw inSize(error, { spec, config, data, isFixed: true }, device);
  }
}

/**
 * Writes weights into a model.
 * @throws UserError that opens with `what` if they do not fit
 */
export function loadWeights(model: Autoencoder, weights: StoredRun['weights'], what: string): void {
  const wrong = misfits(model.stateDict(), weights);
  if (wrong) throw new UserError(`${what}: ${wrong}`);
  model.loadStateDict(weights);
}

/** Writes the weights under PyTorch's names; returns the file. */
export async function writeWeights(folder: RunFolder, model: Autoencoder, name: string): Promise<Uint8Array> {
  const file = withChecksum(await readTensors(model.stateDict()), { format: 'pt', model: name });
  folder.writeAtomically(runFiles.weights, file);
  return file;
}
