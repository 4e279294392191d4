import { mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf } from './errors.ts';

/** Why nothing can be created in a folder, or undefined if it is possible: permissions alone do not tell, as in /proc. */
export function whyNothingFits(folder: string): string | undefined {
  try {
    rmdirSync(mkdtempSync(join(folder, '.tapegrad-')));
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? `nothing can be made in ${folder}` : reasonOf(error);
  }
}
