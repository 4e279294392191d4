/* Runs on the fastest adapter. */
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crc32c, EventLog, eventFiles } from '../../packages/tapegrad/src/run/tensorboard.ts';
import {
  type Decoded,
  decode,
  double,
  doubles,
  float,
  message,
  messages,
  text,
  whole,
} from '../helpers/protobuf.ts';
import { fewDigits, tapegrad, temporaryFolder, writeIdx } from '../helpers/runs.ts';

const root = temporaryFolder();
const folderOf = (name: string) => {
  mkdirSync(join(root, name));
  return join(root, name);
};

/*
 * TensorBoard 2.21 itself read these files when they were made (scalars, images, histograms, a resumed run), by its
 * EventAccumulator and by its server. The reader here follows the formats' descriptions, so that the tests need no Python.
 */

/** TFRecord's framing, with checksums computed bit by bit. */
function read(path: string): Decoded[] {
  const file = readFileSync(path);
  const events: Decoded[] = [];
  let at = 0;
  while (at < file.length) {
    const length = Number(file.readBigUInt64LE(at));
    assert.is(
      unmask(file.readUInt32LE(at + 8)),
      bitwise(file.subarray(at, at + 8)),
      'checksum of the length',
    );
    const data = file.subarray(at + 12, at + 12 + length);
    assert.is(unmask(file.readUInt32LE(at + 12 + length)), bitwise(data), 'checksum of the data');
    events.push(decode(data));
    at += 12 + length + 4;
  }
  return events;
}

function unmask(value: number): number {
  const rotated = (value - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

/** CRC-32C as long division, most significant bit first, on reflected input. */
function bitwise(data: Uint8Array): number {
  const bits = [...data].flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> i) & 1));
  let remainder = 0xffffffff;
  for (const bit of bits) {
    const top = (remainder >>> 31) ^ bit;
    remainder = ((remainder << 1) ^ (top ? 0x1edc6f41 : 0)) >>> 0;
  }
  let reflected = 0;
  for (let i = 0; i < 32; i++) reflected |= ((remainder >>> i) & 1) << (31 - i);
  return ~reflected >>> 0;
}

/** All scalars of a folder's files: [tag, step, value]. */
const scalarsIn = (folder: string) =>
  eventFiles(folder)
    .map((name) => join(folder, name))
    .flatMap(read)
    .flatMap((event) =>
      event.has(5)
        ? messages(message(event, 5), 1)
            .filter((value) => value.has(2))
            .map((value) => [text(value, 1), whole(event, 2), float(value, 2)])
        : [],
    );

test('CRC-32C: the answers of RFC 3720', () => {
  assert.is(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.is(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43);
  assert.is(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assert.is(crc32c(new TextEncoder().encode('123456789')), 0xe3069283);
  assert.is(bitwise(new TextEncoder().encode('123456789')), 0xe3069283);
});

test('scalars, an image and histograms come back', () => {
  const folder = folderOf('all');
  const before = Date.now() / 1000;
  const log = EventLog.open(folder, 0);
  log.scalars(7, { 'step/loss': 0.5, 'step/kl': -2 });
  log.image(300, 'reconstructions', Uint8Array.of(1, 2, 3), { width: 20, height: 10 });
  log.histograms(
    300,
    new Map<string, ArrayLike<number>>([
      ['a', [0, 1, 1, 30]],
      ['constant', [2, 2]],
      ['bad', [Number.NaN]],
      ['empty', []],
    ]),
  );
  const [version, scalars, image, histograms] = read(log.path) as [Decoded, Decoded, Decoded, Decoded];
  assert.is(text(version, 3), 'brain.Event:2');
  assert.ok(double(scalars, 1) >= before && double(scalars, 1) < before + 60);
  assert.equal(scalarsIn(folder), [
    ['step/loss', 7, 0.5],
    ['step/kl', 7, -2],
  ]);
  assert.is(whole(image, 2), 300);
  const picture = message(message(message(image, 5), 1), 4);
  assert.equal([whole(picture, 1), whole(picture, 2)], [10, 20]);
  assert.equal([...(picture.get(4)![0] as Uint8Array)], [1, 2, 3]);
  const [a, constant, ...rest] = messages(message(histograms, 5), 1);
  assert.is(rest.length, 0);
  const bins = message(a!, 5);
  assert.equal(
    [1, 2, 3, 4, 5].map((field) => double(bins, field)),
    [0, 30, 4, 32, 902],
  );
  assert.equal(
    doubles(bins, 6),
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
  assert.equal(doubles(bins, 7), [1, 2, ...new Array(27).fill(0), 1]);
  assert.equal(doubles(message(constant!, 5), 7), [2]);
});

test('a resumed run goes on from the checkpoint: no step appears twice, a torn record is cut', () => {
  const folder = folderOf('resumed');
  const first = EventLog.open(folder, 0);
  for (const step of [100, 200, 300]) first.scalars(step, { loss: step });
  const whole200 = statSync(first.path).size;
  first.scalars(400, { loss: 400 });
  truncateSync(first.path, whole200 + 9);
  const second = EventLog.open(folder, 200);
  assert.ok(second.path > first.path, 'readers take files in the order of their names');
  second.scalars(300, { loss: -300 });
  assert.equal(scalarsIn(folder), [
    ['loss', 100, 100],
    ['loss', 200, 200],
    ['loss', 300, -300],
  ]);
  // A TensorBoard that had read step 300 already is told to forget it.
  const start = read(second.path)[1]!;
  assert.equal([whole(start, 2), whole(message(start, 7), 1)], [201, 1]);
  // Again, from before the place where the second began; and from there once more.
  for (const step of [100, 100]) EventLog.open(folder, step).scalars(150, { loss: 150 });
  assert.equal(scalarsIn(folder), [
    ['loss', 100, 100],
    ['loss', 150, 150],
  ]);
});

test('a damaged record ends a file, as it does for TensorBoard', () => {
  const folder = folderOf('damaged');
  const log = EventLog.open(folder, 0);
  log.scalars(1, { loss: 1 });
  const good = statSync(log.path).size;
  log.scalars(2, { loss: 2 });
  const bytes = readFileSync(log.path);
  bytes[good + 20]! ^= 1;
  writeFileSync(log.path, bytes);
  appendFileSync(log.path, 'not a record');
  EventLog.open(folder, 10);
  assert.is(statSync(log.path).size, good);
});

test('a disk that refuses: one line, and nothing is left behind', () => {
  const missing = join(root, 'missing');
  assert.throws(() => EventLog.open(missing, 0), /missing: cannot read it: no such file or folder/);
  const log = EventLog.open(folderOf('full'), 0);
  rmSync(log.path);
  symlinkSync('/dev/full', log.path);
  assert.throws(() => log.scalars(1, { loss: 1 }), /cannot write it: the disk is full/);
});

// ------------------------------------------------------------------------------------------------------ whole runs

const few = writeIdx(join(root, 'digits'), fewDigits(300, 60));
const SMALL = ['--data', few, '--hidden', '8', '--batch-size', '64', '--log-every', '1'];
const ADAPTER = ['--adapter', process.env.TAPEGRAD_ADAPTER ?? 'auto'];
const stepsOf = (folder: string, tag: string) =>
  scalarsIn(folder).flatMap(([name, step]) => (name === tag ? [step] : []));

test('a run that was killed and resumed: every step once, the same metrics as metrics.jsonl', async () => {
  const out = join(root, 'killed');
  const killed = await tapegrad(
    ['train', 'vae-mlp', ...SMALL, ...ADAPTER, '--epochs', '3', '--out', out, '--json'],
    {
      onLine(line, child) {
        const { kind, step } = JSON.parse(line);
        if (kind === 'step' && step === 8) child.kill('SIGKILL');
      },
    },
  );
  assert.is(killed.signal, 'SIGKILL');
  assert.ok(stepsOf(out, 'step/loss').length >= 5);
  const resumed = await tapegrad(['train', '--resume', out, ...ADAPTER]);
  assert.is(resumed.code, 0, resumed.stderr);
  const records = readFileSync(join(out, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const wanted = records
    .filter(({ kind }) => kind === 'step')
    .map(({ step, loss }) => [step, Math.fround(loss)]);
  assert.equal(
    wanted.map(([step]) => step),
    Array.from({ length: 15 }, (_, i) => i + 1),
  );
  assert.equal(
    scalarsIn(out).flatMap(([tag, step, value]) => (tag === 'step/loss' ? [[step, value]] : [])),
    wanted,
  );
  assert.equal(stepsOf(out, 'test/loss'), [5, 10, 15]);
  assert.equal(stepsOf(out, 'nats/elbo'), [5, 10, 15]);
  const others = eventFiles(out)
    .flatMap((name) => read(join(out, name)))
    .flatMap((event) => (event.has(5) ? messages(message(event, 5), 1) : []))
    .filter((value) => value.has(4) || value.has(5))
    .map((value) => text(value, 1));
  const epoch = ['pictures/reconstructions', 'latent/mean', 'latent/sigma'];
  const weights = ['fc1', 'fc21', 'fc22', 'fc3', 'fc4'].flatMap((name) => [
    `weights/${name}.bias`,
    `weights/${name}.weight`,
  ]);
  assert.equal(others.sort(), [...epoch, ...weights, ...epoch, ...weights, ...epoch, ...weights].sort());
});

test('--no-tensorboard writes none, also after --resume; --force removes what was there', async () => {
  const out = join(root, 'without');
  const train = ['train', 'vae-mlp', ...SMALL, ...ADAPTER, '--epochs', '1', '--out', out];
  assert.is((await tapegrad(train)).code, 0);
  assert.is(eventFiles(out).length, 1);
  assert.is((await tapegrad([...train, '--force', '--no-tensorboard'])).code, 0);
  assert.equal(eventFiles(out), []);
  assert.is((await tapegrad(['train', '--resume', out, '--epochs', '2', ...ADAPTER])).code, 0);
  assert.equal(eventFiles(out), []);
});

test.run();
