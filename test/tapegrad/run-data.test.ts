/* Runs on the fastest adapter. */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { referenceDevice } from '@tapegrad/tensor';
import { encode } from 'fast-png';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readCodeSummary } from '../../packages/tapegrad/src/run/code-summary.ts';
import { writeComparison } from '../../packages/tapegrad/src/run/compare.ts';
import { readRunConfig } from '../../packages/tapegrad/src/run/run.ts';
import { dataToResume, findData } from '../../packages/tapegrad/src/run/run-data.ts';
import { RunFolder } from '../../packages/tapegrad/src/run/run-folder.ts';
import { enterFolder } from '../../packages/tapegrad/src/sweep/sweep.ts';
import { type Ended, tapegrad, temporaryFolder } from '../helpers/runs.ts';

/* A dataset is its content, wherever it lies; and what needs no images does without them. */

const adapter = ['--adapter', process.env.TAPEGRAD_ADAPTER ?? 'auto'];
const root = temporaryFolder();
const at = (...names: string[]) => join(root, ...names);
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const succeeds = (ended: Ended) => {
  assert.is(ended.code, 0, ended.stderr);
  return ended;
};

/** A grey picture of 16 x 16, each number another one. */
function writeDigit(path: string, n: number): void {
  const data = Uint8Array.from({ length: 256 }, (_, i) => ((i * (n + 3)) ^ (n * 29)) & 255);
  writeFileSync(path, encode({ width: 16, height: 16, data, channels: 1 }));
}

/** `train/` and `test/` with some images each. */
function writeFolder(path: string): string {
  for (const [half, count] of [
    ['train', 12],
    ['test', 6],
  ] as const) {
    mkdirSync(join(path, half), { recursive: true });
    for (let i = 0; i < count; i++) writeDigit(join(path, half, `${i}.png`), half === 'test' ? 50 + i : i);
  }
  return path;
}

process.env.XDG_CACHE_HOME = at('cache');
const SMALL = ['--hidden', '4', '--latent', '3', '--batch-size', '4', ...adapter];
const FOLDER = ['--image-size', '16', '--channels', '1', '--network', 'mlp'];
mkdirSync(at('home'));
const home = { cwd: at('home') };

writeFolder(at('home', 'd1'));
succeeds(
  await tapegrad(
    ['train', 'vae', '--data', 'd1', ...FOLDER, ...SMALL, '--epochs', '1', '--out', 'run'],
    home,
  ),
);

/** A copy of the whole place, to be harmed. */
function moved(name: string, harm: (home: string) => void = () => {}): string {
  cpSync(at('home'), at(name), { recursive: true });
  harm(at(name));
  return at(name);
}

/** Finds a run's images from another folder of the process. */
async function from<T>(folder: string, find: () => Promise<T>): Promise<T> {
  const here = process.cwd();
  process.chdir(folder);
  try {
    return await find();
  } finally {
    process.chdir(here);
  }
}

const opened = (path: string) => {
  const folder = RunFolder.open(path);
  return { folder, ...readRunConfig(folder) };
};
const toResume = (path: string, options: Parameters<typeof dataToResume>[1] = {}) =>
  dataToResume(opened(path), options);

async function refused(found: Promise<unknown>, message: RegExp): Promise<void> {
  const error: Error = await found.then(
    () => assert.unreachable('it was taken'),
    (reason) => reason,
  );
  assert.match(error.message, message);
  assert.not.match(error.message, /\n/);
}

mkdirSync(at('elsewhere'));

test('resume: under another spelling of the path, from another folder, and after the data has moved', async () => {
  const far = moved('far');
  await from(at('home'), () => toResume('run', { name: './d1' }));
  await from(at('home'), () => toResume('run', { name: join(far, 'run', '..', 'd1') }));
  // What was not said when it began, but was so.
  await from(at('home'), () =>
    toResume('run', { name: 'd1', imageSize: 16, channels: 1, badImages: 'skip' }),
  );
  const elsewhere = at('elsewhere');
  assert.is((await from(elsewhere, () => toResume('../home/run'))).name, '../home/d1');
  // Run and data moved together.
  renameSync(at('home', 'd1'), at('home', 'away'));
  assert.is((await from(elsewhere, () => toResume(join(far, 'run')))).name, join(far, 'd1'));
  renameSync(join(far, 'd1'), at('d2'));
  await refused(
    from(elsewhere, () => toResume(join(far, 'run'))),
    /run: its images are not where they were \(d1, .*d1, ..\/d1\): say where they are with --data; they are recognized by their content$/,
  );
  const ended = await tapegrad(
    ['train', '--resume', join(far, 'run'), '--data', '../d2', '--epochs', '2', ...adapter],
    {
      cwd: elsewhere,
    },
  );
  succeeds(ended);
  // The next one finds them without being told.
  await toResume(join(far, 'run'));
  assert.is(json(join(far, 'run', 'config.json')).data, '../d2');
  renameSync(at('home', 'away'), at('home', 'd1'));
});

test('resume: another folder of the same name is not taken for it', async () => {
  const there = moved('there', (path) => writeDigit(join(path, 'd1', 'train', '3.png'), 99));
  await refused(
    from(there, () => toResume('run', { name: 'd1' })),
    /^run: was trained on other data: the checksum of train in d1 differs from that in config.json$/,
  );
  assert.is((await from(there, () => toResume('run'))).name, at('home', 'd1'));
  await refused(
    from(there, () => toResume('run', { imageSize: 8 })),
    /^run: a run resumes with the images it began with: they are 1x16x16, not 1x8x8$/,
  );
});

test('evaluate: a test set with an image more is evaluated, and it is said', async () => {
  const grown = moved('grown', (path) => writeDigit(join(path, 'd1', 'test', '9.png'), 77));
  const evaluate = (...args: string[]) =>
    tapegrad(['evaluate', 'run', '--samples', '0', ...args, ...adapter], { cwd: grown });
  const own = JSON.parse(succeeds(await evaluate('--json')).stdout);
  renameSync(at('home', 'd1'), at('home', 'away'));
  const { images, notes } = JSON.parse(succeeds(await evaluate('--json')).stdout);
  assert.is(images, 7);
  assert.equal(notes.slice(1), own.notes);
  const said =
    /the test set differs from the one that the run began with: the checksum of test in .*d1 is not that in config.json$/m;
  assert.match(notes[0], said);
  assert.match((await evaluate('--data', 'd1')).stdout, /^ {2}note: the test set differs from the one/m);
  for (const command of ['report', 'reconstruct'])
    assert.match(succeeds(await tapegrad([command, join(grown, 'run'), ...adapter])).stderr, said);
  cpSync(join(grown, 'run'), join(grown, 'run2'), { recursive: true });
  const told: string[] = [];
  await writeComparison([join(grown, 'run'), join(grown, 'run2')], at('grown.html'), {
    device: referenceDevice,
    listener: { note: (message) => told.push(message) },
  });
  assert.is(told.length, 2);
  for (const message of told) assert.match(message, said);
  renameSync(at('home', 'away'), at('home', 'd1'));
});

test('compare: the same data under two names is the same, other data under one name is not', async () => {
  const others = moved('two', (path) => writeDigit(join(path, 'd1', 'train', '3.png'), 99));
  const run = (name: string, data: string) => {
    cpSync(at('home', 'run'), at(name), { recursive: true });
    const { dataPaths: _, ...config } = json(at(name, 'config.json'));
    writeFileSync(at(name, 'config.json'), JSON.stringify({ ...config, data }));
    return at(name);
  };
  const page = async (runs: string[], data?: string) => {
    const { html } = await writeComparison(runs, at('compared.html'), { device: referenceDevice, data });
    return readFileSync(html, 'utf8');
  };
  const [a, b] = [run('a', at('home', 'd1')), run('b', `${at('home')}/./d1`)];
  assert.match(await page([a, b]), /All options are the same/);
  const c = run('c', at('home', 'd1'));
  const config = json(join(c, 'config.json'));
  const { data } = await from(others, () => findData(opened('run'), { name: 'd1' }));
  writeFileSync(join(c, 'config.json'), JSON.stringify({ ...config, checksums: data.checksums }));
  assert.match(
    await page([a, c], at('home', 'd1')),
    /The runs have learned from different data \(.*d1 \([0-9a-f]{8}\), .*d1 \([0-9a-f]{8}\)\)/,
  );
});

test('sweep: the same data under two names is the same, other data under one name is not', () => {
  const config = {
    model: 'vae',
    axes: [{ option: 'seed', values: [0, 1] }],
    fixed: { data: 'd1' },
    checksums: { train: 'a', test: 'b' },
  };
  enterFolder(at('sweep'), config);
  enterFolder(at('sweep'), { ...config, fixed: { data: './d1' } });
  assert.throws(
    () => enterFolder(at('sweep'), { ...config, checksums: { train: 'x', test: 'b' } }),
    /holds another sweep: its images are others: the checksum of train is not the same; choose another folder/,
  );
});

test('pictures: those that need no images are drawn without, and are the same', async () => {
  const place = moved('gone');
  const draw = (command: string, ...args: string[]) =>
    tapegrad([command, 'run', ...args, ...adapter], { cwd: place });
  const file = (name: string) => readFileSync(join(place, 'run', 'images', `${name}.png`)).toString('base64');
  const all = [
    ['sample', 'samples'],
    ['grid', 'latent-grid'],
    ['manifold', 'manifold'],
    ['traverse', 'traversals'],
    ['kl', 'kl'],
  ] as const;
  const before = all.map(([, name]) => file(name));
  for (const data of [at('home', 'd1'), join(place, 'd1')]) rmSync(data, { recursive: true });
  for (const [i, [command, name]] of all.entries()) {
    rmSync(join(place, 'run', 'images', `${name}.png`));
    assert.is(succeeds(await draw(command)).stderr, '');
    assert.is(file(name), before[i], command);
  }
  assert.match(
    (await draw('scatter')).stderr,
    /^tapegrad: run: its images are not where they were \(.*\): say where they are with --data/,
  );
  // Of a run that stopped early, or an older one, nothing is known of the codes.
  rmSync(join(place, 'run', 'latent.json'));
  for (const command of ['manifold', 'traverse'])
    assert.match(
      succeeds(await draw(command)).stderr,
      /^run: its images are not .*; until then latent dimensions are taken in their own order$/m,
    );
  assert.match((await draw('kl')).stderr, /its images are not where they were/);
  // Where the images are there again, it is found out once.
  writeFolder(join(place, 'd9'));
  succeeds(await draw('grid', '--data', 'd9'));
  succeeds(await draw('traverse'));
  assert.is(file('traversals'), before[3]);
  // Others are shown too, and nothing is kept of them.
  writeDigit(join(place, 'd9', 'train', '0.png'), 88);
  const kept = json(join(place, 'run', 'latent.json'));
  assert.match(
    succeeds(await draw('scatter', '--data', 'd9')).stderr,
    /^run: these are not the training images that the run began with: the checksum of train in d9 is not/m,
  );
  assert.equal(json(join(place, 'run', 'latent.json')), kept);
});

test('what is kept of the codes is of the weights that are there', async () => {
  const { folder } = opened(at('home', 'run'));
  assert.ok(readCodeSummary(folder, 3));
  assert.is(readCodeSummary(folder, 4), undefined);
  const whole = readFileSync(folder.file('latent.json'), 'utf8');
  for (const broken of [
    '',
    '{}',
    '[]',
    'null',
    whole.replace(/"mean":\[/, '"mean":["x",'),
    whole.slice(0, -9),
  ]) {
    writeFileSync(folder.file('latent.json'), broken);
    assert.is(readCodeSummary(folder, 3), undefined, broken.slice(0, 40));
  }
  writeFileSync(folder.file('latent.json'), whole);
  writeFileSync(folder.file('weights.safetensors'), 'others');
  assert.is(readCodeSummary(folder, 3), undefined);
});

test.run();
