import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, lstatSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeFolder, renameOver } from '@tapegrad/node';
import { attempt, quietly } from '../errors.ts';

/**
 * Writes a file under another name, and renames it once it is complete on the disk. Makes its folder.
 *
 * @param alone whether no other process writes the same file: then the other name is always the same, and the remains of a
 *   crash are overwritten next time
 */
export function writeWhole(path: string, content: Uint8Array | string, { alone = false } = {}): void {
  const own = alone ? '' : `${process.pid}-${randomUUID().slice(0, 8)}.`;
  const temporary = join(dirname(path), `.${basename(path)}.${own}tmp`);
  attempt(`${path}: cannot write it`, () => {
    makeFolder(dirname(path));
    try {
      const file = openSync(temporary, 'w');
      try {
        writeFileSync(file, content);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameOver(temporary, path);
    } catch (error) {
      quietly(() => rmSync(temporary, { force: true }));
      throw error;
    }
  });
}

/** How `writeWhole` names a file before it is complete. */
const TEMPORARY = /^\..*\.(\d+-[0-9a-f]{8}\.)?tmp$/;
const HOUR = 3_600_000;

/** Removes the remains of crashes from a run's folder, but nothing that another process may be writing. */
export function removeLeftovers(folder: string): void {
  for (const path of [folder, join(folder, 'images'), join(folder, 'export')])
    quietly(() => {
      for (const name of readdirSync(path)) {
        const file = join(path, name);
        const stats = lstatSync(file);
        if (TEMPORARY.test(name) && stats.isFile() && Date.now() - stats.mtimeMs > HOUR)
          quietly(() => rmSync(file, { force: true }));
      }
    });
}
