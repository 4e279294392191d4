/* Runs on the fastest adapter. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasFailure } from '../../bench/gpu-day/main.ts';
import { pageOf } from '../../bench/gpu-day/page.ts';
import type { DayRecord } from '../../bench/gpu-day/record.ts';
import { temporaryFolder } from '../helpers/runs.ts';

/* `npm run bench -- gpu-day`, rehearsed: it has one chance on a machine that is lent for minutes. */

const folder = temporaryFolder();
const adapter = process.env.TAPEGRAD_ADAPTER ?? 'auto';

function day(...args: string[]) {
  const command = ['--import', 'tsx', 'bench/main.ts', 'gpu-day', '--out', folder, ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const record = () => JSON.parse(readFileSync(join(folder, 'gpu-day.json'), 'utf8')) as DayRecord;

test('gpu-day: parts on this adapter, each written down', () => {
  const { status, stderr } = day('--adapter', adapter, '--small', '--only', 'adapter,fixed costs,same bytes');
  assert.is(status, 0, stderr);
  const { stages, small } = record();
  assert.ok(small);
  assert.equal(
    stages.map(({ name, state }) => [name, state]),
    [
      ['adapter', 'done'],
      ['fixed costs', 'done'],
      ['same bytes', 'done'],
    ],
    stderr,
  );
  const [about, costs, bytes] = stages.map(({ rows }) => rows);
  assert.ok(about!.some((row) => row.what === 'maxBufferSize' && (row.value as number) > 2 ** 27));
  assert.ok(costs!.length === 5 && costs!.every(({ microseconds }) => (microseconds as number) > 0));
  assert.equal(
    bytes!.map(({ model, same }) => [model, same]),
    ['ae', 'vae-mlp', 'vae', 'vq-vae'].map((model) => [model, true]),
  );
  const page = readFileSync(join(folder, 'gpu-day.md'), 'utf8');
  assert.match(page, /^# On a GPU\n/);
  assert.match(page, /A rehearsal/);
  assert.match(page, /\| vae-mlp \| 3 \| \w{16} \| \w{16} \| \w{16} \| yes \|/);
  assert.is(day('--from', join(folder, 'gpu-day.json')).stdout, page);
});

test('gpu-day: a part whose time is up keeps what it found; what fails is said and stops nothing', () => {
  const cut = day('--adapter', adapter, '--seconds', '6', '--only', 'adapter,layers,float16');
  assert.is(cut.status, 0, cut.stderr);
  const states = record().stages.map(({ state }) => state);
  assert.is(states[0], 'done');
  assert.ok(
    states.slice(1).every((state) => state === 'cut off' || state === 'left out'),
    states.join(),
  );
  const none = day('--adapter', 'no such card', '--small', '--only', 'adapter,fixed costs');
  assert.is(none.status, 1);
  assert.equal(
    record().stages.map(({ state }) => state),
    ['failed', 'failed'],
  );
  assert.match(record().stages[0]!.reason!, /no such card/);
  assert.match(pageOf(record()), /\*\*failed\*\*/);
});

test('gpu-day: what counts as a failure', () => {
  const stage = { name: 'tests', state: 'done', seconds: 1 } as const;
  assert.not.ok(hasFailure({ ...stage, rows: [{ suite: 'a', passed: 3, of: 3 }] }));
  assert.ok(hasFailure({ ...stage, rows: [{ suite: 'a', passed: 2, of: 3, why: 'NaN' }] }));
  assert.ok(hasFailure({ ...stage, rows: [{ model: 'ae', same: false }] }));
  assert.ok(hasFailure({ ...stage, rows: [{ differs: 'a product', at: 3 }] }));
});

test('gpu-day: refusals in a line', () => {
  for (const [args, wanted] of [
    [['--only', 'everything'], /--only everything: there is adapter, fixed costs/],
    [['--seconds', 'ten'], /--seconds ten: has to be a whole number/],
    [['--from', 'none.json'], /--from none.json: there is no such file/],
    [['--from', 'package.json'], /--from package.json: is no gpu-day.json/],
    [['--fast'], /Unknown option '--fast'/],
  ] as const) {
    const { status, stderr } = day(...args);
    assert.is(status, 2, args.join(' '));
    assert.match(stderr, wanted);
    assert.is(stderr.trim().split('\n').length, 1, stderr);
  }
  assert.ok(existsSync(folder));
});

test.run();
