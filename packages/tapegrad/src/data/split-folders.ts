import type { ImageFile } from './image-files.ts';
import { halvesOf, type SplitName, splitNameOf } from './split-names.ts';

/** Folders whose names divide the images. */
export interface FolderSplit {
  /** The folders of each half, as prefixes that end in a slash. */
  readonly train: readonly string[];
  readonly test: readonly string[];
  /** The folders that contain these, as prefixes too: one, or one for each class. */
  readonly parents: readonly string[];
  /** What a user would not expect. */
  readonly notes: readonly string[];
}

/** How deep the folders of the halves may be. */
const DEEPEST = 4;
/** Names so common that they need no note. */
const PLAIN = /^(train|test|val|valid|validation)$/i;

/** The deepest folder that contains all images, as a prefix that ends in a slash; '' is the dataset's own. */
export function commonFolder(files: readonly ImageFile[]): string {
  const first = files[0]!.path.split('/').slice(0, -1);
  const shared = first.findIndex((_, i) => {
    const prefix = `${first.slice(0, i + 1).join('/')}/`;
    return files.some(({ path }) => !path.startsWith(prefix));
  });
  const depth = shared < 0 ? first.length : shared;
  return depth === 0 ? '' : `${first.slice(0, depth).join('/')}/`;
}

/** The first part of the path below a prefix, or undefined for an image in the folder itself. */
export function folderBelow(prefix: string, { path }: ImageFile): string | undefined {
  const rest = path.slice(prefix.length);
  const slash = rest.indexOf('/');
  return slash < 0 ? undefined : rest.slice(0, slash);
}

/**
 * Finds the folders that are a training and a test set: side by side in `inner`, or in each of several folders below
 * (`bottle/train`, `bottle/test`, `cable/train` …), as long as these contain most of the images. Undefined if there are
 * none.
 */
export function splitByFolders(inner: string, files: readonly ImageFile[]): FolderSplit | undefined {
  for (let depth = 0; depth <= DEEPEST; depth++) {
    const found: { parent: string; train: readonly string[]; test: readonly string[] }[] = [];
    let covered = 0;
    const folders = foldersAt(inner, files, depth);
    if (folders.size === 0) return undefined;
    for (const [parent, children] of folders) {
      const halves = halvesOf([...children.keys()]);
      if (!halves) continue;
      found.push({ parent, ...halves });
      for (const images of children.values()) covered += images;
    }
    if (found.length === 0) continue;
    if (depth > 0 && 2 * covered <= files.length) return undefined;
    const prefixes = (half: 'train' | 'test') =>
      found.flatMap((one) => one[half].map((name) => `${one.parent}${name}/`));
    const [train, test] = [prefixes('train'), prefixes('test')];
    const notes: string[] = [];
    const names = (half: 'train' | 'test') => [...new Set(found.flatMap((one) => one[half]))];
    if (![...names('train'), ...names('test')].every((name) => PLAIN.test(name)) || found.length > 1) {
      const where = found.length > 1 ? ` in each of ${found.length} folders` : '';
      notes.push(
        `the training set is ${listed(names('train'))}, the test set ${listed(names('test'))}${where}`,
      );
    }
    const chosen = new Set([...train, ...test]);
    const left = files.filter(({ path }) => !chosen.has(prefixAt(inner, path, depth + 1)));
    if (left.length > 0) {
      const outside = found.length > 1 ? 'these' : listed([...train, ...test]);
      notes.push(`${left.length} images outside ${outside} are left out, such as ${left[0]!.path}`);
    }
    return { train, test, parents: found.map(({ parent }) => parent), notes };
  }
  return undefined;
}

/** The folders this many levels below `inner`, and how many images each folder in them contains. */
function foldersAt(
  inner: string,
  files: readonly ImageFile[],
  depth: number,
): Map<string, Map<string, number>> {
  const folders = new Map<string, Map<string, number>>();
  for (const file of files) {
    const parent = prefixAt(inner, file.path, depth);
    const child = folderBelow(parent, file);
    if (child === undefined) continue;
    const children = folders.get(parent) ?? new Map<string, number>();
    children.set(child, (children.get(child) ?? 0) + 1);
    folders.set(parent, children);
  }
  return folders;
}

/** `inner` and up to this many folders of the path below it. */
function prefixAt(inner: string, path: string, depth: number): string {
  let end = inner.length;
  for (let i = 0; i < depth; i++) {
    const slash = path.indexOf('/', end);
    if (slash < 0) break;
    end = slash + 1;
  }
  return path.slice(0, end);
}

const listed = (names: readonly string[]): string =>
  names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : names[0]!;

// ------------------------------------------------------------------------------------------ what only looks like a split

/** Notes about folders, lists and file names that look like halves of a dataset but do not divide it. */
export function lookalikes(inner: string, files: readonly ImageFile[], others: readonly string[]): string[] {
  const folders = new Set<string>();
  for (let depth = 0; depth <= DEEPEST; depth++)
    for (const [parent, children] of foldersAt(inner, files, depth))
      for (const name of children.keys()) if (splitNameOf(name)) folders.add(`${parent}${name}/`);
  if (folders.size > 0) {
    const some = [...folders].slice(0, 3);
    const more = folders.size > some.length ? ` and ${folders.size - some.length} more` : '';
    return [
      `${some.join(', ')}${more}: looks like a part of a split, but no other part is beside it (train and test, say), so ` +
        'it is a folder as any other, and the test set is the last tenth of all images',
    ];
  }
  const lists = others.filter((path) => LIST.test(path) && splitNameOf(stemOf(path)));
  if (lists.some(means('train')) && lists.some(means('test')))
    return [
      `${lists.slice(0, 3).join(', ')}: lists of a split are not read (but CelebA's is); the test set is the last tenth of ` +
        'all images',
    ];
  const paths = files.map(({ path }) => path);
  if (
    paths.some(means('train')) &&
    paths.some(means('test')) &&
    paths.every((path) => splitNameOf(stemOf(path)))
  )
    return [
      `${paths.find(means('train'))}, ${paths.find(means('test'))}: names of files make no split, only folders do; the test ` +
        'set is the last tenth of all images',
    ];
  return [];
}

const LIST = /\.(txt|csv|tsv|json|lst|list|ya?ml|mat)$/i;

/** The file's name without its ending. */
const stemOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '');

const means = (half: SplitName['half']) => (path: string) => {
  const meaning = splitNameOf(stemOf(path));
  return meaning === 'both' || meaning?.half === half;
};
