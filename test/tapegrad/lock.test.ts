/* Runs without an adapter. */
import { spawn, spawnSync } from 'node:child_process';
import fs, { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Lock } from '../../packages/tapegrad/src/lock.ts';
import { temporaryFolder } from '../helpers/runs.ts';

const root = temporaryFolder();
const at = (...names: string[]) => join(root, ...names);
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const rejected = async (promise: Promise<unknown>, message: RegExp) => {
  const error: Error = await promise.then(
    () => assert.unreachable('it was taken'),
    (reason) => reason,
  );
  assert.match(error.message, message);
};

test('locks: those of the dead are taken over, those of the living are not', async () => {
  const path = at('locks', 'a');
  const lock = await Lock.take(path);
  const here = json(path);
  await rejected(Lock.take(path), new RegExp(`^process ${process.pid} on ${hostname()} runs it \\(if that`));
  lock.release();
  assert.not(existsSync(path));
  const left = (change: object) =>
    writeFileSync(path, JSON.stringify({ ...here, token: 'other', ...change }));
  const DEAD = { pid: 2 ** 22 + 1 };
  left({ processes: [DEAD] });
  (await Lock.take(path)).release();
  // The sweep has died, its run lives on.
  left({ processes: [DEAD, ...here.processes] });
  await rejected(Lock.take(path), /runs it/);
  // The number of a process that has ended went to another.
  if (here.processes[0].began) {
    left({ processes: [{ pid: process.pid, began: '1' }] });
    (await Lock.take(path)).release();
  }
  // One who has lost it to another leaves the other's alone.
  const lost = await Lock.take(path);
  left({});
  lost.release();
  assert.equal(readdirSync(at('locks')), ['a']);
});

test('locks: those of another machine are taken over when nobody touches them', async () => {
  const path = at('locks', 'b');
  const patience = { patience: { beat: 40, watch: 200 } };
  const elsewhere = { host: 'elsewhere', place: 'elsewhere', processes: [{ pid: process.pid }], token: 'x' };
  writeFileSync(path, JSON.stringify(elsewhere));
  const touching = setInterval(() => utimesSync(path, new Date(), new Date()), 40);
  await rejected(Lock.take(path, patience), /^process \d+ on elsewhere runs it/);
  clearInterval(touching);
  const lock = await Lock.take(path, patience);
  // It is touched from now on, so that others see that it is held.
  const before = statSync(path).mtimeMs;
  await pause(150);
  assert.ok(statSync(path).mtimeMs > before);
  lock.release();
});

test('locks: one that nobody has touched for very long is taken over at once', async () => {
  const path = at('locks', 'c');
  writeFileSync(path, JSON.stringify({ host: 'elsewhere', place: 'elsewhere', processes: [], token: 'x' }));
  const hour = Date.now() / 1000 - 3600;
  utimesSync(path, hour, hour);
  const started = performance.now();
  (await Lock.take(path)).release();
  assert.ok(performance.now() - started < 5000);
});

test('locks: while somebody elsewhere has to be watched, it is said', async () => {
  const path = at('locks', 'd');
  writeFileSync(path, JSON.stringify({ host: 'there', place: 'x', processes: [{ pid: 7 }], token: 'x' }));
  const said: string[] = [];
  const waiting = (message: string) => said.push(message);
  (await Lock.take(path, { patience: { beat: 40, watch: 200 }, waiting })).release();
  assert.equal(said, [
    `${path}: process 7 on there had it last; looking for 1 seconds whether it is still there`,
  ]);
});

test('locks: half of one, as a crash may leave it, is watched and taken over', async () => {
  const path = at('locks', 'e');
  writeFileSync(path, '{"host":');
  (await Lock.take(path, { patience: { beat: 40, watch: 200 } })).release();
  assert.not(existsSync(path));
});

test('locks: where the file system has no links', async () => {
  const { linkSync } = fs;
  fs.linkSync = () => {
    throw Object.assign(new Error('not here'), { code: 'EPERM' });
  };
  syncBuiltinESMExports();
  try {
    const path = at('locks', 'f');
    const all = await Promise.allSettled(Array.from({ length: 4 }, () => Lock.take(path)));
    const taken = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    assert.is(taken.length, 1);
    assert.ok(taken[0]!.isHeld);
    taken[0]!.release();
  } finally {
    fs.linkSync = linkSync;
    syncBuiltinESMExports();
  }
});

test('locks: however many a process holds, one listener waits for its end', async () => {
  const before = process.listenerCount('exit');
  const locks = [await Lock.take(at('locks', 'i')), await Lock.take(at('locks', 'j'))];
  assert.is(process.listenerCount('exit'), before + 1);
  for (const lock of locks) lock.release();
  assert.is(process.listenerCount('exit'), before);
});

/** A process that takes a lock, says so and does what it is told. */
const taking = (path: string, then: string) => `
  import { Lock } from ${JSON.stringify(new URL('../../packages/tapegrad/src/lock.ts', import.meta.url).href)};
  await Lock.take(${JSON.stringify(path)});
  console.log('taken');
  ${then}`;
const node = [...process.execArgv, '--input-type=module', '-e'];

test('locks: a process that ends, however, takes its locks with it; one that is killed leaves one that is stale', async () => {
  const path = at('locks', 'g');
  for (const end of ['process.exit(3)', 'throw new Error()', '']) {
    const ended = spawnSync(process.execPath, [...node, taking(path, end)], { encoding: 'utf8' });
    assert.is(ended.stdout, 'taken\n', ended.stderr);
    assert.not(existsSync(path), end);
  }
  spawnSync(process.execPath, [...node, taking(path, "process.kill(process.pid, 'SIGKILL')")]);
  assert.ok(existsSync(path));
  (await Lock.take(path)).release();
});

(existsSync('/proc/self/stat') ? test : test.skip)(
  'locks: of a process that has ended and that nobody has buried',
  async () => {
    const path = at('locks', 'h');
    // The shell becomes `sleep`, which never asks what became of the child.
    const program = taking(path, "process.kill(process.pid, 'SIGKILL')");
    const command = `${[process.execPath, ...node, program].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')} & exec sleep 60`;
    const parent = spawn('sh', ['-c', command], { stdio: 'ignore' });
    while (!existsSync(path)) await pause(20);
    const { pid } = json(path).processes[0];
    while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) await pause(20);
    (await Lock.take(path)).release();
    parent.kill();
  },
);

test.run();
