import { join, relative, resolve } from 'node:path';
import { binarized, randomStreams } from '@tapegrad/vae';
import { isDatasetName } from '../choices.ts';
import type { Dataset } from '../data/dataset.ts';
import { isThere, loadDataset } from '../data/datasets.ts';
import type { ImageFolderOptions } from '../data/image-folder.ts';
import { UserError } from '../errors.ts';
import type { FolderOptions, OpenRun, RunConfig } from './run.ts';

/** The options that decide which images a run uses, and how many. */
export type DataOptions = Pick<RunConfig, 'data' | 'limit' | 'binarize' | 'seed' | keyof FolderOptions>;

/** Listeners for the decoding of a folder of images. */
export type LoadingListener = Pick<ImageFolderOptions, 'progress' | 'note'>;

/**
 * Loads a dataset, with the first `limit` of its training images. Even if training pixels are drawn at every step, the
 * test set's are drawn once, so that its metrics can be compared.
 */
export async function loadData(
  { data: name, limit, binarize, seed, imageSize, channels, badImages }: DataOptions,
  listener: LoadingListener = {},
): Promise<Dataset> {
  const data = await loadDataset(name, { imageSize, channels, badImages, limit, ...listener });
  const count = Math.min(limit ?? data.train.count, data.train.count);
  const train = { ...data.train, count };
  if (binarize === 'none') return { ...data, train };
  const how = binarize === 'threshold' ? 'threshold' : 'drawn';
  const { trainPixels, testPixels } = randomStreams;
  return {
    ...data,
    train:
      binarize === 'dynamic'
        ? train
        : { ...train, images: binarized(train.images, how, { seed, stream: trainPixels }) },
    test: { ...data.test, images: binarized(data.test.images, how, { stream: testPixels }) },
  };
}

// --------------------------------------------------------------------------------------- a dataset is its content

type Checksums = Readonly<Record<string, string>>;

/** Labels only colour pictures; no model learns from them. */
const isLabels = (name: string): boolean => /labels/.test(name);

/** What differs between the images of two datasets: names of files, or of halves if images are files of their own. */
export function differing(known: Checksums, found: Checksums): string[] {
  const names = new Set([...Object.keys(known), ...Object.keys(found)]);
  return [...names].filter((name) => known[name] !== found[name] && !isLabels(name));
}

const isOfTestSet = (name: string): boolean => name === 'test' || name.startsWith('t10k');

/** The part of `config.json` that says where a dataset is, so that it can be found again. */
export function placeOf(name: string, run: string): Pick<RunConfig, 'data' | 'dataPaths'> {
  if (isDatasetName(name)) return { data: name, dataPaths: undefined };
  const fromRun = relative(resolve(run), resolve(name)).replaceAll('\\', '/');
  return { data: name, dataPaths: [resolve(name), fromRun] };
}

type Run = Pick<OpenRun, 'config' | 'folder'>;

/** What is known of a run's images. */
export interface Known {
  readonly config: DataOptions & Pick<RunConfig, 'dataPaths' | 'checksums'>;
  readonly folder: { readonly path: string };
}

export interface FoundData {
  readonly data: Dataset;
  /** The name or path under which it was found. */
  readonly name: string;
  /** What differs from the data that the run began with; unknown, so empty, for runs without checksums. */
  readonly differing: readonly string[];
}

/**
 * Looks for a run's own images where they were, relative to the root, to the run's folder and to the current one, or
 * where `name` says. It takes the first that have the checksums in `config.json`; if none do, the first that exist.
 *
 * @param options how to read them, if specified again
 */
export async function findData(
  { config, folder }: Known,
  { name, listener = {}, ...options }: FolderOptions & { name?: string; listener?: LoadingListener } = {},
): Promise<FoundData> {
  const asked = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  let found: FoundData | undefined;
  let failure: unknown;
  for (const candidate of name === undefined ? candidates(config, folder.path) : [name]) {
    try {
      const data = await loadData({ ...config, ...asked, data: candidate }, listener);
      const next = { data, name: candidate, differing: differing(config.checksums, data.checksums) };
      if (next.differing.length === 0) return next;
      found ??= next;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failure ??= error;
    }
  }
  if (found) return found;
  if (failure) throw failure;
  throw new UserError(
    `${folder.path}: its images are not where they were (${[config.data, ...(config.dataPaths ?? [])].join(', ')}): say where ` +
      'they are with --data; they are recognized by their content',
  );
}

/** Places where a run's images may be, each once. */
function candidates({ data, dataPaths }: Known['config'], run: string): string[] {
  if (isDatasetName(data)) return [data];
  const [absolute, fromRun] = dataPaths ?? [];
  const places = [absolute, fromRun && join(run, fromRun), data].filter((path) => path !== undefined);
  const distinct = new Map(places.map((path) => [resolve(path), path]));
  // If the name that was given leads there, messages show that.
  return [...distinct.values()].filter(isThere);
}

/**
 * The images for a resumed run.
 * @throws UserError if they are not those with which the run began
 */
export async function dataToResume(
  run: Run,
  options: FolderOptions & { name?: string; listener?: LoadingListener },
): Promise<FoundData> {
  const found = await findData(run, options);
  const { path } = run.folder;
  const [wanted, shape] = [run.config.imageShape, found.data.shape].map((extents) => extents.join('x'));
  if (wanted !== shape)
    throw new UserError(
      `${path}: a run resumes with the images it began with: they are ${wanted}, not ${shape}`,
    );
  const [other] = found.differing;
  if (other !== undefined)
    throw new UserError(
      `${path}: was trained on other data: the checksum of ${other} in ${found.name} differs from that in config.json` +
        `${options.name === undefined ? '; if its images are elsewhere now, say where with --data' : ''}`,
    );
  return found;
}

export interface RunData {
  readonly data: Dataset;
  /** What readers of metrics or pictures must know: that these are not the images with which the run began. */
  readonly notes: { readonly train?: string; readonly test?: string };
}

/**
 * Images for looking at a run: its own, or those that `name` says, of the same size. Images other than its own are used
 * without a limit, and a note says that they are others.
 */
export async function dataForRun(run: Run, name?: string, listener: LoadingListener = {}): Promise<RunData> {
  const { config } = run;
  const [channels, height, width] = config.imageShape;
  const shape = { channels: channels as 1 | 3, ...(height === width && { imageSize: height }) };
  const asked = name === undefined ? {} : { name, ...shape };
  let { data, differing: differences, name: place } = await findData(run, { listener, ...asked });
  if (name !== undefined && differences.length > 0 && config.limit !== null)
    data = await loadData({ ...config, ...shape, limit: null, data: name }, listener);
  const [wanted, found] = [config.imageShape, data.shape].map((extents) => extents.join('x'));
  if (wanted !== found)
    throw new UserError(`--data ${place}: images of ${found}, but the run's are ${wanted}`);
  // Nobody knows what weights from elsewhere were trained on.
  const isKnown = Object.keys(config.checksums).length > 0;
  const others = isKnown ? differences : [];
  const noteOn = (what: string, files: readonly string[]) =>
    files.length === 0
      ? undefined
      : `${what}: the checksum of ${files.join(' and of ')} in ${place} is not that in config.json`;
  return {
    data,
    notes: {
      train: noteOn(
        'these are not the training images that the run began with',
        others.filter((file) => !isOfTestSet(file)),
      ),
      test: noteOn('the test set differs from the one that the run began with', others.filter(isOfTestSet)),
    },
  };
}
