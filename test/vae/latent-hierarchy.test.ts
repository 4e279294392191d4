/* Runs on the fastest adapter. */
/** The hierarchical VAE, the importance-weighted one, and the metrics that rest on them. */
import { noGrad } from '@tapegrad/autograd';
import {
  exp,
  Generator,
  referenceDevice,
  setDefaultDevice,
  type Tensor,
  tensor,
  writeTo,
} from '@tapegrad/tensor';
import {
  DeviceDataset,
  encodeAll,
  HierarchicalVAE,
  type ImageShape,
  type ImportanceWeightedAutoencoder,
  importanceWeighted,
  latentStatistics,
  type ModelOptions,
  models,
  PlainVAE,
  settingsOf,
} from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, device } from '../helpers/device.ts';
import { contextOn, gradcheckLoss, someImages, trainCaptured } from '../helpers/models.ts';

const shape: ImageShape = [1, 8, 8];
const options = (name: string, chosen: Partial<ModelOptions>) =>
  settingsOf(models.get(name)!, { hidden: 6, latent: 4, ...chosen });
const on = referenceDevice;
const near = (actual: number, expected: number, what: string, tolerance = 1e-9) =>
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${what}: ${actual}, not ${expected}`,
  );
const values = async (t: Tensor) => [...(await t.data())];

/** Gaussian log density. */
const logNormal = (x: number, mu: number, sigma: number) =>
  -0.5 * Math.log(2 * Math.PI) - Math.log(sigma) - (x - mu) ** 2 / (2 * sigma ** 2);

test('hvae with one level is the plain VAE: names, loss and gradients', async () => {
  setDefaultDevice(on);
  const chosen = {
    ...options('hvae', { levels: 1, network: 'conv', warmup: 'none' }),
    reduction: 'sum',
  } as const;
  const one = new HierarchicalVAE([1, 16, 16], chosen, new Generator(1));
  const plain = new PlainVAE([1, 16, 16], chosen, new Generator(1));
  assert.equal([...one.stateDict().keys()], [...plain.stateDict().keys()]);
  const x = new Generator(2).uniform([5, 1, 16, 16]);
  for (const model of [one, plain]) model.objective(x, contextOn(on).context).loss.backward();
  const [a, b] = [one, plain].map((model) => model.objective(x, contextOn(on).context));
  assert.is(await a!.loss.item(), await b!.loss.item());
  assert.is(await a!.parts.kl!.item(), await b!.parts.kl!.item());
  const gradients = (model: PlainVAE | HierarchicalVAE) =>
    Promise.all(model.parameters().map((p) => values(p.grad!)));
  assert.equal(await gradients(one), await gradients(plain));
});

test('hvae: the divergence of each level from the one above, by the formula of two Gaussians', async () => {
  setDefaultDevice(on);
  const model = new HierarchicalVAE(
    shape,
    { ...options('hvae', { network: 'mlp', levels: 2 }), reduction: 'sum' },
    new Generator(3),
  );
  assert.is(model.latent, 4 + 2);
  const x = new Generator(2).uniform([1, ...shape]);
  const { parts } = noGrad(() => model.objective(x, contextOn(on).context));
  // The same draws again: the top level's come first.
  const noise = contextOn(on).context.noise;
  const [top, low] = [await values(noise.normal([1, 2])), await values(noise.normal([1, 4]))];
  const [parameters1, parameters2] = await Promise.all(
    noGrad(() => model.posteriorParameters(x)).map(values),
  );
  const kl = (mq: number, sq: number, mp: number, sp: number) =>
    Math.log(sp / sq) + (sq ** 2 + (mq - mp) ** 2) / (2 * sp ** 2) - 0.5;
  const sigma2 = parameters2!.slice(2).map(Math.exp);
  const z2 = top.map((e, d) => parameters2![d]! + sigma2[d]! * e);
  near(
    await parts.kl2!.item(),
    z2.reduce((sum, _, d) => sum + kl(parameters2![d]!, sigma2[d]!, 0, 1), 0),
    'KL of level 2',
  );
  const prior = await values(noGrad(() => model.falling[0]!.forward(tensor([z2], { dtype: 'float32' }))));
  let kl1 = 0;
  const z1 = low.map((e, d) => {
    const [m, s, mp, sp] = [
      parameters1![d]!,
      Math.exp(parameters1![4 + d]!),
      prior[d]!,
      Math.exp(prior[4 + d]!),
    ];
    const variance = 1 / (s ** -2 + sp ** -2);
    const mq = variance * (m / s ** 2 + mp / sp ** 2);
    kl1 += kl(mq, Math.sqrt(variance), mp, sp);
    return mq + Math.sqrt(variance) * e;
  });
  near(await parts.kl1!.item(), kl1, 'KL of level 1');
  near(await parts.kl!.item(), (await parts.kl1!.item()) + (await parts.kl2!.item()), 'their sum');
  const logits = await values(noGrad(() => model.decoder.forward(tensor([z1], { dtype: 'float32' }))));
  const pixels = await values(x);
  const bce = logits.reduce((sum, l, i) => sum + Math.log1p(Math.exp(l)) - l * pixels[i]!, 0);
  near(await parts.reconstruction!.item(), bce, 'reconstruction');
});

test('hvae: gradcheck of the loss, three levels, in the middle of the warm-up', async () => {
  const chosen = options('hvae', { levels: 3, network: 'mlp', warmupEpochs: 2 });
  await gradcheckLoss((g) => models.get('hvae')!.build(shape, chosen, g), { epoch: 1 });
});

test('iwae: the bound from k weights, each computed by hand; k = 1 is one weight', async () => {
  setDefaultDevice(on);
  for (const k of [1, 3]) {
    const chosen = options('iwae', { samples: k, latent: 2 });
    const model = models.get('iwae')!.build(shape, chosen, new Generator(1)) as ImportanceWeightedAutoencoder;
    const x = new Generator(2).uniform([2, ...shape]);
    const { loss, parts } = noGrad(() => model.objective(x, contextOn(on).context));
    const epsilon = await values(contextOn(on).context.noise.normal([2 * k, 2]));
    const code = noGrad(() => model.encode(x));
    const [mu, sigma] = [await values(code.mean), await values(exp(code.logSigma))];
    const pixels = await values(x);
    let [bound, likelihoods] = [0, 0];
    for (let b = 0; b < 2; b++) {
      const weights: number[] = [];
      for (let i = 0; i < k; i++) {
        const z = [0, 1].map((d) => mu[2 * b + d]! + sigma[2 * b + d]! * epsilon[2 * (b * k + i) + d]!);
        const logits = await values(noGrad(() => model.decode(tensor([z], { dtype: 'float32' }))));
        const logLikelihood = logits.reduce(
          (sum, l, p) => sum + l * pixels[64 * b + p]! - Math.log1p(Math.exp(l)),
          0,
        );
        const ratio = z.reduce(
          (sum, value, d) =>
            sum + logNormal(value, 0, 1) - logNormal(value, mu[2 * b + d]!, sigma[2 * b + d]!),
          0,
        );
        weights.push(logLikelihood + ratio);
        likelihoods += logLikelihood;
      }
      bound += Math.log(weights.reduce((sum, w) => sum + Math.exp(w), 0) / k);
    }
    near(await loss.item(), -bound / 2, `loss, k = ${k}`);
    near(await parts.reconstruction!.item(), -likelihoods / (2 * k), `reconstruction, k = ${k}`);
  }
});

test('iwae: gradcheck of the loss', async () => {
  const chosen = options('iwae', { samples: 4 });
  await gradcheckLoss((g) => models.get('iwae')!.build(shape, chosen, g));
});

for (const [name, chosen] of [
  ['iwae', { samples: 3 }],
  ['hvae', { levels: 3 }],
  ['hvae', { levels: 2, network: 'mlp', likelihood: 'sigma' }],
] as const) {
  test(`${name} ${JSON.stringify(chosen)}: captured steps learn without allocating (${adapter})`, async () => {
    await trainCaptured(name, { hidden: 16, latent: 4, ...chosen });
  });
}

test(`importance-weighted likelihood: the exact one of a linear Gaussian model (${adapter})`, async () => {
  // A decoder that ignores z: every weight is p(x) · p(z)/q(z), and with q = p the estimate is log p(x | 0) exactly.
  setDefaultDevice(device);
  const chosen = { ...options('vae', { network: 'mlp', latent: 2, reduction: 'sum' }) };
  const model = new PlainVAE(shape, chosen, new Generator(1, { device }));
  for (const [name, p] of model.namedParameters()) {
    // The last layers of both networks give 0: μ = 0, log σ = 0, and an image of zeros.
    if (/^encoder\.3|^decoder\.2/.test(name)) writeTo(p, new Float32Array(p.size));
  }
  const images = someImages(7, shape);
  const result = await importanceWeighted(model, images, device, { samples: 9, rows: 16 });
  const { scale, shift } = model.normalization;
  for (let i = 0; i < 7; i++) {
    const bytes = images.images.subarray(64 * i, 64 * (i + 1));
    const exact = bytes.reduce((sum, byte) => sum + logNormal(byte * scale + shift, 0, 1), 0);
    near(result[i]!, exact, `image ${i}`, 1e-5);
  }
});

test(`importance-weighted likelihood: grows with k, never under the ELBO by much, the same for any chunk (${adapter})`, async () => {
  const { model } = await trainCaptured('vae', {
    network: 'mlp',
    latent: 3,
    hidden: 16,
    reduction: 'sum',
    beta: 1,
  });
  const images = { ...someImages(64), count: 10 };
  const estimate = async (samples: number, rows?: number) => {
    const all = await importanceWeighted(model as PlainVAE, images, device, { samples, rows });
    return all.reduce((sum, value) => sum + value, 0) / all.length;
  };
  const [one, many, chunked] = [await estimate(1), await estimate(400), await estimate(400, 64)];
  assert.ok(many > one, `k = 400: ${many}, k = 1: ${one}`);
  near(chunked, many, 'other draws, in chunks of 64', 0.02);
});

test(`a dataset gives the same batches from one tensor of images and from several (${adapter})`, async () => {
  const model = models
    .get('vae')!
    .build(shape, options('vae', { network: 'mlp' }), new Generator(1, { device }));
  const images = someImages(20, shape);
  const batches = async (maxBytes?: number) => {
    const dataset = new DeviceDataset(model, images, { device, maxBytes });
    dataset.advance(13);
    return [dataset.images.length, await values(dataset.batch(9))] as const;
  };
  const [[one, whole], [several, parts]] = [await batches(), await batches(7 * 64 + 63)];
  assert.equal([one, several], [1, 3]);
  assert.equal(parts, whole);
});

test(`codes of all images, and their statistics (${adapter})`, async () => {
  setDefaultDevice(device);
  const model = new PlainVAE(
    shape,
    { ...options('vae', { network: 'mlp', latent: 2 }) },
    new Generator(1, { device }),
  );
  const images = someImages(600, shape);
  const codes = await encodeAll(model, images, device, { reconstruct: true });
  const { scale, shift } = model.normalization;
  const last = tensor(
    Float32Array.from(images.images.subarray(599 * 64, 600 * 64), (byte) => byte * scale + shift),
    { shape: [1, ...shape], device },
  );
  const { mean } = noGrad(() => model.encode(last));
  const pixels = await values(noGrad(() => model.pixels(model.forward(last))));
  const error = pixels.reduce((sum, p, i) => sum + (p - images.images[599 * 64 + i]! / 255) ** 2, 0) / 64;
  near(codes.means[2 * 599]!, (await values(mean))[0]!, 'the last mean', 1e-5);
  near(codes.errors[599]!, error, 'the last error', 1e-5);

  const statistics = latentStatistics({
    count: 2,
    size: 2,
    means: Float32Array.of(1, 0.05, 3, -0.05),
    logSigmas: Float32Array.of(0, Math.log(0.5), 0, Math.log(0.5)),
    errors: new Float32Array(2),
  })!;
  near(statistics.kl[0]!, (1 + 9) / 4, 'KL of z0', 1e-6);
  near(statistics.kl[1]!, (0.25 + 0.0025 - 1) / 2 + Math.log(2), 'KL of z1', 1e-6);
  near(statistics.aggregate.mean[0]!, 2, 'mean');
  near(statistics.aggregate.std[0]!, Math.sqrt(2), 'standard deviation', 1e-6);
  assert.is(statistics.activeUnits, 1);
});

test.run();
