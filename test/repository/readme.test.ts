/* Runs on the fastest adapter. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/* What the README prints is what the reader gets, and what documents name is there. */

const read = (path: string) =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8').replaceAll('\r\n', '\n');
const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = read('README.md');
const program = /```ts\n([\s\S]*?)```/.exec(readme)![1]!;

test('the program in the README is examples/quickstart.ts', () => {
  assert.is(program, read('examples/quickstart.ts'));
});

test('the program prints what its comments say', () => {
  const promised = [...program.matchAll(/^console\.log.*; \/\/ (.*)$/gm)].map((match) => match[1]);
  const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', 'examples/quickstart.ts'], {
    cwd: new URL('../..', import.meta.url),
    encoding: 'utf8',
    env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
  });
  assert.ok(promised.length >= 2);
  assert.equal(stdout.trim().split('\n'), promised);
});

/** The documents that belong to the project. */
function projectDocuments(): string[] {
  const { stdout } = spawnSync('git', ['ls-files', '-z', '--', '*.md'], { cwd: root, encoding: 'utf8' });
  // Without git, all that lie there.
  const tracked = (stdout ?? '').split('\0').filter((name) => name && existsSync(join(root, name)));
  return tracked.length > 0 ? tracked : documentsIn('');
}

/** The documents in a folder, but for those of what is installed, built or trained. */
const documentsIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory())
      return /^(\..*|node_modules|dist|runs)$/.test(entry.name) ? [] : documentsIn(`${path}/`);
    return path.endsWith('.md') ? [path] : [];
  });
const documents = projectDocuments();

/** A heading's anchor, as GitHub makes it. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');

test('what the documents link to is there: files, and headings in them', () => {
  assert.ok(documents.length > 25, `${documents.length} documents`);
  const prose = (name: string) => read(name).replaceAll(/```[\s\S]*?```/g, '');
  const broken: string[] = [];
  for (const name of documents) {
    for (const [, link] of prose(name).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link!)) continue;
      const [path, anchor] = link!.split('#') as [string, string?];
      const file = path ? join(dirname(name), path).replaceAll('\\', '/') : name;
      if (!existsSync(join(root, file))) broken.push(`${name}: ${link}`);
      else if (anchor !== undefined && file.endsWith('.md')) {
        const headings = [...prose(file).matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1]!));
        if (!headings.includes(anchor)) broken.push(`${name}: ${link}`);
      }
    }
  }
  assert.equal(broken, []);
});

test('every npm script that a document names exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const missing = documents.flatMap((name) =>
    [...read(name).matchAll(/npm run (\w+)/g)].flatMap(([, script]) =>
      scripts[script!] ? [] : [`${name}: ${script}`],
    ),
  );
  assert.equal(missing, []);
});

test.run();
