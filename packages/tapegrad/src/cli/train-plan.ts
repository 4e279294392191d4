import { TracingDevice } from '@tapegrad/interchange';
import type { AdapterKind } from '@tapegrad/node';
import { Generator } from '@tapegrad/tensor';
import {
  flagOf,
  type ModelOptions,
  type ModelSpec,
  models,
  settingsOf,
  type TrainingOptions,
} from '@tapegrad/vae';
import { OptionError } from '@tapegrad/vae/options';
import { shortTraining } from '../choices.ts';
import type { Dataset } from '../data/dataset.ts';
import type { BadImages } from '../data/image-folder.ts';
import { UserError } from '../errors.ts';
import { specOf } from '../models.ts';
import { assertOfModel, type RunConfig, readRunConfig } from '../run/run.ts';
import { dataToResume, type LoadingListener, loadData, placeOf } from '../run/run-data.ts';
import { RunFolder, runFiles } from '../run/run-folder.ts';
import { type RunState, readRunState } from '../run/run-state.ts';
import { type ConfigFile, readConfigFile } from './config-file.ts';
import { tunable } from './options/tunable.ts';

export interface TrainOptions extends Partial<ModelOptions & TrainingOptions> {
  data?: string;
  imageSize?: number;
  channels?: 1 | 3;
  badImages?: BadImages;
  seed?: number;
  limit?: number;
  short?: boolean;
  logEvery?: number;
  tensorboard?: boolean;
  profile?: string | true;
  resume?: string;
  config?: string;
  out?: string;
  force?: boolean;
  json?: boolean;
  adapter: string;
}

/** What `--short` sets on an adapter of this kind. */
function shortOptions({ defaults }: ModelSpec, kind: AdapterKind): Partial<TrainingOptions> {
  const { epochs, mostImages = Number.POSITIVE_INFINITY }: { epochs: number; mostImages?: number } =
    shortTraining[kind];
  return { epochs, batchSize: Math.min(defaults.batchSize, mostImages) };
}

/** The options of model and trainer that were given. Refuses options that the model does not have. */
export function chosenOptions(
  spec: ModelSpec,
  options: TrainOptions,
): Partial<ModelOptions & TrainingOptions> {
  const chosen = Object.entries(options).filter(([name, value]) => name in tunable && value !== undefined);
  const foreign = chosen.find(([name]) => !(name in spec.defaults));
  if (foreign) {
    const own = Object.keys(spec.defaults).map((name) => `--${flagOf(name)}`);
    throw new UserError(`${spec.name} has no --${flagOf(foreign[0])}; it takes ${own.join(', ')}`);
  }
  return Object.fromEntries(chosen);
}

/** A run to begin or continue, checked as far as possible before data are read and the device is opened. */
export interface Plan {
  readonly config: Omit<RunConfig, 'imageShape' | 'checksums' | 'adapter' | 'versions' | 'parameters'>;
  /** Makes the folder, or returns the one that is already held. */
  readonly folder: () => Promise<RunFolder>;
  readonly state?: RunState;
  /** Something that the user would not expect. */
  readonly note?: string;
  /** The file that the options come from, if any. */
  readonly file?: ConfigFile;
  /** Loads the images, and the options that depend on them. */
  readonly load: (listener: LoadingListener) => Promise<{ data: Dataset; config: Partial<RunConfig> }>;
}

/** @param adapter the adapter for which `--short` chooses options */
export function planNew(
  named: string | undefined,
  given: TrainOptions,
  waiting: (message: string) => void,
  adapter?: AdapterKind,
): Plan {
  const file = given.config === undefined ? undefined : readConfigFile(given.config, named, { ...given });
  const name = file?.model ?? named;
  if (!name) throw new UserError(`name a model (${[...models.keys()].join(', ')}) or a run with --resume`);
  const spec = specOf(name);
  const options: TrainOptions = { ...file?.options, ...given };
  const short = adapter && options.epochs === undefined ? shortOptions(spec, adapter) : {};
  const chosen = { ...short, ...chosenOptions(spec, options) };
  const { out, force = false } = options;
  // The first name for this second that is free when the folder is made.
  const path = out ?? `runs/${name}-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`;
  const claim = { force, again: true, waiting };
  let isBegunAgain = false;
  if (out === undefined) RunFolder.assertPlace(path);
  else isBegunAgain = RunFolder.assertFree(path, claim);
  const config: Plan['config'] = {
    model: name,
    data: options.data ?? 'mnist',
    imageSize: options.imageSize,
    channels: options.channels,
    badImages: options.badImages,
    ...settingsOf(spec, chosen),
    seed: options.seed ?? 0,
    limit: options.limit ?? null,
    logEvery: options.logEvery ?? 10,
    tensorboard: options.tensorboard ?? true,
  };
  assertImageSize(spec, config);
  return {
    config,
    folder: () => (out === undefined ? RunFolder.claimNext(path, claim) : RunFolder.claim(path, claim)),
    ...(isBegunAgain && {
      note: `${path}: the run in it stopped before its first checkpoint; this one replaces it`,
    }),
    file,
    async load(listener) {
      const found = file && given.data === undefined ? await file.find(config, listener) : undefined;
      if (found?.note) listener.note?.(found.note);
      const data = found?.data ?? (await loadData(config, listener));
      const place = placeOf(found?.name ?? config.data, path);
      if (!data.normalization) return { data, config: place };
      const { mean: pixelMean, std: pixelStd } = data.normalization;
      return { data, config: { ...place, pixelMean, pixelStd, ...chosen } };
    },
  };
}

/**
 * Refuses an `--image-size` that the network cannot have, before images are decoded to it. Other errors show when the model is
 * built.
 */
function assertImageSize(spec: ModelSpec, { imageSize, channels = 3, ...options }: Plan['config']): void {
  if (imageSize === undefined) return;
  try {
    const generator = new Generator(0, { device: new TracingDevice() });
    spec.build([channels, imageSize, imageSize], options, generator);
  } catch (error) {
    if (error instanceof OptionError) throw error;
  }
}

/**
 * Plans to resume a run. Only the number of epochs, how often it logs and where its images are may change. A run that
 * stopped before its first checkpoint starts from the beginning.
 */
export async function planResumed(
  name: string | undefined,
  options: TrainOptions,
  waiting: (message: string) => void,
): Promise<Plan> {
  if (options.out !== undefined || options.force)
    throw new UserError('--resume writes into the run itself: leave --out and --force out');
  if (options.config !== undefined)
    throw new UserError('--resume continues with the options of its run: leave --config out');
  if (options.short)
    throw new UserError('--short is for a new run: with --resume, --epochs says when it is done');
  // Held from here on: another process may write a checkpoint at any moment.
  const folder = await RunFolder.take(options.resume!, { waiting });
  const { path } = folder;
  const { config } = readRunConfig(folder);
  if (name && specOf(name).name !== config.model)
    throw new UserError(`${path}: a run of '${config.model}', not of '${name}'`);
  const { epochs: _, ...fixed } = chosenOptions(specOf(config.model), options);
  for (const [key, value] of Object.entries({ ...fixed, seed: options.seed })) {
    const began = config[key as keyof RunConfig];
    if (value !== undefined && value !== began)
      throw new UserError(
        `${path}: a run resumes with the options it began with: ${key} is ${began} there, not ${value}`,
      );
  }
  const isBeginning = !folder.has(runFiles.state) && !folder.has(runFiles.weights);
  const state = isBeginning ? undefined : readRunState(folder);
  if (state) assertOfModel(state.file, state.metadata, config);
  const done = Number(state?.metadata.epoch ?? 0);
  const epochs = options.epochs ?? config.epochs;
  if (epochs < done)
    throw new UserError(`${path}: ${done} epochs are done already, more than --epochs ${epochs}`);
  return {
    config: {
      ...config,
      epochs,
      logEvery: options.logEvery ?? config.logEvery,
      tensorboard: options.tensorboard ?? config.tensorboard,
    },
    folder: async () => folder,
    state,
    ...(isBeginning && {
      note: `${path}: it stopped before its first checkpoint, so it starts from the beginning`,
    }),
    async load(listener) {
      const { data: asked, imageSize, channels, badImages } = options;
      const shape = { imageSize, channels, badImages };
      const { data, name: place } = await dataToResume(
        { config, folder },
        { name: asked, ...shape, listener },
      );
      assertLimit(path, options.limit, config.limit, data.train.count);
      return { data, config: { ...placeOf(place, path), data: asked ?? config.data } };
    },
  };
}

/** Refuses another limit, unless the dataset has no more images than either. */
function assertLimit(path: string, limit: number | undefined, began: number | null, count: number): void {
  const isAll = began === null || count < began;
  if (limit === undefined || limit === began || (isAll && limit >= count)) return;
  throw new UserError(
    `${path}: a run resumes with the options it began with: limit is ${began ?? 'all'} there, not ${limit}`,
  );
}
