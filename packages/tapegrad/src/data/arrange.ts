import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { attempt, UserError } from '../errors.ts';
import { linesOf, readText } from '../text.ts';
import type { ImageFile } from './image-files.ts';

/** One half of a folder of images. */
export interface Part {
  readonly files: readonly ImageFile[];
  /** The class of each file, as an index into the sorted names of the classes, or null. */
  readonly labels: readonly number[] | null;
}

export interface Arrangement {
  readonly train: Part;
  readonly test: Part;
  /** What a user would not expect. */
  readonly notes: readonly string[];
}

/** Of images that nothing divides, this share is the test set, up to so many. */
const TEST_SHARE = 0.1;
const MOST_TEST_IMAGES = 10_000;
/** Labels are bytes. */
const MOST_CLASSES = 256;

const TEST_FOLDERS = ['test', 'val', 'valid', 'validation'];

/**
 * Divides a folder's images into a training and a test set, and finds their classes. In this order:
 * - CelebA's `list_eval_partition.txt` (or `.csv`), in the folder or beside it: 0 is training, 2 is test, 1 is left out;
 * - subfolders `train` and `test` (or else `val`, `valid`, `validation`);
 * - the last tenth of each class, by name, at most 10,000 images in all and one at least, is the test set.
 *
 * If all images lie in subfolders, 2 to 256, their names are the classes, as in torchvision's `ImageFolder`. Then
 * the classes take turns in the order of the images, so that the first N hold some of each. A single folder in which
 * all others lie stands for what it holds.
 *
 * @param files at least one, sorted by path
 */
export function arrange(root: string, files: readonly ImageFile[]): Arrangement {
  const inner = commonFolder(files);
  const list = findPartition(root, inner);
  const folders = list ? undefined : halves(inner, files);
  const notes: string[] = [];
  let [train, test]: [Part, Part] = [none, none];
  if (folders) {
    const classes = classesOf(folders.train, files);
    train = labelled(under(files, folders.train), folders.train, classes);
    test = labelled(under(files, folders.test), folders.test, classes);
    const left = files.length - train.files.length - test.files.length;
    if (left > 0) notes.push(`${left} images outside ${folders.train} and ${folders.test} are left out`);
  } else {
    const all = labelled(files, inner, classesOf(inner, files));
    if (list) {
      const partition = readPartition(list, files);
      [train, test] = ['0', '2'].map((wanted) => only(all, (file) => partition(file) === wanted)) as [
        Part,
        Part,
      ];
      const left = files.length - train.files.length - test.files.length;
      if (left > 0) notes.push(`${left} images that ${basename(list)} counts to neither set are left out`);
    } else [train, test] = lastTenth(all);
  }
  for (const [part, what] of [
    [train, 'training'],
    [test, 'test'],
  ] as const) {
    if (part.files.length === 0)
      throw new UserError(
        `${root}: ${count(files.length)}, but none of them for ${what}${list ? ` by ${list}` : ''}`,
      );
  }
  return { train: takingTurns(train), test: takingTurns(test), notes };
}

const none: Part = { files: [], labels: null };
const count = (images: number) => (images === 1 ? 'holds one image' : `holds ${images} images`);

// --------------------------------------------------------------------------------------------------------- folders

/** The deepest folder, as a prefix that ends in a slash, in which all images lie; '' is the dataset's own. */
function commonFolder(files: readonly ImageFile[]): string {
  const first = files[0]!.path.split('/').slice(0, -1);
  const shared = first.findIndex((_, i) => {
    const prefix = `${first.slice(0, i + 1).join('/')}/`;
    return files.some(({ path }) => !path.startsWith(prefix));
  });
  const depth = shared < 0 ? first.length : shared;
  return depth === 0 ? '' : `${first.slice(0, depth).join('/')}/`;
}

const under = (files: readonly ImageFile[], prefix: string) =>
  files.filter(({ path }) => path.startsWith(prefix));

/** The first part of the path below a prefix, or undefined for an image that lies in the folder itself. */
function folderBelow(prefix: string, { path }: ImageFile): string | undefined {
  const rest = path.slice(prefix.length);
  const slash = rest.indexOf('/');
  return slash < 0 ? undefined : rest.slice(0, slash);
}

/** The prefixes of a training and a test folder, where there are both. */
function halves(inner: string, files: readonly ImageFile[]): { train: string; test: string } | undefined {
  const names = [...new Set(files.map((file) => folderBelow(inner, file)))].filter(
    (name) => name !== undefined,
  );
  const find = (wanted: string) => names.find((name) => name.toLowerCase() === wanted);
  const train = find('train');
  const test = TEST_FOLDERS.map(find).find((name) => name !== undefined);
  return train && test ? { train: `${inner}${train}/`, test: `${inner}${test}/` } : undefined;
}

/** The sorted names of the classes below a prefix, none where not all images lie in one of two folders or more. */
function classesOf(prefix: string, files: readonly ImageFile[]): string[] {
  const names = new Set(under(files, prefix).map((file) => folderBelow(prefix, file)));
  if (names.has(undefined) || names.size < 2 || names.size > MOST_CLASSES) return [];
  return ([...names] as string[]).sort();
}

/** Without labels unless each image lies in the folder of a class. */
function labelled(files: readonly ImageFile[], prefix: string, classes: readonly string[]): Part {
  const index = new Map(classes.map((name, i) => [name, i]));
  const labels = files.map((file) => index.get(folderBelow(prefix, file) ?? ''));
  return { files, labels: labels.includes(undefined) ? null : (labels as number[]) };
}

// --------------------------------------------------------------------------------------------------------- division

function only({ files, labels }: Part, wanted: (file: ImageFile, index: number) => boolean): Part {
  return {
    files: files.filter(wanted),
    labels: labels ? labels.filter((_, i) => wanted(files[i]!, i)) : null,
  };
}

/** Indices of the files of each class, in order; of all of them where there are no classes. */
function byClass({ files, labels }: Part): number[][] {
  const groups = new Map<number, number[]>();
  for (const i of files.keys()) {
    const label = labels?.[i] ?? 0;
    if (!groups.has(label)) groups.set(label, []);
    groups.get(label)!.push(i);
  }
  return [...groups.values()];
}

/** As many of each class as its size demands, to the image: what one class owes in fractions, the next one pays. */
function lastTenth(all: Part): [train: Part, test: Part] {
  const total = all.files.length;
  const quota = Math.min(Math.max(1, Math.floor(total * TEST_SHARE)), MOST_TEST_IMAGES, total - 1);
  const test = new Set<number>();
  let before = 0;
  for (const group of byClass(all)) {
    const upTo = Math.floor(((before + group.length) * quota) / total);
    const own = upTo - Math.floor((before * quota) / total);
    for (const index of group.slice(group.length - own)) test.add(index);
    before += group.length;
  }
  return [only(all, (_, i) => !test.has(i)), only(all, (_, i) => test.has(i))];
}

/** The first of each class, the second of each class … */
function takingTurns(part: Part): Part {
  if (!part.labels) return part;
  const turns = byClass(part).flatMap((group) => group.map((index, turn) => ({ index, turn })));
  turns.sort((a, b) => a.turn - b.turn || part.labels![a.index]! - part.labels![b.index]!);
  return {
    files: turns.map(({ index }) => part.files[index]!),
    labels: turns.map(({ index }) => part.labels![index]!),
  };
}

// ------------------------------------------------------------------------------------------------- CelebA's division

function findPartition(root: string, inner: string): string | undefined {
  return [join(root, inner), root, dirname(resolve(root))]
    .flatMap((folder) => ['txt', 'csv'].map((end) => join(folder, `list_eval_partition.${end}`)))
    .find((path) => existsSync(path));
}

/** Lines of a file's name and 0, 1 or 2, parted by blanks or a comma; a first line of headings may be there. */
function readPartition(path: string, files: readonly ImageFile[]): (file: ImageFile) => string {
  const partitions = new Map<string, string>();
  const lines = linesOf(attempt(`${path}: cannot read it`, () => readText(path)));
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const [, name, partition] = /^(.+?)[\s,]+([012])\s*$/.exec(line) ?? [];
    if (name) partitions.set(name, partition!);
    else if (i > 0)
      throw new UserError(
        `${path}: line ${i + 1} is not a file's name and 0, 1 or 2: '${line.slice(0, 60)}'`,
      );
  }
  const unknown = files.filter((file) => !partitions.has(basename(file.path)));
  if (unknown.length > 0)
    throw new UserError(
      `${path}: does not name ${unknown[0]!.path}${unknown.length > 1 ? ` and ${unknown.length - 1} more images` : ''}; ` +
        'add them to the list, or move it away',
    );
  return (file) => partitions.get(basename(file.path))!;
}
