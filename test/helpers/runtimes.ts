import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from './once.ts';
import { npm, root } from './packed.ts';

/** Where other runtimes than this process's lie once they are installed. */
export interface Runtimes {
  readonly nodeModules: string;
  readonly deno: string;
}

/** The runtimes of `test/runtimes` are for this system only. */
export const runtimesAreForThisSystem = process.platform === 'linux' && process.arch === 'x64';

/** Installs the runtimes once; they are too big for `npm ci` to bring. */
export async function installRuntimes(): Promise<Runtimes> {
  const folder = join(root, 'test/runtimes');
  const nodeModules = join(folder, 'node_modules');
  const marker = join(nodeModules, '.installed');
  const wanted = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  const isThere = () => existsSync(marker) && readFileSync(marker, 'utf8') === wanted;
  await once(join(root, 'node_modules/.installing-runtimes'), isThere, async () => {
    await npm(['ci', '--silent', '--ignore-scripts'], folder);
    writeFileSync(marker, wanted);
  });
  return { nodeModules, deno: join(nodeModules, '@deno/linux-x64-glibc/deno') };
}
