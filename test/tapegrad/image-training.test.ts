/* Runs on the fastest adapter. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode } from 'fast-png';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tapegrad, temporaryFolder } from '../helpers/runs.ts';

const adapter = process.env.TAPEGRAD_ADAPTER ?? 'auto';
const root = temporaryFolder();
const photos = join(root, 'photos');
const run = join(root, 'run');
const env = { XDG_CACHE_HOME: join(root, 'cache') };

/** Twenty colours, and a file that is no image. */
mkdirSync(photos);
for (let i = 0; i < 20; i++) {
  const data = Uint8Array.from({ length: 18 * 20 * 3 }, (_, k) => [12 * i, 250 - 12 * i, 90][k % 3]!);
  writeFileSync(
    join(photos, `${String(i).padStart(2, '0')}.png`),
    encode({ width: 18, height: 20, data, channels: 3 }),
  );
}
writeFileSync(join(photos, '00-notes.jpg'), 'no image');

const settings = ['--image-size', '16', '--hidden', '8', '--batch-size', '8', '--adapter', adapter];
const skipping = [...settings, '--bad-images', 'skip'];

test('folder: a broken image is refused before anything is written', async () => {
  const { code, stderr } = await tapegrad(['train', 'ae', '--data', photos, ...settings, '--out', run], {
    env,
  });
  assert.is(code, 1);
  assert.match(
    stderr,
    /^decoding 21 images\ntapegrad: .*photos: 1 of 21 images cannot be used: 00-notes.jpg \(neither JPEG nor PNG\); repair or remove them, or leave them out with --bad-images skip\n$/,
  );
  assert.not.ok(readdirSync(root).includes('run'));
});

test('folder: options that are out of range', async () => {
  for (const [args, message] of [
    [['--channels', '2'], /--channels.*'2'.*one of 1, 3/],
    [['--image-size', '0'], /--image-size.*'0'.*whole number, 1 or more/],
    [['--bad-images', 'hide'], /--bad-images.*'hide'.*one of refuse, skip/],
    [
      ['--data', 'mnist', '--image-size', '64'],
      /--data mnist: images of 1x28x28, but 1x64x64 were asked for/,
    ],
  ] as const) {
    const { code, stderr } = await tapegrad(['train', 'ae', ...args, '--out', run], { env });
    assert.is(code, 1);
    assert.match(stderr, message);
  }
});

test('folder: training, in colour; what config.json holds; the pictures', async () => {
  const args = ['train', 'ae', '--data', photos, ...skipping, '--epochs', '1', '--out', run];
  const { code, stderr } = await tapegrad(args, { env });
  assert.is(code, 0, stderr);
  // The images were decoded, and found wanting, by the first test.
  assert.match(stderr, /^.*photos: 1 of 21 images cannot be used: 00-notes.jpg .*; they are left out\nae: /);
  const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
  assert.equal(config.imageShape, [3, 16, 16]);
  assert.equal([config.imageSize, config.badImages, config.channels], [16, 'skip', undefined]);
  assert.equal([config.pixelMean, config.pixelStd], [0.5, 0.5]);
  assert.equal(Object.keys(config.checksums), ['train', 'test']);
  assert.is(decode(readFileSync(join(run, 'images', 'reconstructions.png'))).channels, 3);
});

test('folder: other commands load the same images again, from the cache', async () => {
  const evaluated = await tapegrad(['evaluate', run, '--json', '--adapter', adapter], { env });
  assert.is(evaluated.code, 0, evaluated.stderr);
  assert.not.match(evaluated.stderr, /decoding/);
  const { data, images, test: evaluation } = JSON.parse(evaluated.stdout);
  assert.equal([data, images], ['photos', 2]);
  const metrics = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
  assert.is(evaluation.loss, JSON.parse(metrics.at(-1)!).test.loss);
  const drawn = await tapegrad(['reconstruct', run, '--adapter', adapter], { env });
  assert.is(drawn.code, 0, drawn.stderr);
});

test('folder: a run goes on with the images that it began with, and no others', async () => {
  const resume = (...args: string[]) =>
    tapegrad(['train', '--resume', run, '--epochs', '2', '--adapter', adapter, ...args], { env });
  const other = await resume('--image-size', '32');
  assert.match(other.stderr, /a run resumes with the images it began with: they are 3x16x16, not 3x32x32/);
  const same = await resume();
  assert.is(same.code, 0, same.stderr);
  writeFileSync(join(photos, '03.png'), readFileSync(join(photos, '04.png')));
  const changed = await resume();
  assert.is(changed.code, 1);
  assert.match(
    changed.stderr,
    /was trained on other data: the checksum of train in .* differs from that in config.json; if its images .* say where with --data\n$/,
  );
});

test.run();
