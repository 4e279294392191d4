/* Runs on the fastest adapter, for long. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { temporaryFolder } from '../helpers/runs.ts';
import { killAndResume } from '../helpers/torture.ts';

/* A little of `npm run torture`. */

test('torture: killed at three random moments and resumed each time, runs end with the same bytes', async () => {
  const said: string[] = [];
  const runs = await killAndResume(3, {
    root: temporaryFolder(),
    seed: 1,
    epochs: 4,
    adapter: process.env.TAPEGRAD_ADAPTER ?? 'auto',
    say: (line) => said.push(line),
  }).catch((error: Error) => assert.unreachable(`${error.message}\n${said.join('\n')}`));
  assert.ok(runs! >= 1);
  assert.is(said.filter((line) => line.startsWith('kill ')).length, 3);
});

test.run();
