/* Runs on the fastest adapter. */
import { type Device, Generator, referenceDevice, setDefaultDevice, type Tensor } from '@tapegrad/tensor';
import {
  type Corruption,
  corrupted,
  type DenoisingAutoencoder,
  Evaluation,
  models,
  normalize,
  settingsOf,
} from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

import { adapter, agree, device, numbers, on } from '../helpers/device.ts';
import { contextOn, someImages } from '../helpers/models.ts';
import { normalNumber } from '../helpers/tolerances.ts';

/* How the denoising autoencoder's input is corrupted. */

const pixels = normalize(0.1307, 0.3081);
const SHAPE = [50, 1, 20, 20];
const COUNT = 20_000;
const grey = (where: Device) => on(where, SHAPE, numbers(COUNT, 0.3, 0.6, 3));
const generator = (where: Device, seed = 1) => new Generator(seed, { device: where });

const corrupt = (options: Corruption, x: Tensor, seed = 1) =>
  corrupted(x, options, pixels, generator(x.device, seed));
const [black, white] = [-0.1307 / 0.3081, (1 - 0.1307) / 0.3081];
const is = (value: number, wanted: number) => Math.abs(value - wanted) < 1e-6;
const share = (values: ArrayLike<number>, test: (value: number, i: number) => boolean) =>
  Array.from(values).filter(test).length / values.length;
/** Four standard deviations of a share of COUNT. */
const near = (value: number, wanted: number) =>
  assert.ok(
    Math.abs(value - wanted) <= 4 * Math.sqrt((wanted * (1 - wanted)) / COUNT),
    `${value}, not ${wanted}`,
  );

test('masking sets its share of the pixels to black, and leaves the others', async () => {
  const x = grey(referenceDevice);
  const [before, after] = [await x.data(), await corrupt({ noise: 'masking', noiseLevel: 0.3 }, x).data()];
  near(
    share(after, (value) => is(value, black)),
    0.3,
  );
  assert.ok([...after].every((value, i) => is(value, black) || value === before[i]));
});

test('salt and pepper: half of its share is black, half white', async () => {
  const x = grey(referenceDevice);
  const [before, after] = [
    await x.data(),
    await corrupt({ noise: 'salt-and-pepper', noiseLevel: 0.3 }, x).data(),
  ];
  for (const extreme of [black, white])
    near(
      share(after, (value) => is(value, extreme)),
      0.15,
    );
  assert.ok([...after].every((value, i) => is(value, black) || is(value, white) || value === before[i]));
});

test('Gaussian noise is measured by the range from black to white, whatever the normalization', async () => {
  for (const normalization of [pixels, normalize(0, 1), normalize(0.5, 0.5)]) {
    const x = grey(referenceDevice);
    const noisy = corrupted(
      x,
      { noise: 'gaussian', noiseLevel: 0.2 },
      normalization,
      generator(referenceDevice),
    );
    const noise = [...(await noisy.sub(x).data())].map((value) => value / (255 * normalization.scale));
    const mean = noise.reduce((a, b) => a + b) / COUNT;
    const deviation = Math.sqrt(noise.reduce((total, value) => total + (value - mean) ** 2, 0) / COUNT);
    assert.ok(Math.abs(mean) < (4 * 0.2) / Math.sqrt(COUNT), `mean ${mean}`);
    assert.ok(Math.abs(deviation - 0.2) < (4 * 0.2) / Math.sqrt(2 * COUNT), `deviation ${deviation}`);
  }
});

test('a level of 0 changes nothing, one of 1 leaves no pixel', async () => {
  const x = grey(referenceDevice);
  const before = await x.data();
  for (const noise of ['gaussian', 'masking', 'salt-and-pepper'] as const)
    assert.equal(await corrupt({ noise, noiseLevel: 0 }, x).data(), before);
  const masked = await corrupt({ noise: 'masking', noiseLevel: 1 }, x).data();
  assert.ok(masked.every((value) => is(value, black)));
});

test('a pixel of a colour image is hit in all channels or in none', async () => {
  const x = on(referenceDevice, [4, 3, 10, 10], numbers(1200, 0.3, 0.6));
  const after = await corrupt({ noise: 'masking', noiseLevel: 0.5 }, x).data();
  const hit = (image: number, channel: number, pixel: number) =>
    is(after[(image * 3 + channel) * 100 + pixel]!, black);
  for (let i = 0; i < 400; i++) {
    const [image, pixel] = [Math.floor(i / 100), i % 100];
    assert.is(hit(image, 1, pixel), hit(image, 0, pixel));
    assert.is(hit(image, 2, pixel), hit(image, 0, pixel));
  }
});

test(`each call draws anew, and ${adapter} draws what the reference draws`, async () => {
  for (const noise of ['gaussian', 'masking', 'salt-and-pepper'] as const) {
    const [first, second] = await agree(
      (where) => {
        const stream = generator(where);
        const options = { noise, noiseLevel: 0.4 };
        return [0, 1].map(() => corrupted(grey(where), options, pixels, stream));
      },
      // Normal numbers below 5.8, scaled by 0.4 / 0.3081 and added to grey.
      {
        absolute: (0.4 / 0.3081) * 5.8 * normalNumber.relative! + 2 ** -22,
        reason: `${normalNumber.reason}; scaled and added`,
      },
      noise,
    );
    assert.not.equal([...first!.data], [...second!.data]);
  }
});

// ----------------------------------------------------------------------------------------------------------- the model

const spec = models.get('denoising-ae')!;
const build = (noiseLevel: number, where: Device) =>
  spec.build(
    [1, 16, 16],
    settingsOf(spec, { noise: 'masking', noiseLevel, hidden: 8, network: 'mlp' }),
    generator(where),
  ) as DenoisingAutoencoder;

test('the target is the clean image', async () => {
  setDefaultDevice(referenceDevice);
  const model = build(1, referenceDevice);
  const x = on(referenceDevice, [3, 1, 16, 16], numbers(768, 0, 2));
  // Of an image that is all black the same is decoded, whatever it was.
  const blank = x.mul(0).add(black);
  const { loss } = model.objective(x, contextOn(referenceDevice).context);
  const expected = await model.forward(blank).sub(x).square().mean().item();
  assert.ok(Math.abs((await loss.item()) - expected) < 1e-9 * expected);
});

test('corrupt shows what the encoder sees', async () => {
  setDefaultDevice(referenceDevice);
  const model = build(0.5, referenceDevice);
  const x = on(referenceDevice, [3, 1, 16, 16], numbers(768, 0, 2));
  const { fresh } = contextOn(referenceDevice);
  const seen = model.corrupt(x, fresh().noise);
  const expected = await model.forward(seen).sub(x).square().mean().item();
  assert.is(await model.objective(x, fresh()).loss.item(), expected);
});

test(`evaluation corrupts too, with the same noise at every call (${adapter})`, async () => {
  setDefaultDevice(device);
  const images = someImages(40);
  const evaluation = (level: number) =>
    new Evaluation(build(level, device), images, 1, () => contextOn(device).context.epoch(), device);
  const noisy = evaluation(0.5);
  const first = await noisy.run();
  assert.equal(await noisy.run(), first);
  assert.not.equal(first, await evaluation(0).run());
});

test('a share of pixels above 1 is refused', () => {
  for (const noise of ['masking', 'salt-and-pepper'] as const) {
    assert.throws(
      () => spec.build([1, 28, 28], settingsOf(spec, { noise, noiseLevel: 1.5 }), generator(referenceDevice)),
      `noise-level 1.5: with --noise ${noise} it is the share of pixels that are hit, 0 to 1`,
    );
  }
  const loud = settingsOf(spec, { noise: 'gaussian', noiseLevel: 1.5 });
  assert.ok(spec.build([1, 28, 28], loud, generator(referenceDevice)));
});

test.run();
