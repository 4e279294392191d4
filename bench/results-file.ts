import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { renameOver } from '@tapegrad/node';
import { UserError } from 'tapegrad/node';
import { checkResults, type Results } from './results.ts';

/** @throws UserError of one line if the file is no result of this suite */
export function readResults(path: string): Results {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const why =
      error instanceof SyntaxError
        ? 'is not JSON, or not whole'
        : `cannot be read: ${(error as Error).message}`;
    throw new UserError(`--compare ${path}: ${why}; name a file that --json wrote`);
  }
  try {
    return checkResults(content);
  } catch (error) {
    throw new UserError(`--compare ${path}: ${(error as Error).message}`);
  }
}

/** Writes under another name and renames: a crash leaves the old file or the new one. */
export function writeAtomically(path: string, content: string): void {
  const temporary = `${path}.tmp-${process.pid}`;
  try {
    writeFileSync(temporary, content);
    renameOver(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new UserError(`${path}: cannot be written: ${(error as Error).message}`);
  }
}
