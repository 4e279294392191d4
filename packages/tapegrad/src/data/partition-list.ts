import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { attempt, UserError } from '../errors.ts';
import { linesOf, readText } from '../text.ts';
import type { ImageFile } from './image-files.ts';

/** CelebA's `list_eval_partition.txt` (or Kaggle's `.csv`) in a dataset's folder, deep in it or beside it. */
export function findPartition(root: string, inner: string): string | undefined {
  return [join(root, inner), root, dirname(resolve(root))]
    .flatMap((folder) => ['txt', 'csv'].map((end) => join(folder, `list_eval_partition.${end}`)))
    .find((path) => existsSync(path));
}

/**
 * Reads lines of a file's name (in quotes, as some programs write CSV, or not) and 0, 1 or 2, separated by blanks or a
 * comma; the first line may have headings.
 */
export function readPartition(path: string, files: readonly ImageFile[]): (file: ImageFile) => string {
  const partitions = new Map<string, string>();
  const lines = linesOf(attempt(`${path}: cannot read it`, () => readText(path)));
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const [, name, partition] = /^\s*"?(.+?)"?[\s,]+"?([012])"?\s*$/.exec(line) ?? [];
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
