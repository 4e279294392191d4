import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm, root } from './packed.ts';

/** Where other runtimes than this process's lie once they are installed. */
export interface Runtimes {
  readonly nodeModules: string;
  readonly deno: string;
}

/** The runtimes of `test/runtimes` are for this system only. */
export const runtimesAreForThisSystem = process.platform === 'linux' && process.arch === 'x64';

/** An installation that did not come to its end leaves its lock behind. */
const STALE_MS = 15 * 60_000;

/** Installs the runtimes once; they are too big for `npm ci` to bring. A suite that comes second waits for the first. */
export async function installRuntimes(): Promise<Runtimes> {
  const folder = join(root, 'test/runtimes');
  const nodeModules = join(folder, 'node_modules');
  const marker = join(nodeModules, '.installed');
  const wanted = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  const isThere = () => existsSync(marker) && readFileSync(marker, 'utf8') === wanted;
  const lock = join(root, 'node_modules/.installing-runtimes');
  while (!isThere()) {
    if (!take(lock)) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      continue;
    }
    try {
      if (isThere()) break;
      await npm(['ci', '--silent', '--ignore-scripts'], folder);
      writeFileSync(marker, wanted);
    } finally {
      rmdirSync(lock);
    }
  }
  return { nodeModules, deno: join(nodeModules, '@deno/linux-x64-glibc/deno') };
}

function take(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > STALE_MS) rmdirSync(lock);
    return false;
  }
}
