/* Runs on the fastest adapter. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/* What the README prints is what the reader gets. */

const read = (path: string) =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8').replaceAll('\r\n', '\n');
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

test('files that the documents link to are there', () => {
  for (const [name, folder] of [
    ['README.md', ''],
    ['CONTRIBUTING.md', ''],
  ] as const) {
    for (const [, link] of read(name).matchAll(/\]\(([^)#]+)\)/g)) {
      if (!link!.startsWith('http'))
        assert.ok(existsSync(new URL(`../../${folder}${link}`, import.meta.url)), link);
    }
  }
});

test('every npm script that the README names exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = [...readme.matchAll(/npm run (\w+)/g)].map((match) => match[1]!);
  assert.equal(
    named.filter((name) => !scripts[name]),
    [],
  );
});

test.run();
