import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { formatWithOptions } from 'node:util';
import { setDefaultDevice } from '@tapegrad/tensor';
import { type Block, type Page, root, wordOf } from './page.ts';

/* Runs what the pages show, in a folder of the repository, so that packages are found as a reader's programs find them. */

/** A block that prints, and what it printed. */
export interface Printed {
  readonly block: Block;
  readonly output: string;
  /** The block that shows it. */
  readonly shown: Block | undefined;
}

const tsc = join(root, 'node_modules/@typescript/native/bin/tsc');
const tsx = ['--import', 'tsx'];

/** A folder for programs, and how to be rid of it. */
export function workplace(): { path: string; remove(): void } {
  const path = mkdtempSync(join(root, '.course-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** `// slope.ts`, which a program begins with. */
function fileOf(page: Page, { content, start }: Block): string {
  const file = /^\/\/ ([\w-]+\.ts)$/m.exec(content.split('\n')[0]!)?.[1];
  if (!file) throw new Error(`${page.path}:${start + 1}: a program begins with its name: // slope.ts`);
  return file;
}

/** Writes a page's programs into the one folder where all run, as a reader does. @throws if there is one of that name */
export function writePrograms(page: Page, folder: string): void {
  for (const block of page.blocks) {
    if (block.words[0] !== 'run') continue;
    writeFileSync(join(folder, fileOf(page, block)), `${block.content}\n`, { flag: 'wx' });
  }
}

/** Type-checks the programs in a workplace as strictly as the repository. Returns the compiler's messages. */
export function checkPrograms(place: string): string {
  const config = { extends: '../tsconfig.json', include: ['**/*.ts'], exclude: ['**/packages'] };
  writeFileSync(join(place, 'tsconfig.json'), JSON.stringify(config));
  return spawnSync(process.execPath, [tsc, '-p', place], { encoding: 'utf8', cwd: root }).stdout;
}

/** Runs everything on a page, in its order, in a folder with the programs of all pages. */
export async function runPage(page: Page, folder: string): Promise<Printed[]> {
  const printed: Printed[] = [];
  let edited: string | undefined;
  for (const [i, block] of page.blocks.entries()) {
    const next = page.blocks[i + 1];
    const shown = next?.language === 'text' ? next : undefined;
    const edit = wordOf(block, 'edit');
    if (edit) {
      edited ??= copyOfPackages(folder);
      applyEdit(join(edited, edit), block);
    } else if (block.words[0] === 'check') {
      const { stdout } = spawnSync(process.execPath, [tsc, '--noEmit', '-p', edited!], {
        encoding: 'utf8',
        cwd: edited,
      });
      printed.push({ block, output: stdout.trimEnd(), shown });
    } else if (block.words[0] === 'run') {
      const file = fileOf(page, block);
      const output = edited ? runInCopy(edited, file, block) : await captured(join(folder, file));
      printed.push({ block, output: output.trimEnd(), shown });
    }
  }
  return printed;
}

/** The file that opens a device for the programs that import it. */
const OPENS = 'gpu.ts';

/** Imports a program, and returns what it wrote with `console.log`. */
async function captured(path: string): Promise<string> {
  await startAfresh(path);
  const lines: string[] = [];
  const { log } = console;
  console.log = (...args: unknown[]) => void lines.push(formatWithOptions({ colors: false }, ...args));
  try {
    await import(pathToFileURL(path).href);
  } finally {
    console.log = log;
  }
  return lines.join('\n');
}

/** One process runs all programs: this one finds the default device as it would in a process of its own. */
async function startAfresh(path: string): Promise<void> {
  const opens = importsOf(path).has(join(dirname(path), OPENS));
  const { device } = opens ? await import(pathToFileURL(join(dirname(path), OPENS)).href) : {};
  setDefaultDevice(device);
}

/** The programs beside it that one imports, also through others. */
function importsOf(path: string, found = new Set<string>()): Set<string> {
  for (const [, file] of readFileSync(path, 'utf8').matchAll(/'\.\/([\w-]+\.ts)'/g)) {
    const imported = join(dirname(path), file!);
    if (found.has(imported)) continue;
    found.add(imported);
    importsOf(imported, found);
  }
  return found;
}

function runInCopy(copy: string, file: string, { content }: Block): string {
  writeFileSync(join(copy, file), `${content}\n`);
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' };
  const { stdout, stderr, status } = spawnSync(process.execPath, [...tsx, file], {
    cwd: copy,
    encoding: 'utf8',
    env,
  });
  if (status !== 0) throw new Error(`${file}: ${stderr}`);
  return stdout;
}

/** What a reader edits: the two packages with tables, and what they need. */
function copyOfPackages(folder: string): string {
  const copy = join(folder, 'packages');
  const names = ['shaders', 'packages/tensor', 'packages/autograd'];
  for (const name of names) {
    cpSync(join(root, name), join(copy, name), {
      recursive: true,
      filter: (path) => !path.endsWith('node_modules'),
    });
  }
  mkdirSync(join(copy, 'node_modules/@tapegrad'), { recursive: true });
  for (const name of names) {
    symlinkSync(join(copy, name), join(copy, 'node_modules/@tapegrad', name.split('/').at(-1)!), 'junction');
  }
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  writeFileSync(
    join(copy, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions,
      include: ['packages/autograd/src'],
    }),
  );
  writeFileSync(join(copy, 'package.json'), '{ "type": "module" }');
  return copy;
}

/** Puts the lines marked + after the ones before them. @throws unless those are in the file, in one place */
function applyEdit(path: string, { content }: Block): void {
  const lines = content.split('\n').filter((line) => line !== '');
  const text = (keep: RegExp) =>
    lines
      .filter((line) => keep.test(line))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  const [before, after] = [text(/^[ -]/), text(/^[ +]/)];
  const source = readFileSync(path, 'utf8').replaceAll('\r\n', '\n');
  if (source.split(before).length !== 2)
    throw new Error(`${path}: these lines are not in it, in one place:\n${before}`);
  writeFileSync(
    path,
    source.replace(before, () => after),
  );
}

/** Whether two outputs agree: where numbers vary from run to run, all but them, and but what `…` stands for. */
export function sameOutput({ output, shown }: Printed): boolean {
  const expected = shown?.content ?? '';
  if (!shown?.words.includes('varies')) return output === expected;
  const plain = (text: string) => text.replace(/-?\d[\d.,]*(e[+-]?\d+)?/g, '#').replace(/[ \t-]+/g, ' ');
  const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const parts = plain(expected).split('…').map(escaped);
  return new RegExp(`^${parts.join('[^]*')}$`).test(plain(output));
}
