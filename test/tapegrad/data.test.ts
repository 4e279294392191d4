/* Runs without an adapter. */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { heldOutDigits } from '@tapegrad/vae';
import { encode } from 'fast-png';
import { datasetNames, loadDataset, UserError } from 'tapegrad/node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readIdx } from '../../packages/tapegrad/src/data/idx.ts';
import { editDistance, nearestName } from '../../packages/tapegrad/src/suggest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tapegrad-data-'));
/** Suites share a process, and others have a cache of their own. */
const { XDG_CACHE_HOME } = process.env;
test.before(() => {
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
});
test.after(() => {
  if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
  rmSync(folder, { recursive: true });
});

/** An IDX file of unsigned bytes. */
function idx(shape: number[], data: ArrayLike<number>, type = 8): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  header.setUint32(0, (type << 8) | shape.length);
  for (const [axis, extent] of shape.entries()) header.setUint32(4 + 4 * axis, extent);
  return Uint8Array.from([...new Uint8Array(header.buffer), ...Array.from(data)]);
}

const counting = (length: number): number[] => Array.from({ length }, (_, i) => i % 251);

let files = 0;
function put(bytes: Uint8Array, name = `file-${files++}`): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

function refused(fn: () => unknown, message: RegExp): void {
  assert.throws(fn, (error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    assert.match(error.message, message);
    assert.not.match(error.message, /\n/);
    return true;
  });
}

async function rejected(what: Promise<unknown>, message: RegExp): Promise<void> {
  const settled = await what.then(
    () => () => undefined,
    (error: unknown) => () => {
      throw error;
    },
  );
  refused(settled, message);
}

// -------------------------------------------------------------------------------------------------------------- IDX

for (const shape of [[7], [3, 5], [2, 3, 4], [2, 3, 2, 2], [0, 28, 28], []]) {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const bytes = idx(shape, counting(size));
  for (const [form, stored] of [
    ['plain', bytes],
    ['gzipped', gzipSync(bytes)],
  ] as const) {
    test(`idx: reads shape [${shape}], ${form}`, () => {
      const file = readIdx(put(stored));
      assert.equal(file.shape, shape);
      assert.equal([...file.data], counting(size));
      assert.is(file.sha256, createHash('sha256').update(bytes).digest('hex'));
    });
  }
}

const images = idx([2, 3, 3], counting(18));
const zipped = gzipSync(images);
const brokenZip = Uint8Array.from(zipped);
brokenZip[zipped.length - 8]! ^= 0xff;
const broken: [string, Uint8Array, RegExp][] = [
  ['an empty file', new Uint8Array(0), /truncated: 0 bytes, an IDX header takes at least 4/],
  ['a header cut short', images.subarray(0, 10), /truncated: 10 bytes, its header takes 16/],
  ['values cut short', images.subarray(0, 20), /truncated: its header says 2x3x3 = 18 bytes, found 4/],
  [
    'values left over',
    Uint8Array.from([...images, 1]),
    /too long: its header says 2x3x3 = 18 bytes, found 19/,
  ],
  [
    'truncated gzip',
    zipped.subarray(0, zipped.length - 10),
    /truncated: the gzip data ends early, at \d+ bytes/,
  ],
  ['a gzip of which only the magic is left', zipped.subarray(0, 2), /truncated: the gzip data ends early/],
  ['broken gzip', brokenZip, /broken gzip: .*check/],
  ['labels for images', idx([2], [1, 2]), /expected 0x00000803 \(images\), found 0x00000801/],
  ['floats', idx([2, 1, 1], counting(8), 0x0d), /expected 0x00000803 \(images\), found 0x00000d03/],
  ['a page of the web', Buffer.from('<!DOCTYPE html>'), /found 0x3c21444f: it is a page of the web/],
  ['a zip archive', Buffer.from('PK\x03\x04....'), /: it is a zip archive; unpack it/],
  [
    'a PNG',
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 0),
    /found 0x89504e47; it is another file.*get it again$/,
  ],
];
for (const [what, bytes, message] of broken) {
  test(`idx: refuses ${what}`, () => {
    const path = put(bytes);
    refused(() => readIdx(path, { rank: 3 }), message);
    refused(() => readIdx(path, { rank: 3 }), new RegExp(`^${path}: `));
  });
}

test('idx: refuses a file that is missing, or a folder', () => {
  refused(() => readIdx(join(folder, 'nowhere')), /nowhere: cannot read it: no such file/);
  refused(() => readIdx(folder), /cannot read it: it is a folder/);
});

test('idx: refuses a wrong checksum', () => {
  const path = put(images);
  const { sha256 } = readIdx(path);
  assert.is(readIdx(path, { checksum: sha256 }).sha256, sha256);
  refused(
    () => readIdx(path, { checksum: '00' }),
    new RegExp(`wrong checksum: expected SHA-256 00, found ${sha256}`),
  );
});

// --------------------------------------------------------------------------------------------------------- datasets

test('datasets: the real MNIST', async () => {
  const dataset = await loadDataset('mnist');
  assert.is(dataset.name, 'mnist');
  assert.equal(dataset.shape, [1, 28, 28]);
  assert.is(dataset.train.count, 60_000);
  assert.is(dataset.test.count, 10_000);
  assert.is(dataset.train.images.length, 60_000 * 784);
  assert.equal([...dataset.train.labels!.subarray(0, 10)], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  assert.is(Object.keys(dataset.checksums).length, 4);
  // The constants by which everybody normalizes MNIST.
  let sum = 0;
  let squares = 0;
  for (const pixel of dataset.train.images) {
    sum += pixel;
    squares += pixel * pixel;
  }
  const mean = sum / dataset.train.images.length / 255;
  const std = Math.sqrt(squares / dataset.train.images.length / 255 ** 2 - mean ** 2);
  assert.is(mean.toFixed(4), '0.1307');
  assert.is(std.toFixed(4), '0.3081');
  assert.equal(heldOutDigits(dataset), [3, 2, 1, 18, 4, 8, 11, 0, 61, 7]);
});

const fashion = existsSync('/usr/share/datasets/fashion-mnist');
(fashion ? test : test.skip)('datasets: the real Fashion-MNIST', async () => {
  const dataset = await loadDataset('fashion-mnist');
  assert.is(dataset.train.count, 60_000);
  assert.is(dataset.test.labels!.filter((label) => label === 9).length, 1000);
  assert.is(heldOutDigits(dataset).length, 10);
});

const usual = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
];
const small = [
  idx([4, 2, 3], counting(24)),
  idx([4], [2, 0, 2, 1]),
  idx([3, 2, 3], counting(18)),
  idx([3], [5, 1, 5]),
];

/** A folder of a small dataset; `change` may rename or replace files, or drop them by returning undefined. */
function dataset(
  name: string,
  change: (name: string, bytes: Uint8Array) => [string, Uint8Array] | undefined = (...same) => same,
): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const [i, file] of usual.entries()) {
    const changed = change(file, small[i]!);
    if (changed) writeFileSync(join(path, changed[0]), changed[1]);
  }
  return path;
}

const namings: [string, (name: string) => string][] = [
  ['plain', (name) => name],
  ['dotted', (name) => name.replace('-idx', '.idx')],
  ['gzipped', (name) => `${name}.gz`],
  ['dotted-gzipped', (name) => `${name.replace('-idx', '.idx')}.gz`],
];
for (const [kind, naming] of namings) {
  test(`datasets: a folder of IDX files, ${kind}`, async () => {
    const path = dataset(kind, (name, bytes) => [
      naming(name),
      kind.endsWith('gzipped') ? gzipSync(bytes) : bytes,
    ]);
    const loaded = await loadDataset(`${path}/`);
    assert.is(loaded.name, basename(path));
    assert.equal(loaded.shape, [1, 2, 3]);
    assert.is(loaded.train.count, 4);
    assert.equal([...loaded.train.images], counting(24));
    assert.equal([...loaded.test.labels!], [5, 1, 5]);
    assert.equal(Object.keys(loaded.checksums).sort(), [...usual].sort());
    assert.equal(heldOutDigits(loaded), [1, 0]);
  });
}

/** Where people have the files: their path by the usual name. */
const places: [string, (usualName: string) => string][] = [
  ['each in a folder of its own name', (name) => `${name}/${name}`],
  [
    'with a dot, in such folders',
    (name) => `${name.replace('-idx', '.idx')}/${name.replace('-idx', '.idx')}`,
  ],
  ['as torchvision has them', (name) => `MNIST/raw/${name}`],
  ['deeper', (name) => `data/MNIST/raw/${name}/${name}`],
  ['with a prefix', (name) => `emnist-letters-${name.replace('t10k', 'test')}`],
  ['with a prefix, below', (name) => `gzip/kmnist_${name}`],
  ['with underscores and capitals', (name) => name.replaceAll('-', '_').toUpperCase()],
  ['with short endings', (name) => name.replace('-idx3-ubyte', '.idx').replace('-idx1-ubyte', '.idx1')],
  ['downloaded twice', (name) => `${name} (1)`],
  ['each half in a folder of its own', (name) => `${name.startsWith('train') ? 'train' : 'test'}/${name}`],
];
for (const [where, place] of places) {
  for (const zipped of [false, true]) {
    test(`datasets: IDX files ${where}${zipped ? ', gzipped' : ''}`, async () => {
      const path = join(folder, `${where} ${zipped}`);
      for (const [i, name] of usual.entries()) {
        const file = join(path, `${place(name)}${zipped ? '.gz' : ''}`);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, zipped ? gzipSync(small[i]!) : small[i]!);
      }
      const notes: string[] = [];
      const loaded = await loadDataset(path, { note: (message) => notes.push(message) });
      assert.equal([loaded.name, loaded.train.count, loaded.test.count], [basename(path), 4, 3]);
      assert.equal([...loaded.train.labels!], [2, 0, 2, 1]);
      assert.equal(Object.keys(loaded.checksums), usual);
      assert.is(notes.length, place('').startsWith('emnist') ? 1 : 0);
      for (const note of notes)
        assert.match(note, /^emnist-letters: .*rows and columns swapped; they are used as/);
    });
  }
}

test('datasets: of files that are there twice the plain ones, of folders the one that was named', async () => {
  const path = dataset('twice');
  for (const place of ['.gz', '/inside']) {
    for (const name of usual) {
      const file = join(path, place === '.gz' ? `${name}.gz` : `${name.replace('-idx', '.idx')}/${name}`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, 'not these');
    }
  }
  mkdirSync(join(path, 'Other', 'raw'), { recursive: true });
  for (const [i, name] of usual.entries())
    writeFileSync(join(path, 'Other', 'raw', name), small[i]!.with(small[i]!.length - 1, 9));
  assert.equal([...(await loadDataset(path)).train.images], counting(24));
});

test('datasets: several sets of IDX files have to be told apart', async () => {
  const path = join(folder, 'several');
  mkdirSync(path);
  for (const prefix of ['emnist-digits', 'emnist-letters'])
    for (const [i, name] of usual.entries()) writeFileSync(join(path, `${prefix}-${name}`), small[i]!);
  await rejected(
    loadDataset(path),
    /several: holds 2 datasets of IDX files: name one of them, as .*several\/emnist-digits, .*several\/emnist-letters$/,
  );
  const one = await loadDataset(join(path, 'emnist-letters'));
  assert.equal([one.name, one.train.count], ['emnist-letters', 4]);
  await rejected(loadDataset(join(path, 'emnist-balanced')), /no dataset and no folder of that name/);
  const below = join(folder, 'several below');
  for (const name of ['MNIST', 'KMNIST']) {
    mkdirSync(join(below, name, 'raw'), { recursive: true });
    for (const [i, file] of usual.entries()) writeFileSync(join(below, name, 'raw', file), small[i]!);
  }
  await rejected(loadDataset(below), /as .*KMNIST\/raw, .*MNIST\/raw$/);
  assert.is((await loadDataset(join(below, 'KMNIST'))).train.count, 4);
});

test('datasets: files that only sound like IDX are left alone', async () => {
  const path = dataset('others');
  for (const name of [
    'train-images.txt',
    'my-train-labels',
    'train-images-idx1-ubyte',
    'train-images-idx3-ubyte.npy',
  ])
    writeFileSync(join(path, name), 'x');
  assert.is((await loadDataset(path)).train.count, 4);
});

test('datasets: labels may be absent', async () => {
  const loaded = await loadDataset(
    dataset('unlabelled', (name, bytes) => (name.includes('labels') ? undefined : [name, bytes])),
  );
  assert.is(loaded.train.labels, null);
  assert.is(loaded.test.labels, null);
  assert.equal(heldOutDigits(loaded), [0, 1, 2]);
});

const faults: [string, string, Uint8Array | undefined, RegExp][] = [
  [
    'no training images',
    'train-images',
    undefined,
    /holds no train-images-idx3-ubyte \(nor train-images.idx3-ubyte/,
  ],
  ['no test images', 't10k-images', undefined, /holds no t10k-images-idx3-ubyte/],
  [
    'labels too few',
    'train-labels',
    idx([3], [1, 2, 3]),
    /3 labels, but .*train-images-idx3-ubyte holds 4 images/,
  ],
  ['no images in the file', 'train-images', idx([0, 2, 3], []), /holds no images: its header says 0x2x3/],
  [
    'another size in the test set',
    't10k-images',
    idx([3, 3, 2], counting(18)),
    /images of 3x2, but those in .* are 2x3/,
  ],
  ['truncated', 't10k-images', small[2]!.subarray(0, 30), /t10k-images-idx3-ubyte: truncated/],
  [
    'swapped files',
    'train-labels',
    small[0],
    /train-labels.*expected 0x00000801 \(labels\), found 0x00000803/,
  ],
];
for (const [what, file, replacement, message] of faults) {
  test(`datasets: refuses a folder: ${what}`, async () => {
    const path = dataset(`fault ${what}`, (name, bytes) =>
      name.startsWith(file) ? replacement && [name, replacement] : [name, bytes],
    );
    await rejected(loadDataset(path), message);
  });
}

test('datasets: an unknown name gets the nearest valid one', async () => {
  await rejected(loadDataset('mnits'), /--data mnits: .*did you mean mnist\?/);
  await rejected(loadDataset('fashionmnist'), /did you mean fashion-mnist\?/);
  await rejected(
    loadDataset('/no/such/folder'),
    /no dataset and no folder of that name \(known: mnist, fashion-mnist, or a folder with images/,
  );
  await rejected(loadDataset('toString'), /no dataset/);
  await rejected(loadDataset(put(images)), /is a file; name the folder/);
});

test('datasets: a folder of images; IDX files come first', async () => {
  const image = encode({ width: 8, height: 8, data: new Uint8Array(64).fill(99), channels: 1 });
  const path = join(folder, 'images and numbers');
  mkdirSync(join(path, 'deep'), { recursive: true });
  for (const name of ['a.png', 'deep/B.PNG', 'deep/c.png']) writeFileSync(join(path, name), image);
  const loaded = await loadDataset(path);
  assert.equal(loaded.shape, [3, 64, 64]);
  assert.equal([loaded.train.count, loaded.test.count], [2, 1]);
  assert.is(loaded.train.images[64 * 64 * 6 - 1], 99);
  assert.equal(heldOutDigits(loaded), [0]);
  const grey = await loadDataset(path, { imageSize: 28, channels: 1, limit: 1 });
  assert.equal(grey.shape, [1, 28, 28]);
  assert.is(grey.train.count, 1);
  writeFileSync(join(path, 't10k-images-idx3-ubyte'), small[2]!);
  await rejected(loadDataset(path), /holds no train-images-idx3-ubyte/);
});

test('datasets: a folder without either is refused, saying what it holds instead', async () => {
  const path = join(folder, 'nothing');
  mkdirSync(path);
  await rejected(
    loadDataset(path),
    /nothing: holds no images: no .jpg, .jpeg or .png in it or its subfolders, nor train-im/,
  );
  writeFileSync(join(path, 'a.webp'), 'x');
  writeFileSync(join(path, '.b.png'), 'x');
  await rejected(
    loadDataset(path),
    /or its subfolders \(1 other files, such as a.webp\), nor train-images-idx3-ubyte/,
  );
});

test('datasets: IDX images are not scaled', async () => {
  const path = dataset('not scaled');
  const message =
    /--data not scaled: images of 1x2x3, but 1x64x64 were asked for; only folders of images are/;
  await rejected(loadDataset(path, { imageSize: 64 }), message);
  await rejected(loadDataset('mnist', { channels: 3 }), /images of 1x28x28, but 3x28x28 were asked for/);
  assert.equal((await loadDataset('mnist', { imageSize: 28, channels: 1 })).shape, [1, 28, 28]);
});

// ------------------------------------------------------------------------------------------------------ suggestions

test('suggest: edit distance', () => {
  const cases: [string, string, number][] = [
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['vae', 'vea', 1],
    ['latent', 'laten', 1],
    ['abc', 'cba', 2],
  ];
  for (const [a, b, distance] of cases) {
    assert.is(editDistance(a, b), distance, `${a} ${b}`);
    assert.is(editDistance(b, a), distance, `${b} ${a}`);
  }
});

test('suggest: the nearest name, or none', () => {
  const models = ['ae', 'vae', 'vae-mlp', 'beta-vae'];
  assert.is(nearestName('vea', models), 'vae');
  assert.is(nearestName('VAE_MLP', models), 'vae-mlp');
  assert.is(nearestName('betavae', models), 'beta-vae');
  assert.is(nearestName('transformer', models), undefined);
  assert.is(nearestName('minst', datasetNames), 'mnist');
});

test.run();
