import { renameSync } from 'node:fs';

/** Windows reports this while another process, such as a virus scanner, has the file open. It passes by itself. */
const PASSING = new Set(['EPERM', 'EACCES', 'EBUSY']);
const WAITS_MS = [5, 10, 20, 40, 80, 160, 320, 640];

interface Renaming {
  readonly platform?: string;
  readonly rename?: (from: string, to: string) => void;
}

/**
 * Renames a file over another one. POSIX allows that even while the old one is being read. Windows does not, so there it is
 * tried again for a second or so.
 *
 * @throws the system's error if it fails
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
