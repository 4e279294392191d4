/* Runs without an adapter. */

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors } from '@tapegrad/nn';
import { RunFolder, readRunState, UserError } from 'tapegrad/node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { reasonOf } from '../../packages/tapegrad/src/errors.ts';
import { readWithChecksum, withChecksum } from '../../packages/tapegrad/src/run/checksum.ts';
import { writeWhole } from '../../packages/tapegrad/src/run/whole-files.ts';

const root = mkdtempSync(join(tmpdir(), 'tapegrad-runs-'));
test.after(() => rmSync(root, { recursive: true }));

const moduleUrl = new URL('../../packages/tapegrad/src/run/run-folder.ts', import.meta.url).href;
const node = [process.execPath, ...process.execArgv, '--input-type=module', '-e'];

let folders = 0;
const fresh = (): string => join(root, `run-${folders++}`);
const made = (): Promise<RunFolder> => RunFolder.claim(fresh());

/** What is in a folder, besides the lock of who holds it. */
const files = (path: string): string[] => readdirSync(path).filter((name) => name !== '.lock');

function isRefusal(error: unknown, message: RegExp): boolean {
  if (!(error instanceof UserError)) throw error;
  assert.match(error.message, message);
  assert.not.match(error.message, /\n/);
  return true;
}

const refused = (fn: () => unknown, message: RegExp): void =>
  assert.throws(fn, (error: unknown) => isRefusal(error, message));

const rejected = async (promise: Promise<unknown>, message: RegExp): Promise<void> => {
  const error = await promise.then(
    () => assert.unreachable('it was taken'),
    (reason) => reason,
  );
  isRefusal(error, message);
};

// ------------------------------------------------------------------------------------------------ making and opening

test('run folder: what is written is read again', async () => {
  const path = join(fresh(), 'nested', 'vae');
  const run = await RunFolder.claim(path);
  run.writeConfig({ model: 'vae', latent: 5, checksums: { a: 'ff' } });
  run.writeImage('epoch-01.png', Uint8Array.of(1, 2, 3));
  run.writeAtomically('weights.safetensors', Uint8Array.of(4, 5));
  const again = RunFolder.open(path);
  assert.equal(again.readConfig(), { model: 'vae', latent: 5, checksums: { a: 'ff' } });
  assert.equal([...readFileSync(again.file('images/epoch-01.png'))], [1, 2, 3]);
  assert.ok(again.has('weights.safetensors'));
  assert.not(again.has('state.safetensors'));
  assert.equal(files(path).sort(), ['config.json', 'images', 'weights.safetensors']);
});

test('run folder: an epoch that version 0.1.0 has begun can be gone on with', async () => {
  const run = await made();
  const tally = { rows: [{ figures: { loss: 2, kl: 0.5 }, images: 64 }], images: 64, seconds: 1.5 };
  run.writeAtomically('state.safetensors', encodeSafetensors(new Map(), { tally: JSON.stringify(tally) }));
  assert.equal(readRunState(run).tally, {
    ...tally,
    rows: [{ metrics: { loss: 2, kl: 0.5 }, images: 64 }],
  });
});

test('a checksum is of what a file says: its order may be another, its numbers not', () => {
  const tensors = new Map(
    ['b', 'a', 'c'].map((name, i) => [
      name,
      { dtype: 'float32', shape: [2], data: Float32Array.of(i, 0.5) } as const,
    ]),
  );
  const texts = { model: 'vae', format: 'pt' };
  const { metadata, ...written } = decodeSafetensors(withChecksum(tensors, texts));
  assert.equal(written.tensors, tensors);
  const again = (values: typeof written.tensors, said: Record<string, string>) =>
    readWithChecksum(Buffer.from(encodeSafetensors(values, said)));
  const turned = Object.fromEntries(Object.entries(metadata).reverse());
  assert.equal(again(new Map([...tensors].reverse()), turned).tensors, tensors);

  const edited = new Map([...tensors, ['c', { ...tensors.get('c')!, data: Float32Array.of(2.5, 0) }]]);
  const message = /its checksum is another; .* remove `checksum` from its metadata, if you changed/;
  assert.throws(() => again(edited, metadata), message);
  assert.throws(() => again(tensors, { ...metadata, model: 'ae' }), message);
  assert.throws(() => again(new Map([...tensors].slice(1)), metadata), message);
  assert.equal(again(edited, texts).tensors, edited);
});

test('a checksum over tensors in the order of the model, as they were once written, is right', () => {
  const empty = '0'.repeat(64);
  const tensor = { dtype: 'float32', shape: [1], data: Float32Array.of(1) } as const;
  const tensors = new Map([
    ['b', tensor],
    ['a', tensor],
  ]);
  const file = Buffer.from(encodeSafetensors(tensors, { checksum: empty, model: 'vae', format: 'pt' }));
  file.write(createHash('sha256').update(file).digest('hex'), file.indexOf(empty), 'latin1');
  assert.equal(readWithChecksum(file).tensors, tensors);
  file[file.length - 1]! ^= 1;
  assert.throws(() => readWithChecksum(file), /its checksum is another/);
});

for (const name of ['config.json', 'metrics.jsonl', 'weights.safetensors', 'state.safetensors']) {
  test(`run folder: claim refuses a folder that holds ${name}, and touches nothing`, async () => {
    const path = fresh();
    mkdirSync(path);
    writeFileSync(join(path, name), 'precious');
    await rejected(RunFolder.claim(path), new RegExp(`holds another run \\(${name}\\); .*--force`));
    assert.is(readFileSync(join(path, name), 'utf8'), 'precious');
  });
}

test('run folder: force removes the other run, and nothing else', async () => {
  const run = await made();
  run.writeConfig({ model: 'ae' });
  run.appendMetrics({ kind: 'step', step: 1 });
  run.writeImage('epoch-01.png', new Uint8Array(3));
  run.writeAtomically('report.html', '');
  writeFileSync(run.file('notes.txt'), 'mine');
  run.release();
  await RunFolder.claim(run.path, { force: true });
  assert.equal(files(run.path), ['notes.txt']);
});

test('run folder: force leaves a folder alone that holds no run', async () => {
  const path = fresh();
  mkdirSync(join(path, 'images'), { recursive: true });
  writeFileSync(join(path, 'images', 'holiday.png'), '');
  await RunFolder.claim(path, { force: true });
  assert.ok(existsSync(join(path, 'images', 'holiday.png')));
});

test('run folder: claim refuses a file, a path through a file, and a place where nothing can be made', async () => {
  const file = fresh();
  writeFileSync(file, '');
  await rejected(
    RunFolder.claim(file),
    /cannot be the run's folder: it is a file; choose another with --out/,
  );
  refused(
    () => RunFolder.assertFree(join(file, 'below', 'deep')),
    /deep: cannot prepare the run's folder: .* is a file, not a folder/,
  );
  refused(() => RunFolder.assertFree(''), /the run's folder has no name: name one with --out/);
  if (existsSync('/sys/kernel')) {
    // Refused for root too.
    await rejected(RunFolder.claim('/sys/tapegrad'), /^\/sys\/tapegrad: cannot prepare the run's folder: /);
  }
});

test('run folder: open says what is wrong', async () => {
  const run = await RunFolder.claim(join(root, 'vae-first'));
  refused(() => RunFolder.open(run.path), /vae-first: not a run folder: it holds no config.json/);
  refused(() => RunFolder.open(join(root, 'vae-frist')), /no such run folder; did you mean .*vae-first\?/);
  refused(() => RunFolder.open(''), /^the run's folder has no name/);
  refused(() => RunFolder.open('/no/such/run'), /^\/no\/such\/run: no such run folder$/);
  refused(() => RunFolder.open('/no/a\n\u001b[2Jb'), /^\/no\/a\\u000a\\u001b\[2Jb: no such run folder$/);
  writeFileSync(run.file('config.json'), '{"model": "v');
  refused(() => RunFolder.open(run.path), /config.json: broken: it is not a JSON object/);
  writeFileSync(run.file('config.json'), '[]');
  refused(() => RunFolder.open(run.path), /not a JSON object/);
  refused(() => RunFolder.open(run.file('config.json')), /is a file; name the run's folder/);
});

test('run folder: nothing can be made in /proc, which is said before anything is begun', async () => {
  if (!existsSync('/proc/self')) return;
  for (const path of ['/proc/tapegrad', '/proc/tapegrad/deep/down', '/proc']) {
    refused(
      () => RunFolder.assertFree(path),
      /cannot prepare the run's folder: nothing can be made in \/proc$/,
    );
    await rejected(RunFolder.claim(path), /nothing can be made in \/proc$/);
  }
  refused(
    () => writeWhole('/proc/tapegrad/deep/compare.html', ''),
    /compare.html: cannot write it: nothing can be made in \/proc$/,
  );
});

// ------------------------------------------------------------------------------------------------- one who trains it

test('run folder: one process holds it, whatever the others ask for', async () => {
  const run = await made();
  run.writeConfig({ model: 'vae' });
  const held = new RegExp(
    `^${run.path}: process ${process.pid} on .* runs it \\(if that cannot be, remove .*\\.lock\\)$`,
  );
  await rejected(RunFolder.take(run.path), held);
  for (const options of [{}, { force: true }, { again: true }]) {
    await rejected(RunFolder.claim(run.path, options), held);
    refused(() => RunFolder.assertFree(run.path, options), held);
  }
  assert.equal(RunFolder.open(run.path).readConfig(), { model: 'vae' }, 'reading is free');
  run.release();
  assert.equal(readdirSync(run.path), ['config.json']);
  const next = await RunFolder.take(run.path);
  next.assertHeld();
  // As when this machine was asleep for too long.
  writeFileSync(next.file('.lock'), '{"token":"another","processes":[]}');
  refused(() => next.assertHeld(), /another process took it over after this one had shown no sign of life/);
  next.release();
  assert.ok(existsSync(next.file('.lock')), "another's lock stays");
});

test('run folder: of several that want one, one gets it', async () => {
  const path = fresh();
  const all = await Promise.allSettled(Array.from({ length: 5 }, () => RunFolder.claim(path)));
  assert.is(all.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('run folder: default names differ', async () => {
  const path = fresh();
  const all = await Promise.all(Array.from({ length: 3 }, () => RunFolder.claimNext(path)));
  assert.equal(all.map((run) => run.path).sort(), [path, `${path}-2`, `${path}-3`]);
});

test('run folder: a run without a checkpoint may begin again, any other may not', async () => {
  const run = await made();
  run.writeConfig({ model: 'vae' });
  run.appendMetrics({ kind: 'step', step: 1 });
  run.release();
  assert.is(RunFolder.assertFree(run.path, { again: true }), true);
  (await RunFolder.claim(run.path, { again: true })).release();
  assert.equal(readdirSync(run.path), []);
  assert.is(RunFolder.assertFree(run.path, { again: true }), false);
  run.writeConfig({ model: 'vae' });
  run.writeAtomically('state.safetensors', '');
  await rejected(
    RunFolder.claim(run.path, { again: true }),
    /holds another run \(config.json, state.safetensors\)/,
  );
});

test('run folder: several may add the same picture', async () => {
  const run = await made();
  run.release();
  const program = `
    import { RunFolder } from ${JSON.stringify(moduleUrl)};
    const run = RunFolder.open(${JSON.stringify(run.path)});
    for (let i = 0; i < 300; i++) run.writeImage('samples.png', new Uint8Array(50_000));`;
  run.writeConfig({});
  const children = [0, 1].map(() => spawn(node[0]!, [...node.slice(1), program], { stdio: 'inherit' }));
  const codes = await Promise.all(
    children.map((child) => new Promise((resolve) => child.once('exit', resolve))),
  );
  assert.equal(codes, [0, 0]);
  assert.equal(readdirSync(run.file('images')), ['samples.png']);
});

// ----------------------------------------------------------------------------------------------------------- metrics

test('run folder: metrics are lines of JSON, in order', async () => {
  const run = await made();
  assert.equal(run.readMetrics(), []);
  run.appendMetrics({ kind: 'step', step: 1, loss: 0.5 });
  run.appendMetrics({ kind: 'step', step: 2, loss: Number.NaN });
  assert.is(
    readFileSync(run.file('metrics.jsonl'), 'utf8'),
    '{"kind":"step","step":1,"loss":0.5}\n{"kind":"step","step":2,"loss":null}\n',
  );
  assert.equal(run.readMetrics()[0], { kind: 'step', step: 1, loss: 0.5 });
});

/** Two epochs of 118 steps, logged every 50, with a name of more than one byte a letter, and a torn last line. */
async function logged(): Promise<RunFolder> {
  const run = await made();
  for (const step of [50, 100]) run.appendMetrics({ kind: 'step', step, epoch: 1, note: 'β' });
  run.appendMetrics({ kind: 'epoch', epoch: 1, steps: 118 });
  for (const step of [150, 200]) run.appendMetrics({ kind: 'step', step, epoch: 2 });
  run.appendMetrics({ kind: 'epoch', epoch: 2, steps: 118 });
  writeFileSync(run.file('metrics.jsonl'), '{"kind":"st', { flag: 'a' });
  return run;
}

const rewinds: [string, { step: number; epoch?: number }, (number | undefined)[]][] = [
  ['to the end of epoch 1', { step: 118, epoch: 1 }, [50, 100, undefined]],
  ['to the middle of epoch 1', { step: 100, epoch: 0 }, [50, 100]],
  ['to the middle of epoch 2', { step: 150, epoch: 1 }, [50, 100, undefined, 150]],
  ['by the step alone', { step: 199 }, [50, 100, undefined, 150]],
  ['to the end', { step: 236, epoch: 2 }, [50, 100, undefined, 150, 200, undefined]],
  ['to the beginning', { step: 0, epoch: 0 }, []],
];
for (const [what, point, expected] of rewinds) {
  test(`run folder: rewinds the metrics ${what}`, async () => {
    const run = await logged();
    run.rewindMetrics(point);
    assert.equal(
      run.readMetrics().map(({ step }) => step),
      expected,
    );
    run.appendMetrics({ kind: 'step', step: 999 });
    assert.is(run.readMetrics().at(-1)!.step, 999, 'the next line starts on its own');
  });
}

test('run folder: rewinding what was never logged', async () => {
  const run = await made();
  run.rewindMetrics({ step: 3 });
  assert.not(run.has('metrics.jsonl'));
});

test('run folder: a broken line in the middle is named', async () => {
  const run = await logged();
  writeFileSync(run.file('metrics.jsonl'), '\n{}\n', { flag: 'a' });
  refused(() => run.readMetrics(), /metrics.jsonl: line 7: it is not a JSON object; remove the line/);
});

for (const [line, fault] of [
  ['{"step":1}', 'it has no kind'],
  ['{"kind":"step","step":"1"}', 'step is not a whole number'],
  ['{"kind":"epoch","epoch":[]}', 'epoch is not a whole number'],
  ['{"kind":"epoch","epoch":1,"test":{"loss":"x"}}', 'test does not hold numbers'],
  ['{"kind":"epoch","epoch":1,"nats":"x"}', 'nats does not hold numbers'],
] as const) {
  test(`run folder: a line of metrics that no run writes is named: ${line}`, async () => {
    const run = await made();
    writeFileSync(run.file('metrics.jsonl'), `{"kind":"epoch","epoch":1,"test":{"loss":null}}\n${line}\n`);
    const wanted = new RegExp(`metrics.jsonl: line 2: ${fault}; remove the line to go on$`);
    refused(() => run.readMetrics(), wanted);
  });
}

// ------------------------------------------------------------------------------------------------------- whole files

test('run folder: a file is replaced whole', async () => {
  const run = await made();
  run.writeAtomically('weights.safetensors', new Uint8Array(1000).fill(7));
  run.writeAtomically('weights.safetensors', Uint8Array.of(1));
  assert.equal([...readFileSync(run.file('weights.safetensors'))], [1]);
  assert.equal(files(run.path), ['weights.safetensors']);
});

test('run folder: a failed rename leaves no temporary', async () => {
  const run = await made();
  mkdirSync(run.file('weights.safetensors'));
  refused(
    () => run.writeAtomically('weights.safetensors', Uint8Array.of(1)),
    /weights.safetensors: cannot write it: /,
  );
  assert.equal(files(run.path), ['weights.safetensors']);
});

test('run folder: a temporary that a crash left is taken over', async () => {
  const run = await made();
  writeFileSync(run.file('.config.json.tmp'), 'half');
  run.writeConfig({ model: 'vae' });
  assert.equal(files(run.path), ['config.json']);
});

// Writing to /dev/full fails as on a full disk.
const full = existsSync('/dev/full') ? test : test.skip;
full('run folder: a full disk keeps the old file, leaves no temporary and is said in one line', async () => {
  const run = await made();
  run.writeAtomically('state.safetensors', Uint8Array.of(1, 2));
  symlinkSync('/dev/full', run.file('.state.safetensors.tmp'));
  refused(
    () => run.writeAtomically('state.safetensors', new Uint8Array(100)),
    /state.safetensors: cannot write it: the disk is full; free some space/,
  );
  assert.equal([...readFileSync(run.file('state.safetensors'))], [1, 2]);
  assert.equal(files(run.path), ['state.safetensors']);
});

full('run folder: metrics on a full disk', async () => {
  const run = await made();
  symlinkSync('/dev/full', run.file('metrics.jsonl'));
  refused(
    () => run.appendMetrics({ kind: 'step', step: 1 }),
    /metrics.jsonl: cannot write it: the disk is full/,
  );
});

// A file system of 64 KiB, in a mount namespace of its own that ends with the process.
const namespace = ['unshare', '--map-root-user', '--mount'];
const mounting = 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"';
const inSmallDisk = (path: string, command: string[]) =>
  spawnSync(namespace[0]!, [...namespace.slice(1), 'sh', '-c', mounting, path, ...command], {
    encoding: 'utf8',
  });
const mountable = inSmallDisk(root, ['true']).status === 0;

(mountable ? test : test.skip)('run folder: a disk that fills up half-way', () => {
  const path = fresh();
  mkdirSync(path);
  const program = `
    import { readdirSync, readFileSync, statSync } from 'node:fs';
    import { RunFolder } from ${JSON.stringify(moduleUrl)};
    const run = await RunFolder.claim(${JSON.stringify(join(path, 'run'))});
    const refused = (fn) => { try { fn(); } catch (error) { return error.name + ': ' + error.message; } };
    run.writeAtomically('weights.safetensors', new Uint8Array(30_000));
    const weights = refused(() => run.writeAtomically('weights.safetensors', new Uint8Array(50_000)));
    const files = readdirSync(run.path).filter((name) => name !== '.lock');
    const size = statSync(run.file('weights.safetensors')).size;
    const metrics = refused(() => {
      for (;;) run.appendMetrics({ kind: 'step', step: 1, text: 'x'.repeat(1500) });
    });
    const whole = readFileSync(run.file('metrics.jsonl'), 'utf8').endsWith('}\\n');
    console.log(JSON.stringify({ weights, files, size, metrics, whole, records: run.readMetrics().length }));`;
  const { status, stdout, stderr } = inSmallDisk(path, [...node, program]);
  assert.is(status, 0, stderr);
  const { weights, files, size, metrics, whole, records } = JSON.parse(stdout);
  assert.match(weights, /^UserError: .*weights.safetensors: cannot write it: the disk is full/);
  assert.equal(files, ['weights.safetensors'], 'no temporary stays');
  assert.is(size, 30_000, 'the old file stays');
  assert.match(metrics, /^UserError: .*metrics.jsonl: cannot write it: the disk is full/);
  assert.ok(whole, 'no half of a line stays');
  assert.ok(records > 10);
});

test('run folder: killed at any moment, files are whole', async () => {
  const run = await made();
  run.release();
  const size = 200_000;
  const program = `
    import { RunFolder } from ${JSON.stringify(moduleUrl)};
    const run = await RunFolder.claim(${JSON.stringify(run.path)});
    run.writeConfig({});
    for (let i = 0; ; i = (i + 1) % 256) {
      run.writeAtomically('weights.safetensors', new Uint8Array(${size}).fill(i));
      run.appendMetrics({ kind: 'step', step: i });
      if (i === 5) console.log('going');
    }`;
  const child = spawn(node[0]!, [...node.slice(1), program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  const weights = readFileSync(run.file('weights.safetensors'));
  assert.is(weights.length, size);
  assert.ok(weights.every((byte) => byte === weights[0]));
  assert.ok(RunFolder.open(run.path).readMetrics().length >= 5);
});

test('errors: the reason is one line, with or without words of ours', async () => {
  assert.is(reasonOf(Object.assign(new Error('x'), { code: 'EROFS' })), 'the file system is read-only');
  assert.is(reasonOf(new Error('two\n  lines')), 'two lines');
  assert.is(reasonOf('text'), 'text');
});

test.run();
