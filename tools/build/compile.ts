import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AMBIENT, ambientModule, ambientNames, publishedDeclaration } from './declarations.ts';
import { type Package, packages, published, root } from './packages.ts';

/**
 * WGSL without comments and spaces that nothing needs: those beside a bracket, a comma, a colon or a semicolon, and those between
 * a word and an operator, but not those that keep two operators apart, or a word and what a template puts there. Lines that begin
 * with `//%` are the templates' own.
 */
const shortened = (wgsl: string): string =>
  wgsl
    .replace(/\/\/(?!%).*$/gm, '')
    .replace(/^\s+|[^\S\n]+$/gm, '')
    .replace(/\n{2,}/g, '\n')
    .replace(/^(?!\/\/%).*$/gm, (line) =>
      line.replace(/ *([()[\]{},:;]) */g, '$1').replace(/(?<=\w) (?=[^\w\s$])|(?<=[^\w\s]) (?=\w)/g, ''),
    );

/**
 * Modules that read files or bundle: what their exports are in the checkout, or return, the published ones have as constants.
 * With it, what is done to each string.
 */
const constantModules: Readonly<Record<string, (text: string) => string>> = {
  'shaders/index.ts': shortened,
  'packages/tapegrad/src/report/assets.ts': (text) => text,
};

/** What these modules read with: not published. */
const ONLY_HERE = ['shaders/read.js', 'shaders/read.js.map'];

/** JavaScript for a module whose exports are what they are now, and whose functions return what they return now. */
async function constantsOf(path: string): Promise<string> {
  const module = (await import(pathToFileURL(join(root, path)).href)) as Record<
    string,
    object | (() => object)
  >;
  const constant = (value: object) =>
    JSON.stringify(value, (_, part) => (typeof part === 'string' ? constantModules[path]!(part) : part));
  let text = '';
  for (const [name, value] of Object.entries(module)) {
    text +=
      typeof value === 'function'
        ? `const ${name}_value = ${constant(await value())};\nexport const ${name} = () => ${name}_value;\n`
        : `export const ${name} = ${constant(value)};\n`;
  }
  return text;
}

/** A source map whose sources are where they lie from `folder`. */
function publishedMap(text: string, from: string, folder: string): string {
  const map = JSON.parse(text) as { sources: string[]; sourceRoot?: string };
  delete map.sourceRoot;
  map.sources = map.sources.map((source) => relative(folder, join(from, source)).replaceAll('\\', '/'));
  return JSON.stringify(map);
}

/** Moves what the compiler made of a package to its `dist`. */
async function arrange(
  { folder, sources }: Package,
  emitted: string,
  ambient: string,
  into: string,
): Promise<void> {
  const dist = join(into, folder, 'dist');
  rmSync(dist, { recursive: true, force: true });
  const from = join(emitted, sources);
  const used = new Set<string>();
  for (const file of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(js|ts|map)$/.test(file) || ONLY_HERE.includes(`${sources}/${file}`)) continue;
    const target = join(dist, file);
    mkdirSync(dirname(target), { recursive: true });
    let text = readFileSync(join(from, file), 'utf8');
    if (file.endsWith('.map')) text = publishedMap(text, dirname(join(from, file)), dirname(target));
    else if (file.endsWith('.d.ts')) {
      const names = ambientNames(text, ambient);
      for (const name of names) used.add(name);
      const up = relative(dirname(target), dist).replaceAll('\\', '/');
      text = publishedDeclaration(text, names, up === '' ? './' : `${up}/`);
    }
    writeFileSync(target, text);
  }
  if (used.size > 0) writeFileSync(join(dist, `${AMBIENT}.d.ts`), ambientModule(used));
  for (const path of Object.keys(constantModules).filter((module) => module.startsWith(`${sources}/`))) {
    const target = join(dist, path.slice(sources.length + 1).replace(/\.ts$/, '.js'));
    rmSync(`${target}.map`, { force: true });
    writeFileSync(target, await constantsOf(path));
  }
}

/** Compiles every package into its `dist`, here or below another folder: JavaScript, declarations and source maps. */
export async function compile(into = root): Promise<Package[]> {
  const emitted = mkdtempSync(join(tmpdir(), 'tapegrad-build-'));
  try {
    const tsc = join(root, 'node_modules/@typescript/native/bin/tsc');
    const args = [tsc, '-p', join(root, 'tools/build/tsconfig.json'), '--outDir', emitted];
    execFileSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    const all = packages();
    const ambient = readFileSync(join(root, 'node_modules/@webgpu/types/dist/index.d.ts'), 'utf8');
    for (const one of all) await arrange(one, emitted, ambient, into);
    return all;
  } finally {
    rmSync(emitted, { recursive: true, force: true });
  }
}

/** Copies what a published package holds into `target`; `built` is where it was compiled to. */
export function stage({ folder, manifest }: Package, target: string, built = root): void {
  const copy = (from: string, to: string) => cpSync(join(root, from), join(target, to), { recursive: true });
  copy('LICENSE', 'LICENSE');
  copy(`${folder}/README.md`, 'README.md');
  // Sources too: they are what the maps point to.
  for (const name of published(manifest)) {
    const from = join(name === 'dist' ? built : root, folder, name);
    if (existsSync(from)) cpSync(from, join(target, name), { recursive: true });
  }
  // The checkout's way of starting the command.
  rmSync(join(target, 'bin/from-sources.js'), { force: true });
}
