import { renameSync } from 'node:fs';

/** What Windows says while another process, a virus scanner for one, has the file open. It passes by itself. */
const PASSING = new Set(['EPERM', 'EACCES', 'EBUSY']);
const WAITS_MS = [5, 10, 20, 40, 80, 160, 320, 640];

interface Renaming {
  readonly platform?: string;
  readonly rename?: (from: string, to: string) => void;
}

/**
 * Renames a file over another one. POSIX does that whoever reads the old one; Windows refuses it at such a moment, so
 * there it is tried again for a second or so.
 *
 * @throws what the system says when it cannot
 */
export function renameOver(
  from: string,
  to: string,
  { platform = process.platform, rename = renameSync }: Renaming = {},
): void {
  for (const wait of platform === 'win32' ? WAITS_MS : []) {
    try {
      rename(from, to);
      return;
    } catch (error) {
      if (!PASSING.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wait);
    }
  }
  rename(from, to);
}
