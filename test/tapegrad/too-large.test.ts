/* Runs on every adapter. */
import { referenceDevice } from '@tapegrad/tensor';
import { type ModelOptions, models, settingsOf, type TrainingOptions } from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inSize, tooLarge } from '../../packages/tapegrad/src/run/too-large.ts';

/** An adapter with a limit; nothing runs on it. */
const device = { ...referenceDevice, name: 'a small adapter', maxTensorBytes: 2 ** 27 };

type Chosen = Partial<ModelOptions & TrainingOptions>;
const asked = (name: string, chosen: Chosen, data: object = {}) => {
  const spec = models.get(name)!;
  const images = { train: { count: 60_000 }, test: { count: 10_000 } };
  return tooLarge(
    { spec, config: settingsOf(spec, chosen), data: { shape: [1, 28, 28], ...images, ...data } },
    device,
  );
};

const folder = { normalization: { mean: 0.5, std: 0.5 } };

const CASES: [what: string, name: string, chosen: Chosen, bytes: string, advice: string, data?: object][] = [
  ['wide layers', 'vae-mlp', { hidden: 2_000_000 }, '6.27 GB', 'make --hidden smaller'],
  ['many dimensions', 'vae-mlp', { latent: 2_000_000 }, '3.2 GB', 'make --latent smaller'],
  ['both', 'vae-mlp', { latent: 20_000, hidden: 20_000 }, '1.6 GB', 'make --latent or --hidden smaller'],
  [
    'weights that fit one by one, not together',
    'vae-mlp',
    { hidden: 30_000 },
    '196 MB',
    'make --hidden smaller',
  ],
  ['more images a step than there are', 'vae-mlp', { batchSize: 1e7 }, '188 MB', 'make --batch-size smaller'],
  ['many draws', 'iwae', { samples: 2000, batchSize: 64 }, '401 MB', 'make --samples smaller'],
  ['a codebook, which is filled from the host', 'vq-vae', { codes: 2e9 }, '128 GB', 'make --codes smaller'],
  ['no number', 'vae-mlp', { hidden: Number.MAX_SAFE_INTEGER }, '28.2 EB', 'make --hidden smaller'],
  [
    'large images',
    'vae-mlp',
    {},
    '1.26 GB',
    'make --image-size smaller',
    { shape: [3, 512, 512], ...folder },
  ],
  [
    'images whose first layer alone is too large, as it is when they are halved',
    'vae',
    {},
    '537 MB',
    'make --image-size smaller',
    { shape: [3, 4096, 4096], ...folder },
  ],
];

for (const [what, name, chosen, bytes, advice, data] of CASES) {
  test(`too large: ${what}`, () => {
    assert.is(
      asked(name, chosen, data)?.message,
      `${name} with these options needs a tensor of ${bytes}, and a small adapter takes 134 MB at most: ${advice}`,
    );
  });
}

test('too large: a run that there is can only go to another adapter', () => {
  const spec = models.get('vae-mlp')!;
  const config = settingsOf(spec, { hidden: 2_000_000 });
  const data = { shape: [1, 28, 28], train: { count: 1 }, test: { count: 1 } } as const;
  const error = inSize(new Error('some buffer'), { spec, config, data, isFixed: true }, device);
  assert.match((error as Error).message, /takes 134 MB at most: choose another adapter$/);
  const other = new Error('something else');
  assert.is(inSize(other, { spec, config: settingsOf(spec), data }, device), other);
});

for (const name of models.keys()) {
  test(`too large: ${name} as it is fits, and a step on all images does not`, () => {
    assert.is(asked(name, {}), undefined);
    assert.match(asked(name, { batchSize: 60_000 })!.message, /: make --batch-size smaller$/);
  });
}

test.run();
