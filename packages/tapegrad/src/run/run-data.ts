import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { binarized, randomStreams } from '@tapegrad/vae';
import type { Dataset } from '../data/dataset.ts';
import { datasetNames, loadDataset } from '../data/datasets.ts';
import type { ImageFolderOptions } from '../data/image-folder.ts';
import { UserError } from '../errors.ts';
import type { FolderOptions, OpenRun, RunConfig } from './run.ts';

/** Of which images, and how many, a run is made. */
export type DataOptions = Pick<RunConfig, 'data' | 'limit' | 'binarize' | 'seed' | keyof FolderOptions>;

/** Listeners for the decoding of a folder of images. */
export type LoadingListener = Pick<ImageFolderOptions, 'progress' | 'note'>;

/**
 * Loads a dataset, the first `limit` of its training images. Where pixels are drawn at every step, the test set's are
 * drawn once all the same: its metrics are to be compared.
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

/** Labels colour pictures; nothing learns from them. */
const isLabels = (name: string): boolean => /labels/.test(name);

/** In what the images of two datasets differ: names of files, or of halves where images are files of their own. */
export function differing(known: Checksums, found: Checksums): string[] {
  const names = new Set([...Object.keys(known), ...Object.keys(found)]);
  return [...names].filter((name) => known[name] !== found[name] && !isLabels(name));
}

const isOfTestSet = (name: string): boolean => name === 'test' || name.startsWith('t10k');

/** The part of `config.json` that says where a dataset is, for the next who looks for it. */
export function placeOf(name: string, run: string): Pick<RunConfig, 'data' | 'dataPaths'> {
  if (datasetNames.includes(name)) return { data: name, dataPaths: undefined };
  const fromRun = relative(resolve(run), resolve(name)).replaceAll('\\', '/');
  return { data: name, dataPaths: [resolve(name), fromRun] };
}

type Run = Pick<OpenRun, 'config' | 'folder'>;

export interface FoundData {
  readonly data: Dataset;
  /** Under which name, or path, it was found. */
  readonly name: string;
  /** In what it differs from the data that the run began with; nothing is known of runs without checksums. */
  readonly differing: readonly string[];
}

/**
 * Looks for a run's own images: where they were, seen from the root, from the run's folder and from here, or where `name`
 * says. The first with the checksums in `config.json` are taken; if there are none, the first at all.
 *
 * @param options how to read them, where that was said anew
 */
export async function findData(
  { config, folder }: Run,
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
    `${folder.path}: its images are not where they were (${[config.data, ...(config.dataPaths ?? [])].join(', ')}): say with ` +
      '--data where they are; they are known by their content',
  );
}

/** Where a run's images may be, each place once. */
function candidates({ data, dataPaths }: RunConfig, run: string): string[] {
  if (datasetNames.includes(data)) return [data];
  const [absolute, fromRun] = dataPaths ?? [];
  const places = [absolute, fromRun && join(run, fromRun), data].filter((path) => path !== undefined);
  const distinct = new Map(places.map((path) => [resolve(path), path]));
  // The name as it was given, where it leads there: messages show it.
  return [...distinct.values()].filter((path) => existsSync(path));
}

/**
 * The images to go on with.
 * @throws UserError where they are others than the run began with
 */
export async function dataToResume(
  run: Run,
  options: FolderOptions & { name?: string; listener?: LoadingListener },
): Promise<FoundData> {
  const found = await findData(run, options);
  const { path } = run.folder;
  const [wanted, shape] = [run.config.imageShape, found.data.shape].map((extents) => extents.join('x'));
  if (wanted !== shape)
    throw new UserError(`${path}: a run goes on as it began: its images are ${wanted}, not ${shape}`);
  const [other] = found.differing;
  if (other !== undefined)
    throw new UserError(
      `${path}: was trained on other data: the checksum of ${other} in ${found.name} differs from that in config.json` +
        `${options.name === undefined ? '; if its images are elsewhere by now, say where with --data' : ''}`,
    );
  return found;
}

export interface RunData {
  readonly data: Dataset;
  /** What a reader of metrics, or of pictures, has to know: that these are not the images that the run began with. */
  readonly notes: { readonly train?: string; readonly test?: string };
}

/**
 * Images for a run that is looked at: its own, or those that `name` says, of the same size. Others than its own are taken
 * whole, and it is said that they are others.
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
  // Of weights from elsewhere nobody knows what they were trained on.
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
