import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import type { Dataset, Split } from './dataset.ts';
import { readIdx } from './idx.ts';

/** The usual names of the four files, and the rank of what each holds. */
export const idxFiles = {
  'train-images-idx3-ubyte': 3,
  'train-labels-idx1-ubyte': 1,
  't10k-images-idx3-ubyte': 3,
  't10k-labels-idx1-ubyte': 1,
} as const;

type IdxName = keyof typeof idxFiles;

/** A dataset's IDX files. */
export interface IdxSet {
  /** The folder that contains them; if an archive put each into a folder of its own, the one above. */
  readonly folder: string;
  /** What all their names begin with, such as `emnist-letters`; usually nothing. */
  readonly prefix: string;
  readonly files: Readonly<Partial<Record<IdxName, string>>>;
}

/** How deep below the named folder files may be, as in `data/MNIST/raw`. */
const DEEPEST = 4;

/**
 * The datasets of IDX files in a folder and its subfolders. Files are recognized by their names, in such spellings as
 * `train-images-idx3-ubyte`, `train-images.idx3-ubyte.gz`, `emnist-letters-test-labels-idx1-ubyte`.
 */
export function findIdxSets(root: string): IdxSet[] {
  const sets = new Map<string, { folder: string; prefix: string; files: Partial<Record<IdxName, Found>> }>();
  const visit = (folder: string, home: string, depth: number): void => {
    for (const entry of entriesOf(folder)) {
      if (entry.name.startsWith('.')) continue;
      const path = join(folder, entry.name);
      const meaning = meaningOf(entry.name);
      const kind = kindOf(entry, path);
      if (kind === 'folder' && depth < DEEPEST) visit(path, meaning ? home : path, depth + 1);
      if (kind !== 'file' || !meaning) continue;
      const key = JSON.stringify([home, meaning.prefix]);
      const set = sets.get(key) ?? { folder: home, prefix: meaning.prefix, files: {} };
      const found = { path, cost: 10 * depth + meaning.cost };
      const known = set.files[meaning.name];
      if (!known || found.cost < known.cost) set.files[meaning.name] = found;
      sets.set(key, set);
    }
  };
  visit(root, root, 0);
  return [...sets.values()].map(({ folder, prefix, files }) => ({
    folder,
    prefix,
    files: Object.fromEntries(Object.entries(files).map(([name, { path }]) => [name, path])),
  }));
}

/** A file; if several mean the same, the cheapest one is read. */
interface Found {
  readonly path: string;
  readonly cost: number;
}

const NAME =
  /^(?:(.*?)[-_. ]+)?(train|training|t10k|test|testing)[-_. ]*(images|labels)[-_. ]*(?:(idx)([13])?)?[-_. ]*(ubyte)?(?:\.idx|\.bin|\.dat)?(\.gz)?$/i;

/**
 * Which of the four files a name means, if any. The usual name comes before the one with a dot, plain before gzipped.
 */
function meaningOf(name: string): { name: IdxName; prefix: string; cost: number } | undefined {
  const match = NAME.exec(name.replace(/ ?\(\d+\)/, '')); // `… (1).gz`, as browsers name a file that exists already
  if (!match) return undefined;
  const [, prefix = '', half, what, idx, rank, ubyte, gzipped] = match;
  if (!idx && !ubyte) return undefined;
  const images = what!.toLowerCase() === 'images';
  if (rank && (rank === '3') !== images) return undefined;
  const part = half!.toLowerCase().startsWith('train') ? 'train' : 't10k';
  const usual = `${part}-${images ? 'images-idx3' : 'labels-idx1'}-ubyte` as const;
  const spelled = name.slice(prefix === '' ? 0 : prefix.length + 1).replace(/\.gz$/, '');
  const cost = (spelled === usual ? 0 : spelled === dotted(usual) ? 2 : 4) + (gzipped ? 1 : 0);
  return { name: usual, prefix, cost };
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return []; // reading the folder's images will say why
  }
}

/** A link counts as the file or folder that it leads to. */
function kindOf(entry: Dirent, path: string): 'file' | 'folder' | undefined {
  try {
    const stats = entry.isSymbolicLink() ? statSync(path) : entry;
    return stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : undefined;
  } catch {
    return undefined; // a link that leads nowhere
  }
}

/**
 * The dataset of IDX files in a folder, or undefined if there is none. `FOLDER/PREFIX` names one of several in a
 * folder, such as `gzip/emnist-letters`.
 *
 * @throws UserError if there are several
 */
export function idxSetOf(nameOrDir: string): IdxSet | undefined {
  if (!existsSync(nameOrDir)) {
    const wanted = basename(nameOrDir).toLowerCase();
    const parent = dirname(nameOrDir);
    return existsSync(parent)
      ? findIdxSets(parent).find(
          ({ folder, prefix }) => folder === parent && prefix.toLowerCase() === wanted && prefix !== '',
        )
      : undefined;
  }
  const sets = findIdxSets(nameOrDir);
  const whole = sets.filter(
    ({ files }) => files['train-images-idx3-ubyte'] && files['t10k-images-idx3-ubyte'],
  );
  // The folder's own files come before those of subfolders, and the usual names before others.
  const own = whole.filter(({ folder }) => folder === nameOrDir);
  const plain = own.filter(({ prefix }) => prefix === '');
  const [candidates = []] = [plain, own, whole, merged(sets), sets].filter(({ length }) => length > 0);
  if (candidates.length < 2 || whole.length === 0) return candidates[0];
  const names = candidates.map(({ folder, prefix }) => join(folder, prefix));
  throw new UserError(
    `--data ${nameOrDir}: holds ${names.length} datasets of IDX files: name one of them, as ${names.slice(0, 6).join(', ')}` +
      `${names.length > 6 ? ' …' : ''}`,
  );
}

/** Combines halves in folders of their own into one dataset, if that makes it complete. */
function merged(sets: readonly IdxSet[]): IdxSet[] {
  const [first] = sets;
  const names = sets.flatMap(({ files }) => Object.keys(files));
  const fit = sets.every(({ prefix }) => prefix === first?.prefix) && new Set(names).size === names.length;
  return first && fit ? [{ ...first, files: Object.assign({}, ...sets.map(({ files }) => files)) }] : [];
}

interface IdxFolderOptions {
  /** Checksums that the files must have; if given, all of these files must exist. */
  readonly known?: Readonly<Record<string, string>>;
  readonly note?: (message: string) => void;
}

/** Reads a dataset's IDX files. The label files may be absent. */
export function loadIdxSet(
  { folder, prefix, files }: IdxSet,
  name: string,
  { known = {}, note = () => {} }: IdxFolderOptions = {},
): Dataset {
  const checksums: Record<string, string> = {};
  const read = (usualName: IdxName) => {
    const path = files[usualName];
    const rank = idxFiles[usualName];
    if (!path) {
      if (rank === 1 && !known[usualName]) return null;
      const missing = prefix ? `${prefix}-${usualName}` : usualName;
      throw new UserError(
        `${folder}: holds no ${missing} (nor ${dotted(missing)}, nor either with .gz): expected the four IDX ` +
          'files of a dataset such as MNIST',
      );
    }
    const file = readIdx(path, { rank, checksum: known[usualName] });
    checksums[usualName] = file.sha256;
    return { path, ...file };
  };

  const readSplit = (part: 'train' | 't10k'): Split & { path: string; height: number; width: number } => {
    const images = read(`${part}-images-idx3-ubyte`)!;
    const [count, height, width] = images.shape as [number, number, number];
    if (count * height * width === 0) {
      throw new UserError(`${images.path}: holds no images: its header says ${images.shape.join('x')}`);
    }
    const labels = read(`${part}-labels-idx1-ubyte`);
    if (labels && labels.shape[0] !== count) {
      throw new UserError(
        `${labels.path}: ${labels.shape[0]} labels, but ${images.path} holds ${count} images`,
      );
    }
    return { images: images.data, count, labels: labels?.data ?? null, path: images.path, height, width };
  };

  const train = readSplit('train');
  const test = readSplit('t10k');
  if (train.height !== test.height || train.width !== test.width) {
    throw new UserError(
      `${test.path}: images of ${test.height}x${test.width}, but those in ${train.path} are ` +
        `${train.height}x${train.width}`,
    );
  }
  if (/^emnist/i.test(prefix))
    note(
      `${prefix}: EMNIST's files hold their images with rows and columns swapped; they are used as they lie, as in ` +
        'torchvision, so letters lie on their side',
    );
  const split = ({ images, count, labels }: Split): Split => ({ images, count, labels });
  return { name, shape: [1, train.height, train.width], train: split(train), test: split(test), checksums };
}

/** The name of a set: its prefix if that selected it from others, otherwise the folder that was named. */
export const nameOfSet = ({ prefix }: IdxSet, nameOrDir: string): string =>
  existsSync(nameOrDir) ? basename(resolve(nameOrDir)) : prefix;

/** The name with a dot, which some archives use. */
const dotted = (usualName: string): string => usualName.replace('-idx', '.idx');
