import { basename } from 'node:path';
import { UserError } from '../errors.ts';
import type { ImageFile } from './image-files.ts';
import { findPartition, readPartition } from './partition-list.ts';
import { commonFolder, type FolderSplit, folderBelow, lookalikes, splitByFolders } from './split-folders.ts';

/** One half of a folder of images. */
export interface Part {
  readonly files: readonly ImageFile[];
  /** The class of each file, as an index into the sorted names of the classes, or null. */
  readonly labels: readonly number[] | null;
}

export interface Arrangement {
  readonly train: Part;
  readonly test: Part;
  /** How they are divided. */
  readonly by: 'list' | 'folders' | 'nothing';
  /** What a user would not expect. */
  readonly notes: readonly string[];
}

/** If nothing divides the images, the test set's share of them, and the most that it takes. */
const TEST_SHARE = 0.1;
const MOST_TEST_IMAGES = 10_000;
/** Labels are bytes. */
const MOST_CLASSES = 256;

/**
 * Divides a folder's images into a training and a test set, and finds their classes. In this order:
 * - CelebA's `list_eval_partition.txt` (or `.csv`), in the folder or beside it: 0 is training, 2 is test, 1 is left
 *   out;
 * - subfolders such as `train` and `test`, in any spelling that `splitNameOf` knows, in one place or in each of
 *   several;
 * - the last tenth of each class, by name, at most 10,000 images in all and at least one, is the test set.
 *
 * If all images lie in subfolders, 2 to 256, their names are the classes, as in torchvision's `ImageFolder`. Then the
 * classes take turns in the order of the images, so that the first N contain some of each. If a single folder
 * contains all others, its content counts.
 *
 * @param files at least one, sorted by path
 * @param others paths of other files in the folder
 */
export function arrange(
  root: string,
  files: readonly ImageFile[],
  others: readonly string[] = [],
): Arrangement {
  const inner = commonFolder(files);
  const list = findPartition(root, inner);
  const folders = list ? undefined : splitByFolders(inner, files);
  const notes: string[] = [];
  let [train, test]: [Part, Part] = [none, none];
  if (folders) {
    [train, test] = halvesOf(folders, files, notes);
    notes.unshift(...folders.notes);
  } else {
    const all = labelled(files, (file) => folderBelow(inner, file));
    if (list) {
      const partition = readPartition(list, files);
      [train, test] = ['0', '2'].map((wanted) => only(all, (file) => partition(file) === wanted)) as [
        Part,
        Part,
      ];
      const left = files.length - train.files.length - test.files.length;
      if (left > 0) notes.push(`${left} images that ${basename(list)} counts to neither set are left out`);
    } else {
      [train, test] = lastTenth(all);
      notes.push(...lookalikes(inner, files, others));
    }
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
  const by = list ? 'list' : folders ? 'folders' : 'nothing';
  return { train: takingTurns(train), test: takingTurns(test), by, notes };
}

const none: Part = { files: [], labels: null };
const count = (images: number) => (images === 1 ? 'holds one image' : `holds ${images} images`);

// ---------------------------------------------------------------------------------------------------------- classes

type ClassOf = (file: ImageFile) => string | undefined;

/** The sorted names of the classes, of which there must be at least two, with every image in one; otherwise none. */
function classesOf(files: readonly ImageFile[], classOf: ClassOf): string[] {
  const names = new Set(files.map(classOf));
  if (names.has(undefined) || names.size < 2 || names.size > MOST_CLASSES) return [];
  return ([...names] as string[]).sort();
}

/** Images with their labels, if each of them has a class. */
function labelled(
  files: readonly ImageFile[],
  classOf: ClassOf,
  classes: readonly string[] = classesOf(files, classOf),
): Part {
  const index = new Map(classes.map((name, i) => [name, i]));
  const labels = files.map((file) => index.get(classOf(file) ?? ''));
  return { files, labels: labels.includes(undefined) ? null : (labels as number[]) };
}

/** The images in the folders of each half. Their classes are the folders below, or above if each half has several. */
function halvesOf(
  { train, test, parents }: FolderSplit,
  files: readonly ImageFile[],
  notes: string[],
): [Part, Part] {
  const under = (prefixes: readonly string[]) => {
    const known = new Set(prefixes);
    const depths = new Set(prefixes.map((prefix) => prefix.split('/').length - 1));
    return files.filter(({ path }) => {
      const parts = path.split('/');
      return [...depths].some((depth) => known.has(`${parts.slice(0, depth).join('/')}/`));
    });
  };
  const [trainFiles, testFiles] = [under(train), under(test)];
  if (parents.length > 1) {
    const depth = parents[0]!.split('/').length - 1;
    const parentOf: ClassOf = ({ path }) => path.split('/').slice(0, depth).join('/');
    return [labelled(trainFiles, parentOf), labelled(testFiles, parentOf, classesOf(trainFiles, parentOf))];
  }
  const below =
    (prefixes: readonly string[]): ClassOf =>
    (file) => {
      const prefix = prefixes.find((one) => file.path.startsWith(one));
      return prefix === undefined ? undefined : folderBelow(prefix, file);
    };
  const deepest = (prefix: string) => commonFolder(files.filter(({ path }) => path.startsWith(prefix)));
  // `train/images/cat`, or `train/train/cat` beside `test/test/cat`.
  const insides = train.map(deepest);
  const suffixes = new Set(insides.map((inside, i) => inside.slice(train[i]!.length)));
  const classes = classesOf(trainFiles, below(insides));
  const first = labelled(trainFiles, below(insides), classes);
  if (!first.labels) return [first, { files: testFiles, labels: null }];
  const places = [
    ...(suffixes.size === 1 ? [test.map((prefix) => `${prefix}${[...suffixes][0]}`)] : []),
    test.map(deepest),
    test,
  ];
  const parts = places.map((place) => labelled(testFiles, below(place), classes));
  const second = parts.find(({ labels }) => labels !== null);
  if (second) return [first, second];
  const name = testFiles.map(below(test)).find((folder) => folder !== undefined && !classes.includes(folder));
  if (name !== undefined)
    notes.push(`the test set has no classes: its ${name} is none of the training set's`);
  return [first, { files: testFiles, labels: null }];
}

// ------------------------------------------------------------------------------------------------------ without folders

function only({ files, labels }: Part, wanted: (file: ImageFile, index: number) => boolean): Part {
  return {
    files: files.filter(wanted),
    labels: labels ? labels.filter((_, i) => wanted(files[i]!, i)) : null,
  };
}

/** Indices of each class's files, in order; of all files if there are no classes. */
function byClass({ files, labels }: Part): number[][] {
  const groups = new Map<number, number[]>();
  for (const i of files.keys()) {
    const label = labels?.[i] ?? 0;
    if (!groups.has(label)) groups.set(label, []);
    groups.get(label)!.push(i);
  }
  return [...groups.values()];
}

/** The last tenth of each class, exact in total: fractions are carried over to the next class. */
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
