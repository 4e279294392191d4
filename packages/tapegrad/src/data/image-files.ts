import { readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { attempt } from '../errors.ts';

/** A file that should be an image. */
export interface ImageFile {
  /** Below the dataset's folder, with slashes. */
  readonly path: string;
  /** Bytes, and milliseconds since 1970; −1 if the system does not say, as for a link that leads nowhere. */
  readonly size: number;
  readonly modified: number;
}

export interface Listing {
  /** Sorted by the code units of their paths, which is the same on every system. */
  readonly images: readonly ImageFile[];
  /** Names of files that are not images, as examples for an error. */
  readonly others: readonly string[];
}

/** Folders that archives and storage systems add to a dataset: forks, thumbnails, deleted files. */
const SYSTEMS = new Set([
  '__MACOSX',
  '@eaDir',
  '#recycle',
  '$RECYCLE.BIN',
  'System Volume Information',
  'lost+found',
]);

const IMAGE = /\.(jpe?g|png)$/i;

/**
 * The images (by their names) of a folder and its subfolders. Links are followed, but not in circles; names that
 * begin with a dot, and some others that systems use, are left out.
 */
export function listImages(root: string): Listing {
  const images: ImageFile[] = [];
  const others: string[] = [];
  const visit = (below: string, ancestors: readonly string[]): void => {
    const folder = join(root, below);
    const real = attempt(`${folder}: cannot read it`, () => realpathSync(folder));
    if (ancestors.includes(real)) return;
    for (const name of attempt(`${folder}: cannot read it`, () => readdirSync(folder))) {
      if (name.startsWith('.') || SYSTEMS.has(name)) continue;
      const path = below === '' ? name : `${below}/${name}`;
      const stats = statsOf(join(root, path));
      if (stats?.isDirectory()) visit(path, [...ancestors, real]);
      else if (!IMAGE.test(name)) others.push(path);
      else if (!stats || stats.isFile())
        images.push({ path, size: stats?.size ?? -1, modified: stats?.mtimeMs ?? -1 });
    }
  };
  visit('', []);
  images.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { images, others };
}

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined; // reading it will say why
  }
}
