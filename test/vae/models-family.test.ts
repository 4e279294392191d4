/* Runs on the fastest adapter. */
import { readFileSync } from 'node:fs';
import {
  add,
  type Device,
  Generator,
  mean,
  mul,
  referenceDevice,
  type Shape,
  setDefaultDevice,
  sizeOf,
  sum,
  type Tensor,
  tensor,
} from '@tapegrad/tensor';
import {
  type Autoencoder,
  type BlogVAE,
  type ImageShape,
  klFromRate,
  type ModelOptions,
  models,
  settingsOf,
  type TrainingContext,
} from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, close, device, numbers, on } from '../helpers/device.ts';
import { gradcheckLoss, someImages, trainCaptured } from '../helpers/models.ts';

/*
 * The denoising and the sparse autoencoder, the blog's VAE and the β-VAE; for what is special about the contractive one
 * and about corruption, see the suites of their own.
 */

type Chosen = Partial<ModelOptions>;

function build(
  name: string,
  chosen: Chosen = {},
  { where = referenceDevice as Device, image = [1, 8, 8] as ImageShape } = {},
): Autoencoder {
  const spec = models.get(name)!;
  return spec.build(image, settingsOf(spec, chosen), new Generator(1, { device: where }));
}

// -------------------------------------------------------------------------------------------- as PyTorch computes them

interface Case {
  readonly model: string;
  readonly options: Chosen;
  readonly loss: number;
  readonly parts: Readonly<Record<string, number>>;
  /** Norm, and product with random numbers. */
  readonly gradients: Readonly<Record<string, readonly [number, number]>>;
}

/** Made by golden/make_family.py. */
const golden = JSON.parse(readFileSync(new URL('./golden/family.json', import.meta.url), 'utf8')) as {
  cases: Case[];
};

const BATCH = 3;
const PIXELS = 90;
const NORMAL = 91;
const CHANCE = 92;

const given = (where: Device, seed: number, shape: Shape, low: number, high: number): Tensor =>
  on(where, shape, numbers(sizeOf(shape), low, high, seed));

/** The case's model with make_family.py's weights, and its images and noise. */
function asGiven({ model: name, options }: Case, where: Device) {
  const model = build(name, options, { where });
  const state = [...model.stateDict()].map(([key, { shape }], i) => {
    const fanIn = shape.length > 1 ? sizeOf(shape.slice(1)) : 25;
    const bound = Math.fround(1 / Math.sqrt(fanIn));
    return [key, given(where, 100 + i, shape, -bound, bound)] as const;
  });
  model.loadStateDict(new Map(state));
  const pixels = numbers(BATCH * 64, 0, 1, PIXELS);
  const { scale, shift } = model.normalization;
  const seen = (value: number) => (name === 'vae-blog' ? Number(value > 0.5) : value) * 255 * scale + shift;
  const x = on(where, [BATCH, 1, 8, 8], Float64Array.from(pixels, seen));
  const noise = {
    normal: (shape: Shape) => given(where, NORMAL, shape, -2, 2),
    uniform: (shape: Shape) => given(where, CHANCE, shape, 0, 1),
  } as unknown as Generator;
  const context: TrainingContext = { noise, epoch: () => tensor(2.5, { device: where }) };
  return { model, x, context };
}

for (const { where, name, tolerance } of [
  { where: referenceDevice as Device, name: 'reference', tolerance: { absolute: 1e-8, relative: 1e-6 } },
  { where: device as Device, name: adapter, tolerance: { absolute: 1e-5, relative: 1e-4 } },
]) {
  for (const c of golden.cases) {
    const { latent: _, hidden: __, ...options } = c.options;
    test(`${c.model} ${JSON.stringify(options)} as PyTorch computes it (${name})`, async () => {
      setDefaultDevice(where);
      const { model, x, context } = asGiven(c, where);
      const { loss, parts } = model.objective(x, context);
      close([await loss.item()], [c.loss], tolerance, 'loss');
      assert.equal(Object.keys(parts), Object.keys(c.parts));
      assert.equal(Object.keys(parts), [...model.metricNames]);
      for (const [key, part] of Object.entries(parts)) {
        close([await part.item()], [c.parts[key]!], tolerance, key);
      }
      loss.backward();
      assert.equal([...model.namedParameters().keys()], Object.keys(c.gradients));
      for (const [i, [key, parameter]] of [...model.namedParameters()].entries()) {
        const gradient = (await parameter.grad?.data()) ?? new Float32Array(parameter.size);
        const [norm, product] = c.gradients[key]!;
        const probe = numbers(gradient.length, -1, 1, 500 + i);
        const dot = probe.reduce((total, value, k) => total + value * gradient[k]!, 0);
        const scaled = { absolute: tolerance.absolute + tolerance.relative * norm };
        close([Math.hypot(...gradient), dot], [norm, product], scaled, `gradient of ${key}`);
      }
    });
  }
}

// ------------------------------------------------------------------------------------------------- gradients, training

const small = { latent: 3, hidden: 5 };

for (const [name, chosen] of [
  ['denoising-ae', { noise: 'gaussian' }],
  ['denoising-ae', { noise: 'salt-and-pepper', likelihood: 'sigma' }],
  ['sparse-ae', { sparsity: 'l1', sparsityWeight: 0.1 }],
  ['sparse-ae', { sparsity: 'kl', sparsityWeight: 0.1, network: 'mlp', reduction: 'sum' }],
  ['beta-vae', { likelihood: 'bernoulli', warmup: 'cyclical' }],
  ['beta-vae', { gamma: 2, capacity: 8, network: 'mlp', likelihood: 'sigma' }],
] as const satisfies readonly (readonly [string, Chosen])[]) {
  test(`${name} ${JSON.stringify(chosen)}: gradcheck of the loss`, () =>
    gradcheckLoss(
      (generator) => {
        const spec = models.get(name)!;
        return spec.build([1, 8, 8], settingsOf(spec, { ...small, ...chosen }), generator);
      },
      { epoch: 1.5 },
    ));
}

test('vae-blog: gradcheck of the loss', () =>
  gradcheckLoss(
    (generator) => {
      const spec = models.get('vae-blog')!;
      const model = spec.build([1, 3, 5], settingsOf(spec, { latent: 3 }), generator) as BlogVAE;
      // Where the logarithm of std² is not so curved that differences cannot follow it.
      const [weight] = model.std.parameters();
      model.std.loadStateDict(
        new Map([
          ['weight', weight!.detach()],
          ['bias', on(referenceDevice, [3], Float64Array.of(0.8, -1, 0.6))],
        ]),
      );
      return model;
    },
    // 512 units have kinks close by.
    { epsilon: 1e-8, tolerance: 1e-5 },
  ));

for (const [name, chosen] of [
  ['denoising-ae', { noise: 'gaussian' }],
  ['denoising-ae', { noise: 'masking' }],
  ['denoising-ae', { noise: 'salt-and-pepper' }],
  ['sparse-ae', { sparsity: 'l1' }],
  ['sparse-ae', { sparsity: 'kl', sparsityWeight: 0.1 }],
  ['beta-vae', {}],
  ['beta-vae', { gamma: 10, capacity: 5, capacityEpochs: 4 }],
  ['vae-blog', {}],
] as const satisfies readonly (readonly [string, Chosen])[]) {
  test(`${name} ${JSON.stringify(chosen)} trains in captured steps on ${adapter}`, async () => {
    const own = name === 'vae-blog' ? {} : { hidden: 16 };
    await trainCaptured(name, { ...own, ...chosen }, { steps: 25, lr: name === 'vae-blog' ? 1e-3 : 1e-2 });
  });
}

// -------------------------------------------------------------------------------------------------------------- sparse

const rates = (...values: number[]) => tensor(values, { device: referenceDevice });

test('sparse-ae: the divergence of rates by hand', async () => {
  // ½·log(½/¼) + ½·log(½/¾), and 0 for the unit that is where it should be.
  const expected = 0.5 * Math.log(2) + 0.5 * Math.log(2 / 3);
  assert.ok(Math.abs((await klFromRate(rates(0.25, 0.5), 0.5).item()) - expected) < 1e-12);
  assert.ok(Math.abs(await klFromRate(rates(0.05, 0.05), 0.05).item()) < 1e-12);
});

test('sparse-ae: rates of 0 and 1 cost much, but not infinitely', async () => {
  for (const rate of [0, 1]) {
    const cost = await klFromRate(rates(rate), 0.5).item();
    assert.ok(cost > 5 && cost < 10, `${cost}`);
  }
});

for (const sparsity of ['l1', 'kl'] as const) {
  test(`sparse-ae: its codes and what stands for a prior, ${sparsity}`, async () => {
    const model = build('sparse-ae', { sparsity, rho: 0.1 });
    assert.equal(model.latentShape, [64]);
    const x = new Generator(2, { device: referenceDevice }).normal([20, 1, 8, 8]);
    const codes = await model.encode(x).mean.data();
    const drawn = await model.samplePrior(50, new Generator(3, { device: referenceDevice })).data();
    for (const values of [codes, drawn]) assert.ok(values.every((z) => z >= 0));
    if (sparsity === 'l1') return assert.ok(codes.includes(0), 'zeros that are exact');
    assert.ok(codes.every((z) => z > 0 && z < 1));
    const share = [...drawn].reduce((a, b) => a + b) / drawn.length;
    assert.ok(Math.abs(share - 0.1) < 0.02, `${share}`);
    assert.equal([...new Set(drawn)].sort(), [0, 1]);
  });
}

test('sparse-ae: the penalty makes codes sparser', async () => {
  const last = async (sparsityWeight: number) => {
    const { model } = await trainCaptured(
      'sparse-ae',
      { hidden: 16, sparsityWeight, network: 'mlp' },
      { steps: 60 },
    );
    const x = new Generator(2, { device }).uniform([64, 1, 16, 16]);
    return mean(model.encode(x).mean).item();
  };
  const [loose, strict] = [await last(0), await last(0.1)];
  assert.ok(strict < 0.5 * loose, `mean activation ${strict} with the penalty, ${loose} without`);
});

test('sparse-ae: the loss is the reconstruction and the weighted sum of the codes', async () => {
  setDefaultDevice(referenceDevice);
  const model = build('sparse-ae', { sparsityWeight: 0.5 });
  const x = new Generator(2, { device: referenceDevice }).normal([2, 1, 8, 8]);
  const noise = new Generator(3, { device: referenceDevice });
  const { loss, parts } = model.objective(x, { noise, epoch: () => tensor(0) });
  const expected = await add(parts.reconstruction!, mul(parts.sparsity!, 0.5)).item();
  assert.ok(Math.abs((await loss.item()) - expected) < 1e-12);
  const codes = await sum(model.encode(x).mean).item();
  assert.ok(Math.abs((await parts.sparsity!.item()) - codes / 2) < 1e-12);
});

// ------------------------------------------------------------------------------------------------------ the blog's VAE

test('vae-blog: parameters as the post counts them, under the names of a PyTorch module', () => {
  const model = build('vae-blog', {}, { image: [1, 28, 28] });
  assert.is(
    model.parameters().reduce((total, { size }) => total + size, 0),
    872_616,
  );
  const shapes = [...model.namedParameters()].map(([name, { shape }]) => `${name} ${shape.join('x')}`);
  assert.equal(
    shapes.filter((text) => text.includes('weight')),
    [
      'encoder.0.weight 512x784',
      'encoder.2.weight 64x512',
      'mean.weight 12x64',
      'std.weight 12x64',
      'decoder.0.weight 64x12',
      'decoder.2.weight 512x64',
      'decoder.4.weight 784x512',
    ],
  );
  const { batchSize, epochs, lr, beta, binarize } = models.get('vae-blog')!.defaults;
  assert.equal({ batchSize, epochs, lr, beta, binarize }, {
    batchSize: 32,
    epochs: 15,
    lr: 1e-3,
    beta: 5,
    binarize: 'threshold',
  } as const);
});

test('vae-blog: a std of 0 has a finite loss and gradient', async () => {
  setDefaultDevice(referenceDevice);
  const model = build('vae-blog', { latent: 2 }) as BlogVAE;
  model.std.loadStateDict(
    new Map([
      ['weight', on(referenceDevice, [2, 64], new Float64Array(128))],
      ['bias', on(referenceDevice, [2], new Float64Array(2))],
    ]),
  );
  const noise = new Generator(2, { device: referenceDevice });
  const x = noise.bernoulli([3, 1, 8, 8]);
  const { loss, parts } = model.objective(x, { noise, epoch: () => tensor(0) });
  // ½ · 2 · −log 1e-8, and μ²/2.
  const kl = await parts.kl!.item();
  assert.ok(kl > 18.42 && kl < 19.5, `${kl}`);
  loss.backward();
  for (const [name, parameter] of model.namedParameters()) {
    assert.ok((await parameter.grad!.data()).every(Number.isFinite), name);
  }
});

test('vae-blog: the sign of std makes no difference, and nats know of the constant', async () => {
  setDefaultDevice(referenceDevice);
  const noise = () => new Generator(2, { device: referenceDevice });
  const model = build('vae-blog', { latent: 2 }) as BlogVAE;
  const x = noise().bernoulli([3, 1, 8, 8]);
  const lossOf = () => model.objective(x, { noise: noise(), epoch: () => tensor(0) });
  const before = lossOf();
  const negated = [...model.std.stateDict()].map(([name, t]) => [name, mul(t, -1)] as const);
  const [loss, kl] = [await before.loss.item(), await before.parts.kl!.item()];
  model.std.loadStateDict(new Map(negated));
  const after = lossOf();
  assert.ok(Math.abs((await after.loss.item()) - loss) < 1e-10 * loss);

  const { mean: mu, logSigma } = model.encode(x);
  const [means, logs] = [[...(await mu.data())], [...(await logSigma.data())]];
  const exact = means.reduce((total, m, i) => total + (Math.exp(2 * logs[i]!) + m * m - 1) / 2 - logs[i]!, 0);
  const nats = model.nats({ reconstruction: 7, kl });
  assert.ok(Math.abs(nats.kl - exact / 3) < 1e-10, `${nats.kl} and ${exact / 3}`);
  assert.ok(Math.abs(nats.elbo + 7 + exact / 3) < 1e-10);
  assert.is(model.effectiveBeta, 5);
});

test('vae-blog: ε is drawn for every sample and dimension', () => {
  const shapes: Shape[] = [];
  const noise = {
    normal(shape: Shape) {
      shapes.push(shape);
      return new Generator(1, { device: referenceDevice }).normal(shape);
    },
  } as unknown as Generator;
  const model = build('vae-blog');
  model.objective(new Generator(1, { device: referenceDevice }).bernoulli([5, 1, 8, 8]), {
    noise,
    epoch: () => tensor(0),
  });
  assert.equal(shapes, [[5, 12]]);
});

// --------------------------------------------------------------------------------------------------------------- β-VAE

test('beta-vae: β = 4 on sums in nats; the capacity form names itself', () => {
  const spec = models.get('beta-vae')!;
  assert.is(spec.units(settingsOf(spec)), 'nats per image + 4 · KL');
  assert.is(spec.units(settingsOf(spec, { gamma: 100 })), 'nats per image + 100 · |KL − C|');
  assert.is(build('beta-vae').effectiveBeta, 4);
  assert.is(build('beta-vae', { gamma: 100 }).effectiveBeta, undefined);
});

test('beta-vae: the capacity form has no warm-up and no free bits', () => {
  assert.throws(
    () => build('beta-vae', { gamma: 1, warmup: 'linear' }),
    'gamma 1: the capacity form γ·|KL − C| has no place for --warmup linear: leave one of them out',
  );
  assert.throws(
    () => build('beta-vae', { gamma: 1, freeBits: 0.5 }),
    'gamma 1: the capacity form γ·|KL − C| has no place for --free-bits 0.5: leave one of them out',
  );
});

test(`beta-vae: KL goes where its capacity goes on ${adapter}`, async () => {
  const { images } = someImages(64);
  const x = on(
    device,
    [64, 1, 16, 16],
    Float32Array.from(images, (byte) => byte / 255),
  );
  for (const capacity of [2, 6]) {
    // Four steps are an epoch: C has been there for half of them.
    const { model } = await trainCaptured(
      'beta-vae',
      { network: 'mlp', hidden: 32, gamma: 30, capacity, capacityEpochs: 20, latent: 4 },
      { steps: 160, lr: 3e-3 },
    );
    const context = { noise: new Generator(3, { device }), epoch: () => tensor(40, { device }) };
    const kl = await model.objective(x, context).parts.kl!.item();
    assert.ok(Math.abs(kl - capacity) < 1, `a KL of ${kl} with a capacity of ${capacity}`);
  }
});

// ------------------------------------------------------------------------------------------------------------- refused

test('odd sizes are refused where the network is convolutional', () => {
  for (const name of ['denoising-ae', 'sparse-ae', 'contractive-ae', 'beta-vae']) {
    assert.throws(
      () => build(name, {}, { image: [1, 30, 28] }),
      'the convolutions halve the image until 4 to 7 pixels are left, but 30x28 comes to 15x14: use another image size (32 is one that does), or --network mlp',
    );
    assert.is(build(name, { network: 'mlp' }, { image: [1, 30, 28] }).pixelCount, 840);
  }
});

test.run();
