/* Runs on the fastest adapter. */
import { valueAndGrad } from '@tapegrad/autograd';
import { Adam, Conv2d, ConvTranspose2d } from '@tapegrad/nn';
import {
  capture,
  type Device,
  Generator,
  internalsOf,
  mul,
  referenceDevice,
  scope,
  setDefaultDevice,
  type Tensor,
  tensor,
} from '@tapegrad/tensor';
import {
  type Autoencoder,
  Bernoulli,
  binarized,
  DeviceDataset,
  Gaussian,
  type ImageShape,
  klFromLogSigma,
  klPenalty,
  LearnedSigma,
  likelihoodOf,
  MetricsRing,
  type ModelOptions,
  models,
  optionValues,
  type PenaltyOptions,
  type PlainVAE,
  runTrainingStep,
  settingsOf,
  type TrainingContext,
  warmth,
} from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

import { adapter, close, device, numbers, on } from '../helpers/device.ts';
import { contextOn, someImages } from '../helpers/models.ts';

/* What losses are made of: the divergence and its penalties, schedules, likelihoods, binary pixels. */

const reference = referenceDevice;
test.before.each(() => setDefaultDevice(reference));

const near = (actual: number, expected: number, what: string, tolerance = 1e-10) =>
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${what}: ${actual}, not ${expected}`,
  );
const at = (epoch: number): TrainingContext => contextOn(reference, { epoch }).context;

function build(
  name: string,
  chosen: Partial<ModelOptions> = {},
  { where = reference as Device, image = [1, 8, 8] as ImageShape } = {},
): Autoencoder {
  setDefaultDevice(where);
  const spec = models.get(name)!;
  const settings = settingsOf(spec, { latent: 3, hidden: 6, ...chosen });
  return spec.build(image, settings, new Generator(1, { device: where }));
}

// ------------------------------------------------------------------------------------------------------ the divergence

test('KL of N(μ, σ²) from N(0, 1) takes log σ, not log σ²', async () => {
  const kl = klFromLogSigma(tensor([0, 1, 0]), tensor([0, 0, Math.log(2)]));
  close(await kl.data(), [0, 0.5, (4 - 1) / 2 - Math.log(2)], { absolute: 1e-14 });
});

/** Two images, three dimensions; means over the batch 0.2, 1, 3. */
const divergences = () =>
  tensor([
    [0.1, 1.5, 2],
    [0.3, 0.5, 4],
  ]);

const penalties: [Partial<PenaltyOptions>, number, number][] = [
  // Options, the epoch, the penalty.
  [{}, 0, 4.2],
  [{ beta: 0.5 }, 0, 2.1],
  [{ beta: 0 }, 0, 0],
  [{ beta: 0.5, reduction: 'mean' }, 0, 0.7],
  [{ freeBits: 0.5 }, 0, 0.5 + 1 + 3],
  // The mean over the batch is clamped: of each number, it would be 1.2 + 1.35 + 3.
  [{ freeBits: 1.2, beta: 2 }, 0, 2 * (1.2 + 1.2 + 3)],
  [{ freeBits: 0.5, beta: 2, reduction: 'mean' }, 0, (2 * 4.5) / 3],
  [{ warmup: 'linear', warmupEpochs: 4, beta: 2 }, 1, 2.1],
  [{ warmup: 'linear', warmupEpochs: 4, beta: 2 }, 9, 8.4],
  [{ warmup: 'linear', warmupEpochs: 4, freeBits: 0.5 }, 1, 4.5 / 4],
  // |4.2 − C|: C is 0, then 5, and stays at 10.
  [{ gamma: 3, capacity: 10, capacityEpochs: 4 }, 0, 3 * 4.2],
  [{ gamma: 3, capacity: 10, capacityEpochs: 4 }, 2, 3 * 0.8],
  [{ gamma: 3, capacity: 10, capacityEpochs: 4 }, 40, 3 * 5.8],
  // C is in nats, whatever the reduction; β has no part in it.
  [{ gamma: 3, capacity: 10, capacityEpochs: 4, reduction: 'mean', beta: 7 }, 2, 3 * 0.8],
];

for (const [chosen, epoch, expected] of penalties) {
  test(`penalty on the divergence: ${JSON.stringify(chosen)} at epoch ${epoch}`, async () => {
    const options = { ...optionValues, reduction: 'sum', ...chosen } as PenaltyOptions;
    near(await klPenalty(divergences(), options, at(epoch)).item(), expected, 'penalty');
  });
}

test('free bits: a dimension under its allowance gets no gradient, the others all of it', async () => {
  const options = { ...optionValues, reduction: 'sum', freeBits: 0.5 } as PenaltyOptions;
  const { gradients } = valueAndGrad((kl: Tensor) => klPenalty(kl, options, at(0)))(divergences());
  assert.equal(await gradients[0]!.array(), [
    [0, 0.5, 0.5],
    [0, 0.5, 0.5],
  ]);
});

test('the capacity form pulls KL up to C from below, and down from above', async () => {
  for (const [epoch, slope] of [
    [0, 3 / 2],
    [4, -3 / 2],
  ] as const) {
    const options = { ...optionValues, gamma: 3, capacity: 10, capacityEpochs: 4 } as PenaltyOptions;
    const { gradients } = valueAndGrad((kl: Tensor) => klPenalty(kl, options, at(epoch)))(divergences());
    assert.equal(
      await gradients[0]!.data(),
      Float64Array.from({ length: 6 }, () => slope),
    );
  }
});

test('free bits do not change the KL that is reported', async () => {
  const x = on(reference, [4, 1, 8, 8], numbers(256, 0, 2));
  const { fresh } = contextOn(reference);
  const [free, bound] = [50, 0].map((freeBits) =>
    build('vae', { freeBits, network: 'mlp', reduction: 'sum' }).objective(x, fresh()),
  );
  const kl = await bound!.parts.kl!.item();
  assert.is(await free!.parts.kl!.item(), kl);
  assert.ok(kl < 50);
  // 0.1 · 3 · 50, more than all of the divergence.
  near(
    await free!.loss.item(),
    (await free!.parts.reconstruction!.item()) + 0.1 * 150,
    'the loss with free bits',
  );
  near(await bound!.loss.item(), (await bound!.parts.reconstruction!.item()) + 0.1 * kl, 'the loss without');
});

test('terms: the loss is the reconstruction, the penalty, or both; the parts are there in any case', async () => {
  const x = on(reference, [4, 1, 8, 8], numbers(256, 0, 2));
  const { fresh } = contextOn(reference);
  const losses: Record<string, number> = {};
  const parts: string[] = [];
  for (const terms of ['both', 'reconstruction', 'kl'] as const) {
    const objective = build('vae', { terms, network: 'mlp', beta: 0.7 }).objective(x, fresh());
    losses[terms] = await objective.loss.item();
    const { reconstruction, kl } = objective.parts;
    parts.push(`${await reconstruction!.item()} ${await kl!.item()}`);
  }
  assert.is(new Set(parts).size, 1);
  const [reconstruction, kl] = parts[0]!.split(' ').map(Number);
  assert.is(losses.reconstruction, reconstruction);
  near(losses.kl!, 0.7 * kl!, 'the penalty');
  near(losses.both!, reconstruction! + 0.7 * kl!, 'both');
});

// ----------------------------------------------------------------------------------------------------------- schedules

test('warm-up: linear rises once, cyclical again and again', async () => {
  const rising = async (warmup: 'linear' | 'cyclical', epochs: number[]) =>
    Promise.all(epochs.map((epoch) => warmth({ warmup, warmupEpochs: 4 }, tensor(epoch)).item()));
  assert.equal(await rising('linear', [0, 1, 2, 4, 4.5, 100]), [0, 0.25, 0.5, 1, 1, 1]);
  assert.equal(
    await rising('cyclical', [0, 1, 2, 3, 3.9, 4, 5, 6, 7, 8]),
    [0, 0.5, 1, 1, 1, 0, 0.5, 1, 1, 0],
  );
});

for (const [warmup, expected] of [
  ['linear', [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 1, 1]],
  ['cyclical', [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 0, 0.25, 0.5]],
] as const) {
  test(`warm-up, ${warmup}: β moves from step to step of a captured step, without uploads (${adapter})`, async () => {
    const images = someImages(64);
    const model = build(
      'vae-mlp',
      { warmup, warmupEpochs: 2, terms: 'kl' },
      { where: device, image: images.shape },
    );
    // Too slow to learn anything: whatever changes is β.
    const optimizer = new Adam(model.parameters(), { lr: 1e-20 });
    const noise = new Generator(4, { device });
    const steps = expected.length;
    const dataset = new DeviceDataset(model, images, { device });
    const ring = new MetricsRing(model, { rows: steps, device });
    const context: TrainingContext = { noise, epoch: () => mul(ring.stepCount(), 1 / 4) };
    const step = capture(() => runTrainingStep({ model, optimizer, dataset, ring, context }, 16), { device });
    step();
    const { uploads } = device.stats;
    for (let i = 1; i < steps; i++) step();
    assert.is(device.stats.uploads, uploads);
    const rows = await ring.values.data();
    const betas = expected.map((_, row) => {
      const { loss, kl } = ring.metricsOf(rows, row);
      return loss! / kl!;
    });
    close(betas, expected, { absolute: 1e-5 });
    step.dispose();
  });
}

// --------------------------------------------------------------------------------------------------------- likelihoods

const pixelOptions = { pixelMean: 0.2, pixelStd: 0.4 };

test('Bernoulli: −log p in nats, no constant', async () => {
  const likelihood = new Bernoulli();
  assert.equal([likelihood.nats, likelihood.constant], [1, 0]);
  const logits = tensor([0, 2, -1]);
  const p = [0.5, 1 / (1 + Math.exp(-2)), 1 / (1 + Math.E)];
  const ones = await likelihood.loss(logits, tensor([1, 1, 1])).data();
  const zeros = await likelihood.loss(logits, tensor([0, 0, 0])).data();
  close(
    ones,
    p.map((q) => -Math.log(q)),
    { absolute: 1e-12 },
  );
  close(
    zeros,
    p.map((q) => -Math.log(1 - q)),
    { absolute: 1e-12 },
  );
  close(await likelihood.pixels(logits).data(), p, { absolute: 1e-12 });
  assert.equal(likelihood.normalization, { scale: 1 / 255, shift: -0 });
});

/** −log of a normal density. */
const negativeLog = (error: number, sigma: number) =>
  0.5 * (error / sigma) ** 2 + Math.log(sigma) + 0.5 * Math.log(2 * Math.PI);

test('Gaussian with σ = 1: half of the squared error and ½·log 2π make −log p', async () => {
  const likelihood = new Gaussian(pixelOptions);
  const [loss] = await likelihood.loss(tensor([1.5]), tensor([0.2])).data();
  near(loss! * likelihood.nats + likelihood.constant, negativeLog(1.3, 1), 'nats');
  near(likelihood.constant, 0.918938533204673, 'constant');
  // Normalized and back; outside of black and white it is cut off.
  const { scale, shift } = likelihood.normalization;
  const seen = [0, 51, 255].map((byte) => byte * scale + shift);
  close(await likelihood.pixels(tensor([...seen, 9, -9])).data(), [0, 0.2, 1, 1, 0], { absolute: 1e-12 });
});

test('Gaussian with a learned σ: −log p, and the gradient of log σ', async () => {
  const likelihood = new LearnedSigma(pixelOptions, reference);
  likelihood.loadStateDict(new Map([['log_sigma', tensor([0.4])]]));
  const [output, x] = [tensor([1.5, 0.3, -1]), tensor([0.2, 0.3, 1])];
  const errors = [1.3, 0, 2];
  const sigma = Math.exp(0.4);
  const losses = [...(await likelihood.loss(output, x).data())];
  close(
    losses.map((loss) => loss * likelihood.nats + likelihood.constant),
    errors.map((error) => negativeLog(error, sigma)),
    { absolute: 1e-12 },
  );
  likelihood.loss(output, x).sum().backward();
  // d/d log σ of Σ e²/σ² + 2·log σ: it is 0 where σ² is the mean squared error.
  const expected = errors.reduce((total, e) => total + 2 - 2 * (e / sigma) ** 2, 0);
  near(await likelihood.logSigma.grad!.item(), expected, 'gradient');
});

test('a learned σ stays finite where the reconstruction is exact', async () => {
  const likelihood = new LearnedSigma(pixelOptions, reference);
  likelihood.loadStateDict(new Map([['log_sigma', tensor([-50])]]));
  const [loss] = await likelihood.loss(tensor([1.001]), tensor([1])).data();
  near(loss!, 1e-6 * Math.exp(12) - 12, 'loss');
  likelihood
    .loss(tensor([1.001]), tensor([1]))
    .sum()
    .backward();
  assert.is(await likelihood.logSigma.grad!.item(), 0);
});

test('the option names the likelihood', () => {
  for (const [likelihood, type] of [
    ['gaussian', Gaussian],
    ['bernoulli', Bernoulli],
    ['sigma', LearnedSigma],
  ] as const) {
    assert.is(likelihoodOf({ ...pixelOptions, likelihood }, reference).constructor, type);
  }
});

// ------------------------------------------------------------------------------------------- nats and the effective β

for (const reduction of ['mean', 'sum'] as const) {
  for (const likelihood of ['gaussian', 'bernoulli', 'sigma'] as const) {
    test(`nats per image from the parts, constants included: ${likelihood}, ${reduction}`, async () => {
      const model = build('vae', { likelihood, reduction, network: 'mlp' }) as PlainVAE;
      if (likelihood === 'sigma') model.likelihood.loadStateDict(new Map([['log_sigma', tensor([-0.3])]]));
      const { fresh } = contextOn(reference);
      const x = on(reference, [2, 1, 8, 8], numbers(128, 0, 1));
      const { parts } = model.objective(x, fresh());
      const { mean, logSigma } = model.encode(x);
      const [mus, logs] = [[...(await mean.data())], [...(await logSigma.data())]];
      const epsilon = await fresh().noise.normal([2, 3]).data();
      const z = mus.map((mu, i) => mu + Math.exp(logs[i]!) * epsilon[i]!);
      const output = await model.decode(on(reference, [2, 3], Float64Array.from(z))).data();
      const seen = await x.data();
      let reconstruction = 0;
      output.forEach((y: number, i: number) => {
        const p = 1 / (1 + Math.exp(-y));
        const nats =
          likelihood === 'bernoulli'
            ? -seen[i]! * Math.log(p) - (1 - seen[i]!) * Math.log(1 - p)
            : negativeLog(y - seen[i]!, likelihood === 'sigma' ? Math.exp(-0.3) : 1);
        reconstruction += nats / 2;
      });
      const kl = mus.reduce(
        (total, mu, i) => total + ((Math.exp(2 * logs[i]!) + mu * mu - 1) / 2 - logs[i]!) / 2,
        0,
      );
      const nats = model.nats({
        reconstruction: await parts.reconstruction!.item(),
        kl: await parts.kl!.item(),
      });
      near(nats.reconstruction, reconstruction, 'reconstruction');
      near(nats.kl, kl, 'KL');
      near(nats.elbo, -reconstruction - kl, 'ELBO');
    });
  }
}

test('the effective β: means over pixels and dimensions hide one', () => {
  const of = (chosen: Partial<ModelOptions>) => build('vae', { network: 'mlp', ...chosen }).effectiveBeta;
  // β · N/(2d), with 64 pixels and three dimensions; of nats, β · N/d.
  near(of({ beta: 0.1 })!, (0.1 * 64) / 6, 'squared error');
  near(of({ beta: 0.1, likelihood: 'sigma' })!, (0.1 * 64) / 6, 'learned σ');
  near(of({ beta: 0.1, likelihood: 'bernoulli' })!, (0.1 * 64) / 3, 'Bernoulli');
  assert.is(of({ beta: 0.1, reduction: 'sum' }), 0.1);
  assert.is(of({ terms: 'kl' }), undefined);
  // The course's VAE on MNIST.
  const course = build('vae', { latent: 5 }, { image: [1, 28, 28] });
  near(course.effectiveBeta!, 7.84, 'the course');
});

// ------------------------------------------------------------------------------------------------------- binary pixels

test('threshold: white over 128', () => {
  const bits = binarized(Uint8Array.of(0, 1, 127, 128, 129, 254, 255), 'threshold');
  assert.equal([...bits], [0, 0, 0, 0, 255, 255, 255]);
});

test('drawn: one seed, one outcome; others differ; as often white as the pixel is bright', () => {
  for (const grey of [0, 1, 60, 128, 200, 254, 255]) {
    const count = 40_001;
    const bytes = new Uint8Array(count).fill(grey);
    const draw = (seed: number, stream = 0) => binarized(bytes, 'drawn', { seed, stream });
    const bits = draw(1);
    assert.equal(draw(1), bits);
    assert.ok(bits.every((bit) => bit === 0 || bit === 255));
    const white = bits.filter((bit) => bit === 255).length / count;
    const p = grey / 255;
    const deviation = Math.sqrt((p * (1 - p)) / count);
    assert.ok(Math.abs(white - p) <= 4 * deviation, `${grey}: ${white}, not ${p}`);
    if (grey === 0 || grey === 255) continue;
    assert.not.equal(draw(2), bits);
    assert.not.equal(draw(1, 1), bits);
  }
});

test('drawn: neighbouring pixels, whose chances share random words, are independent', () => {
  const bits = binarized(new Uint8Array(40_000).fill(128), 'drawn', { seed: 3 });
  const signs = [...bits].map((bit) => (bit === 255 ? 1 : -1));
  for (const lag of [1, 2, 3, 4]) {
    const correlation =
      signs.slice(lag).reduce((total, sign, i) => total + sign * signs[i]!, 0) / signs.length;
    assert.ok(Math.abs(correlation) < 4 / Math.sqrt(signs.length), `lag ${lag}: ${correlation}`);
  }
});

/** 500 images of 2×2 pixels: black, a quarter, three quarters, white. */
const greys = {
  images: Uint8Array.from({ length: 2000 }, (_, i) => [0, 64, 191, 255][i % 4]!),
  count: 500,
};

for (const [where, name] of [
  [reference, 'reference'],
  [device, adapter],
] as const) {
  test(`drawn at every step: pixels are black or white with the pixel's chance, anew each epoch (${name})`, async () => {
    const model = build('vae-mlp', {}, { where, image: [1, 2, 2] });
    const noise = new Generator(4, { device: where });
    const dataset = new DeviceDataset(model, greys, { binarize: noise, device: where });
    const [first, second] = [
      await scope(() => dataset.batch(500)).data(),
      await scope(() => dataset.batch(500)).data(),
    ];
    assert.not.equal([...first], [...second]);
    for (const bits of [first, second]) {
      assert.ok([...bits].every((bit) => bit === 0 || bit === 1));
      [0, 64, 191, 255].forEach((grey, pixel) => {
        const white = [...bits].filter((_, i) => i % 4 === pixel).reduce((a, b) => a + b) / 500;
        const p = grey / 255;
        assert.ok(Math.abs(white - p) <= 4 * Math.sqrt((p * (1 - p)) / 500), `${grey}: ${white}`);
      });
    }
  });
}

test('drawn at every step: a Gaussian likelihood sees black and white normalized', async () => {
  const model = build('vae', { network: 'mlp' }, { image: [1, 2, 2] });
  const noise = new Generator(4, { device: reference });
  const dataset = new DeviceDataset(model, greys, { binarize: noise, device: reference });
  const seen = new Set(await dataset.batch(500).data());
  close([...seen].sort(), [-0.1307 / 0.3081, (1 - 0.1307) / 0.3081], { absolute: 1e-9 });
});

// ------------------------------------------------------------------------------------------------------- other images

test(`colour images of 64×64 have four convolutions, and a step changes all weights (${adapter})`, async () => {
  const model = build('vae', { hidden: 8, latent: 2 }, { where: device, image: [3, 64, 64] }) as PlainVAE;
  const convolutions = model.encoder.layers.filter((layer) => layer instanceof Conv2d);
  const transposed = model.decoder.layers.filter((layer) => layer instanceof ConvTranspose2d);
  assert.equal(
    convolutions.map(({ weight }) => weight.shape),
    [
      [16, 3, 4, 4],
      [32, 16, 4, 4],
      [64, 32, 4, 4],
      [128, 64, 4, 4],
    ],
  );
  assert.equal(
    transposed.map(({ weight }) => weight.shape),
    [
      [128, 64, 4, 4],
      [64, 32, 4, 4],
      [32, 16, 4, 4],
      [16, 3, 4, 4],
    ],
  );
  const images = someImages(2, [3, 64, 64]);
  const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
  const before = (await optimizer.values.data()).slice();
  const noise = new Generator(4, { device });
  const dataset = new DeviceDataset(model, images, { device });
  const ring = new MetricsRing(model, { rows: 1, device });
  const context: TrainingContext = { noise, epoch: () => tensor(0, { device }) };
  scope(() => runTrainingStep({ model, optimizer, dataset, ring, context }, 2));
  const metrics = ring.metricsOf(await ring.values.data(), 0);
  assert.ok(Object.values(metrics).every(Number.isFinite));
  const after = await optimizer.values.data();
  assert.ok(after.every(Number.isFinite));
  for (const [name, parameter] of model.namedParameters()) {
    const from = internalsOf(parameter).offset;
    const changed = Array.from({ length: parameter.size }, (_, i) => after[from + i] !== before[from + i]);
    assert.ok(changed.includes(true), name);
  }
  assert.equal(model.forward(dataset.batch(2)).shape, [2, 3, 64, 64]);
});

test('images that do not halve evenly are refused, and what to do is said', () => {
  for (const [image, text, size] of [
    [[1, 27, 28], '27x28 comes to 27x28', 32],
    [[1, 27, 27], '27x27 comes to 27x27', 28],
    [[3, 36, 36], '36x36 comes to 9x9', 40],
    [[1, 28, 50], '28x50 comes to 14x25', 48],
    [[1, 3, 3], '3x3 comes to 3x3', 4],
  ] as const) {
    assert.throws(
      () => build('vae', {}, { image }),
      `the convolutions halve the image until 4 to 7 pixels are left, but ${text}: use another image size (${size} is one that does), or --network mlp`,
    );
  }
});

test.run();
