/* Runs without an adapter. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/* What tests nothing must not end as if all were well. */

const root = fileURLToPath(new URL('../..', import.meta.url));

for (const [script, args, message] of [
  ['test/run.ts', ['tensr', '--suites-only'], /^no suite's name matches \/tensr\//],
  ['test/run.ts', ['--jobs', '0'], /^--jobs takes a whole number, 1 or more, not '0'\n$/],
  ['test/run.ts', ['nn', 'vae'], /^one pattern, not 2/],
  ['test/fuzz.ts', ['--seconds', 'ten'], /^--seconds takes a whole number, 1 or more, not 'ten'\n$/],
  ['test/fuzz.ts', ['--only', '['], /^Invalid regular expression/],
  ['test/torture.ts', ['--kill', '3'], /^Unknown option '--kill'\nnpm run torture/],
] as const) {
  test(`${script} ${args.join(' ')}: refused in words`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script, ...args], {
      cwd: root,
      encoding: 'utf8',
    });
    assert.match(stderr, message);
    assert.not.match(stderr, /^ {4}at /m);
    assert.is(stdout, '');
    assert.is(status, 2);
  });
}

test.run();
