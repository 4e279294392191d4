import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { type Raster, sideBySide, stacked } from '@tapegrad/plot';
import { encodePng } from '@tapegrad/plot/node';
import { type Device, defaultDevice } from '@tapegrad/tensor';
import { allPictures, flagOf } from '@tapegrad/vae';
import { UserError } from '../errors.ts';
import { type ComparedRun, compared, comparisonPage } from '../report/comparison.ts';
import { epochsOf } from '../report/curves.ts';
import { drawPicture } from './draw.ts';
import { openRun, readRun, type StoredRun, storedConfig } from './run.ts';
import { dataForRun, type LoadingListener } from './run-data.ts';
import { subjectOf } from './run-pictures.ts';
import { writeWhole } from './whole-files.ts';

export interface ComparisonOptions {
  readonly device?: Device;
  /** Where the runs' images are, or other images to show all runs with. */
  readonly data?: string;
  readonly listener?: LoadingListener;
}

/**
 * Compares runs: writes `out` (HTML, one file that needs no network) and a PNG of the same name with their samples and
 * reconstructions, and returns both paths. Every run is read before anything is written.
 * @throws UserError that names a run which is missing, broken, unfinished, or given twice
 */
export async function writeComparison(
  runs: readonly string[],
  out: string,
  { device = defaultDevice(), data, listener }: ComparisonOptions = {},
): Promise<{ html: string; png: string }> {
  const read = readRuns(runs);
  const labels = labelsOf(read);
  const opened: ComparedRun[] = [];
  for (const [i, run] of read.entries())
    opened.push(await openCompared(run, labels[i]!, device, data, listener));
  const page = await comparisonPage(opened, differing(read));
  const columns: Raster[] = [];
  for (const { label, pictures } of opened) columns.push(await columnOf(label, pictures));
  const png = encodePng(sideBySide(columns));
  const picture = `${out.replace(/\.html?$/i, '')}.png`;
  writeWhole(out, page);
  writeWhole(picture, png);
  return { html: out, png: picture };
}

/** Samples of a run, and its reconstructions below them. */
async function columnOf(label: string, pictures: ComparedRun['pictures']): Promise<Raster> {
  const drawn: Raster[] = [];
  for (const name of ['samples', 'reconstructions'] as const) {
    const picture = pictures[name];
    if (picture.kind !== 'absent') drawn.push(await drawPicture({ ...picture, detail: undefined }, label));
  }
  return stacked(drawn);
}

interface ReadRun extends Pick<ComparedRun, 'path' | 'options' | 'records' | 'last'> {
  readonly stored: StoredRun;
}

/** Reads runs, and refuses those that cannot be compared, as far as that is known without a device. */
export function readRuns(paths: readonly string[]): ReadRun[] {
  if (paths.length < 2) throw new UserError('name two runs or more to compare');
  const twice = paths.find((path, i) => paths.indexOf(path) < i);
  if (twice) throw new UserError(`${twice}: named twice`);
  const runs = paths.map((path) => {
    const stored = readRun(path);
    const records = stored.folder.readMetrics();
    const last = epochsOf(records).at(-1);
    if (!last) throw new UserError(`${path}: no epoch of the run is complete: there is nothing to compare`);
    return { path, stored, records, last, options: optionsOf(stored) };
  });
  const names = dataNames(runs.map(({ stored }) => stored.config));
  return runs.map((run, i) => ({ ...run, options: new Map([...run.options, ['data', names[i]!]]) }));
}

/** A dataset is its content: the same data get one name, whatever they were called, and other data another name. */
function dataNames(configs: readonly StoredRun['config'][]): string[] {
  // For a folder of images, the checksum of the training images covers only those within the limit.
  const isLimited = new Set(configs.map(({ limit }) => limit)).size > 1;
  const contents = configs.map(({ data, checksums }) => {
    const known = Object.entries(checksums).filter(([name]) => !(isLimited && name === 'train'));
    return known.length > 0 ? JSON.stringify(known.sort()) : data;
  });
  const first = configs.map(({ data }, i) => [contents[i]!, data] as const).reverse();
  const names = new Map(first);
  const isShared = (name: string) => [...names.values()].filter((other) => other === name).length > 1;
  return contents.map((content) => {
    const name = names.get(content)!;
    const digest = createHash('sha256').update(content).digest('hex').slice(0, 8);
    return isShared(name) ? `${name} (${digest})` : name;
  });
}

/** What `config.json` holds in addition to the options of the model. */
const circumstances = new Set([
  'checksums',
  'dataPaths',
  'parameters',
  'adapter',
  'versions',
  'logEvery',
  'imageShape',
]);

function optionsOf({ config, spec }: StoredRun): Map<string, string | number> {
  const { model, data, ...rest } = storedConfig(config, spec);
  return new Map(
    Object.entries({ model, data, ...rest }).flatMap(([name, value]) => {
      if (circumstances.has(name) || typeof value === 'boolean') return [];
      return [[flagOf(name), typeof value === 'number' ? value : String(value ?? 'all')] as const];
    }),
  );
}

/** Names of the options that are not the same in all runs; one that a model does not have differs too. */
export function differing(runs: readonly Pick<ReadRun, 'options'>[]): string[] {
  const names = new Set(runs.flatMap(({ options }) => [...options.keys()]));
  return [...names].filter((name) => new Set(runs.map(({ options }) => options.get(name))).size > 1);
}

/** What tells runs apart: up to three options, otherwise the names of their folders. */
function labelsOf(runs: readonly ReadRun[]): string[] {
  const names = differing(runs);
  const setting = (run: ReadRun, name: string) =>
    name === 'model' ? String(run.options.get(name)) : `${name} ${run.options.get(name) ?? '–'}`;
  const labels = runs.map((run) => names.map((name) => setting(run, name)).join(', '));
  const telling = names.length > 0 && names.length <= 3 && new Set(labels).size === runs.length;
  return telling ? labels : runs.map(({ path }) => basename(resolve(path)));
}

async function openCompared(
  { stored, ...run }: ReadRun,
  label: string,
  device: Device,
  name: string | undefined,
  listener?: LoadingListener,
): Promise<ComparedRun> {
  const opened = openRun(stored, device);
  const { data, notes } = await dataForRun(stored, name, listener);
  for (const note of [notes.train, notes.test]) if (note) listener?.note?.(`${run.path}: ${note}`);
  const subject = subjectOf(opened.model, data);
  // All use the same random numbers, so that only the models differ.
  const pictures = await allPictures(subject, { seed: 0, only: compared });
  const statistics = subject.isVector ? await subject.statistics().catch(() => undefined) : undefined;
  subject.dispose();
  return { ...run, ...opened, label, pictures, activeUnits: statistics?.activeUnits };
}
