import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { compile, stage } from '../../tools/build/compile.ts';
import { publishedManifest, root } from '../../tools/build/packages.ts';
import { once } from './once.ts';

/*
 * The packages as they are published, built once for all suites and kept as long as the sources stay as they are. The command
 * starts from them three times as fast as from its sources, and suites start it hundreds of times.
 */

/** What the built packages are made of. */
const SOURCES = ['package-lock.json', 'package.json', 'packages', 'shaders', 'tools/build'];
/** Packages of sources that are no more are not those of a suite that still runs. */
const OLD_MS = 60 * 60_000;

/** Files at or below a path, from the root. */
function filesAt(path: string): string[] {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path), { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules' && name !== 'dist')
    .flatMap(({ name }) => filesAt(`${path}/${name}`));
}

function stateOfSources(): string {
  const hash = createHash('sha256').update(process.version);
  for (const file of SOURCES.flatMap(filesAt).sort())
    hash.update(`${file}\n`).update(readFileSync(join(root, file)));
  return hash.digest('hex').slice(0, 16);
}

let found: Promise<string> | undefined;

/** A folder in whose `node_modules` the packages lie, below that of the checkout, where they find what they depend on. */
export function builtPackages(): Promise<string> {
  found ??= build();
  return found;
}

async function build(): Promise<string> {
  const all = join(root, 'node_modules/.built');
  const folder = join(all, stateOfSources());
  mkdirSync(all, { recursive: true });
  await once(
    `${folder}.lock`,
    () => existsSync(folder),
    async () => {
      for (const name of readdirSync(all)) {
        const other = join(all, name);
        if (Date.now() - statSync(other).mtimeMs > OLD_MS) rmSync(other, { recursive: true, force: true });
      }
      const [work, emitted] = [`${folder}.work`, `${folder}.emitted`];
      rmSync(work, { recursive: true, force: true });
      for (const one of await compile(emitted)) {
        const target = join(work, 'node_modules', one.manifest.name);
        mkdirSync(target, { recursive: true });
        stage(one, target, emitted);
        writeFileSync(join(target, 'package.json'), JSON.stringify(publishedManifest(one)));
      }
      rmSync(emitted, { recursive: true, force: true });
      renameSync(work, folder);
    },
  );
  return folder;
}

/** The command, as it is published. */
export const builtCommand = async (): Promise<string> =>
  join(await builtPackages(), 'node_modules/tapegrad/bin/tapegrad.js');
