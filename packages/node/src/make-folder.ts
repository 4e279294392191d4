import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/**
 * Makes a folder and the missing ones above it. (Node's own function never returns on a file system such as /proc, which
 * answers that there is no such place: it keeps trying to make the folder above.)
 *
 * @returns the first that was made, or undefined
 */
export function makeFolder(path: string): string | undefined {
  if (isFolder(path)) return undefined;
  const above = dirname(path);
  const first = above === path ? undefined : makeFolder(above);
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && isFolder(path)) return first; // another process was faster
    if (code === 'ENOENT') throw new Error(`nothing can be made in ${above}`, { cause: error });
    throw error;
  }
  return first ?? path;
}
