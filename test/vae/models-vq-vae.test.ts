/* Runs on the fastest adapter. */
import { readFileSync } from 'node:fs';
import { clearGradient, noGrad, requiresGrad } from '@tapegrad/autograd';
import {
  type Device,
  Generator,
  mean,
  pad,
  referenceDevice,
  type Shape,
  slice,
  square,
  sub,
  type Tensor,
  tensor,
  writeTo,
} from '@tapegrad/tensor';
import {
  Codebook,
  type CodebookOptions,
  faultOf,
  type ModelOptions,
  modelOptions,
  perplexity,
  settingsOf,
  Trainer,
  type VectorQuantizedVAE,
  vqVae,
} from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, device, numbers, on } from '../helpers/device.ts';
import { trainCaptured } from '../helpers/models.ts';
import { fewDigits } from '../helpers/runs.ts';

const devices = [
  { name: 'reference', device: referenceDevice, tolerance: 1e-9 },
  { name: adapter, device, tolerance: 1e-4 },
];

function build(
  shape: readonly [number, number, number],
  chosen: Partial<ModelOptions>,
  device: Device,
  seed = 0,
): VectorQuantizedVAE {
  const options = settingsOf(vqVae, chosen);
  return vqVae.build(shape, options, new Generator(seed, { device })) as VectorQuantizedVAE;
}

const contextOf = (device: Device, seed = 7) => ({
  noise: new Generator(seed, { device }),
  epoch(): Tensor {
    throw new Error('this model has no schedule');
  },
});

function close(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  assert.is(actual.length, expected.length, `${what}: length`);
  const scale = Math.max(...Array.from(expected, Math.abs), 1e-3);
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!) / scale;
    if (!(error <= tolerance))
      throw new Error(`${what}: ${actual[i]} at ${i} instead of ${expected[i]} (allowed ${tolerance})`);
  }
}

/** Writes numbers into a tensor, which may be float64. */
const write = (t: Tensor, list: readonly number[]): void =>
  writeTo(t, t.device === referenceDevice ? Float64Array.from(list) : Float32Array.from(list));

const values = async (t: Tensor): Promise<number[]> => Array.from(await t.data());

// ------------------------------------------------------------------------------------------------------- PyTorch's

interface Golden {
  readonly shape: Shape;
  readonly data: number[];
}
type GoldenState = Readonly<Record<string, Golden>>;
interface GoldenStep {
  readonly loss: Golden;
  readonly reconstruction: Golden;
  readonly quantization: Golden;
  readonly indices: Golden;
  readonly counts: Golden;
  readonly gradients: GoldenState;
}
/** golden/make_vq_vae.py says what is in it. */
const golden: {
  state: GoldenState;
  images: Golden[];
  loss: GoldenStep;
  ema: GoldenStep[];
  after: GoldenState;
} = JSON.parse(readFileSync(new URL('./golden/vq-vae.json', import.meta.url), 'utf8'));

const small = { latent: 3, hidden: 4, codes: 5, decay: 0.9, restart: 0 } as const;

/** A model with PyTorch's weights; m is at first equal to them. */
function goldenModel(codebook: 'ema' | 'loss', device: Device): VectorQuantizedVAE {
  const model = build([1, 8, 8], { ...small, codebook }, device);
  for (const [name, t] of model.stateDict()) {
    const given = golden.state[name === 'codebook.embed_avg' ? 'codebook.weight' : name];
    if (given) write(t, given.data);
  }
  return model;
}

for (const { name: where, device, tolerance } of devices) {
  const compare = async (model: VectorQuantizedVAE, image: Golden, expected: GoldenStep) => {
    const x = on(device, image.shape, Float64Array.from(image.data));
    const indices = model.indices(x);
    assert.equal(indices.shape, [3, 2, 2]);
    assert.equal(await values(indices), expected.indices.data);
    for (const parameter of model.parameters()) clearGradient(parameter);
    const { loss, parts, counters } = model.objective(x, contextOf(device));
    close(await values(loss), expected.loss.data, tolerance, 'loss');
    assert.equal(Object.keys(parts), [...model.metricNames]);
    for (const name of ['reconstruction', 'quantization'] as const)
      close(await values(parts[name]!), expected[name].data, tolerance, name);
    assert.equal(await values(counters!.codes!), expected.counts.data);
    loss.backward();
    const parameters = model.namedParameters();
    assert.equal([...parameters.keys()].sort(), Object.keys(expected.gradients).sort());
    for (const [name, parameter] of parameters)
      close(await values(parameter.grad!), expected.gradients[name]!.data, tolerance, name);
  };

  test(`vq-vae: PyTorch's loss, metrics and gradients, with a loss for the codes (${where})`, () =>
    compare(goldenModel('loss', device), golden.images[0]!, golden.loss));

  test(`vq-vae: PyTorch's loss, gradients and moving averages over two steps (${where})`, async () => {
    const model = goldenModel('ema', device);
    for (const [i, expected] of golden.ema.entries()) await compare(model, golden.images[i]!, expected);
    const state = model.stateDict();
    for (const [name, { data }] of Object.entries(golden.after))
      close(await values(state.get(name)!), data, tolerance, name);
  });
}

// ------------------------------------------------------------------------------------------------------- gradients

test('vq-vae: the gradient at the decoder’s input passes straight through to the encoder', async () => {
  const model = build([1, 8, 8], { ...small, commitment: 0 }, referenceDevice).eval();
  const x = on(referenceDevice, [2, 1, 8, 8], numbers(128, -1, 2));
  const e = requiresGrad(noGrad(() => model.encode(x).mean));
  mean(square(sub(model.decode(e), x))).backward();
  const expected = await values(e.grad!.sum([0, 2, 3]));
  for (const parameter of model.parameters()) clearGradient(parameter);
  model.objective(x, contextOf(referenceDevice)).loss.backward();
  const bias = model.stateDict().get('encoder.4.bias')!;
  assert.ok(expected.every((g) => Math.abs(g) > 1e-4));
  close(await values(bias.grad!), expected, 1e-12, 'gradient of the last bias');
});

/** The loss where sg(…) is what it was at first: its true gradient there is the one that the model has to give. */
function surrogate(model: VectorQuantizedVAE, x: Tensor, codebook: 'ema' | 'loss', commitment: number) {
  const rows = (z: Tensor) => z.permute([0, 2, 3, 1]).reshape([-1, model.latent]);
  const image = (e: Tensor, z: Tensor) =>
    e.reshape([z.shape[0]!, z.shape[2]!, z.shape[3]!, -1]).permute([0, 3, 1, 2]);
  const z0 = model.encoder.forward(x);
  const indices = model.codebook.nearest(rows(z0));
  const e0 = image(model.codebook.lookUp(indices), z0);
  return (): Tensor => {
    const z = model.encoder.forward(x);
    const e = image(model.codebook.lookUp(indices), z0);
    const reconstruction = mean(square(sub(model.decode(z.add(e0).sub(z0)), x)));
    const loss = reconstruction.add(mean(square(sub(z, e0))).mul(commitment));
    return codebook === 'loss' ? loss.add(mean(square(sub(z0, e)))) : loss;
  };
}

for (const codebook of ['ema', 'loss'] as const) {
  test(`vq-vae: gradients against central differences with what is stopped held fast (${codebook})`, async () => {
    const commitment = 0.7;
    const model = build([2, 8, 12], { ...small, codebook, commitment }, referenceDevice).eval();
    const x = on(referenceDevice, [2, 2, 8, 12], numbers(384, -1, 2));
    const loss = noGrad(() => surrogate(model, x, codebook, commitment));
    for (const parameter of model.parameters()) clearGradient(parameter);
    model.objective(x, contextOf(referenceDevice)).loss.backward();
    for (const [i, [name, parameter]] of [...model.namedParameters()].entries()) {
      const start = Float64Array.from(await parameter.data());
      const direction = numbers(start.length, -1, 1, i + 1);
      const gradient = await values(parameter.grad!);
      const analytic = gradient.reduce((total, g, k) => total + g * direction[k]!, 0);
      const at = async (step: number) => {
        writeTo(
          parameter,
          start.map((value, k) => value + step * direction[k]!),
        );
        return noGrad(loss).item();
      };
      const numeric = ((await at(1e-5)) - (await at(-1e-5))) / 2e-5;
      writeTo(parameter, start);
      assert.ok(Math.abs(analytic) > 1e-6, `${name} has a gradient`);
      close([analytic], [numeric], 1e-6, name);
    }
  });
}

// -------------------------------------------------------------------------------------------------------- codebook

const options: CodebookOptions = { codes: 2, codebook: 'ema', decay: 0.5, restart: 0 };

/** A codebook of given codes. */
function codebookOf(codes: readonly (readonly number[])[], chosen: Partial<CodebookOptions>, device: Device) {
  const generator = new Generator(0, { device });
  const codebook = new Codebook(codes[0]!.length, { ...options, codes: codes.length, ...chosen }, generator);
  write(codebook.weight, codes.flat());
  if (codebook.embedAvg) write(codebook.embedAvg, codes.flat());
  return codebook;
}

/** One step of learning from rows. */
function learn(codebook: Codebook, rows: Tensor, noise: Generator): void {
  const assigned = codebook.oneHot(codebook.nearest(rows));
  codebook.learn(rows, assigned, assigned.sum(0), noise);
}

for (const { name: where, device, tolerance } of devices) {
  const rowsOf = (...rows: number[][]) => tensor(rows, { device });

  test(`codebook: the nearest code, the first of equals (${where})`, async () => {
    const codebook = codebookOf(
      [
        [0, 0],
        [3, 4],
        [3, 4],
        [-1, 0],
      ],
      {},
      device,
    );
    const rows = rowsOf([0.1, 0], [3, 3], [-9, 1], [-0.5, 0], [100, 100]);
    const nearest = codebook.nearest(rows);
    assert.is(nearest.dtype, 'int32');
    assert.equal(await values(nearest), [0, 1, 3, 0, 1]);
    assert.equal(await values(codebook.forward(rows)), [0, 0, 3, 4, -1, 0, 0, 0, 3, 4]);
    assert.equal(await values(codebook.oneHot(nearest).sum(0)), [2, 2, 0, 1]);
  });

  test(`codebook: two steps of the moving averages, by hand (${where})`, async () => {
    const codebook = codebookOf([[0], [10], [100]], {}, device);
    const noise = new Generator(1, { device });
    // Codes 0, 0, 1: N = ½ + ½·[2, 1, 0], m = ½·[0, 10, 100] + ½·[3, 9, 0].
    learn(codebook, rowsOf([1], [2], [9]), noise);
    close(await values(codebook.clusterSize), [1.5, 1, 0.5], tolerance, 'N');
    close(await values(codebook.embedAvg!), [1.5, 9.5, 50], tolerance, 'm');
    close(await values(codebook.weight), [1, 9.5, 100], tolerance, 'e');
    // Codes 0, 1, 1: N = [1.25, 1.5, 0.25], m = [0.75 + 2, 4.75 + 7, 25].
    learn(codebook, rowsOf([4], [6], [8]), noise);
    close(await values(codebook.clusterSize), [1.25, 1.5, 0.25], tolerance, 'N');
    close(await values(codebook.embedAvg!), [2.75, 11.75, 25], tolerance, 'm');
    close(await values(codebook.weight), [2.2, 11.75 / 1.5, 100], tolerance, 'e');
    assert.is((await values(codebook.weight))[2], 100, 'a code that stands for nothing stays where it is');
    assert.equal(await values(noise.state), [1, 0, 0, 0], 'nothing is drawn where nothing restarts');
  });

  test(`codebook: a code that is never used stays finite when its counts underflow (${where})`, async () => {
    const codebook = codebookOf([[0], [7]], { decay: 0 }, device);
    const noise = new Generator(1, { device });
    for (let step = 0; step < 3; step++) learn(codebook, rowsOf([1], [2]), noise);
    assert.equal(await values(codebook.clusterSize), [2, 0]);
    assert.equal(await values(codebook.weight), [1.5, 7]);
  });

  for (const learning of ['ema', 'loss'] as const) {
    test(`codebook: exactly the dead codes start anew, as rows of the batch (${learning}, ${where})`, async () => {
      const codes = [
        [0, 0],
        [10, 0],
        [100, 0],
        [200, 0],
        [300, 0],
      ];
      const codebook = codebookOf(codes, { codebook: learning, restart: 0.75 }, device);
      const rows = [
        [1, 1],
        [9, 2],
        [-1, 3],
        [11, 4],
        [101, 5],
      ];
      // N = ½ + ½·[2, 2, 1, 0, 0]: the last two are under 0.75.
      learn(codebook, rowsOf(...rows), new Generator(5, { device }));
      const draws = await new Generator(5, { device }).uniform([5]).data();
      const fresh = Array.from(draws, (u) => rows[Math.floor(5 * u)]!);
      assert.not.equal(fresh[3], fresh[4], 'a seed that draws two different rows');
      // m = ½·codes + ½·[[0, 4], [20, 6], [101, 5]] of the living.
      const sums = [0, 2, 15, 3, 100.5, 2.5];
      const averages = [0, 4 / 3, 10, 2, 100.5, 2.5];
      if (learning === 'ema')
        close(await values(codebook.embedAvg!), [...sums, ...fresh[3]!, ...fresh[4]!], tolerance, 'm');
      else assert.is(codebook.embedAvg, null);
      close(await values(codebook.clusterSize), [1.5, 1.5, 1, 1, 1], tolerance, 'N');
      const weight = await values(codebook.weight);
      const living = learning === 'ema' ? averages : codes.slice(0, 3).flat();
      close(weight.slice(0, 6), living, tolerance, 'the living');
      assert.equal(weight.slice(6), [...fresh[3]!, ...fresh[4]!], 'the dead');
    });
  }

  test(`codebook: a code at the threshold lives, and with 0 none restarts (${where})`, async () => {
    for (const restart of [0.5, 0]) {
      const codebook = codebookOf([[0], [10]], { restart }, device);
      learn(codebook, rowsOf([1], [2]), new Generator(5, { device }));
      assert.is((await values(codebook.weight))[1], 10);
    }
  });
}

test('codebook: perplexity', () => {
  assert.ok(Math.abs(perplexity([7, 7, 7, 7]) - 4) < 1e-12);
  assert.is(perplexity([0, 12, 0]), 1);
  assert.ok(Math.abs(perplexity([1, 3]) - 4 / 27 ** 0.25) < 1e-12);
  assert.ok(Number.isNaN(perplexity([0, 0])));
});

// ----------------------------------------------------------------------------------------------------------- shapes

test('vq-vae: shapes of images that are not square, and of codes', async () => {
  const model = build([3, 12, 20], { ...small, codes: 7 }, device);
  assert.equal(model.latentShape, [3, 3, 5]);
  const x = on(device, [2, 3, 12, 20], numbers(1440, -1, 1));
  const [indices, latents, direct] = noGrad(() => [model.indices(x), model.encode(x).mean, model.forward(x)]);
  assert.equal(indices!.shape, [2, 3, 5]);
  assert.equal(latents!.shape, [2, 3, 3, 5]);
  assert.equal(direct!.shape, [2, 3, 12, 20]);
  const [codes, book, z] = [
    await values(indices!),
    await values(model.codebook.weight),
    await values(latents!),
  ];
  const expected = z.map((_, i) => {
    const [image, channel, place] = [Math.floor(i / 45), Math.floor(i / 15) % 3, i % 15];
    return book[codes[image * 15 + place]! * 3 + channel]!;
  });
  assert.equal(z, expected);
  const decoded = noGrad(() => model.decode(latents!));
  assert.equal(await values(decoded), await values(direct!));
  assert.equal(build([3, 64, 64], {}, device).latentShape, [16, 16, 16]);
  assert.equal(build([1, 28, 28], {}, device).latentShape, [16, 7, 7]);
});

test('vq-vae: the prior draws every place from the codebook', async () => {
  const model = build([1, 8, 8], { ...small, codes: 4 }, device);
  const noise = new Generator(3, { device });
  const z = model.samplePrior(50, noise);
  assert.equal(z.shape, [50, 3, 2, 2]);
  const [latents, book] = [await values(z), await values(model.codebook.weight)];
  const counts = [0, 0, 0, 0];
  for (let image = 0; image < 50; image++) {
    for (let place = 0; place < 4; place++) {
      const vector = [0, 1, 2].map((channel) => latents[image * 12 + channel * 4 + place]);
      const code = counts.findIndex((_, k) =>
        vector.every((value, channel) => value === book[k * 3 + channel]),
      );
      counts[code]!++;
    }
  }
  assert.is(counts.length, 4, 'no vector of another place');
  assert.ok(
    counts.every((n) => n > 25 && n < 80),
    `each code about 50 times: ${counts}`,
  );
  assert.not.equal(await values(model.samplePrior(50, noise)), latents);
});

test('vq-vae: sums in place of means, and nats', async () => {
  const x = on(device, [2, 1, 8, 8], numbers(128, -1, 2));
  const parts: number[][] = [];
  for (const reduction of ['mean', 'sum'] as const) {
    const model = build([1, 8, 8], { ...small, codebook: 'loss', commitment: 0.5, reduction }, device);
    const { loss, parts: each } = model.objective(x, contextOf(device));
    const metrics = [loss, each.reconstruction!, each.quantization!];
    parts.push((await Promise.all(metrics.map(values))).map(([value]) => value!));
  }
  const [[loss, reconstruction, quantization], summed] = parts as [number[], number[]];
  close([loss!], [reconstruction! + 1.5 * quantization!], 1e-5, 'loss');
  // Half a nat for each of 64 pixels; 3 numbers at each of 4 places.
  close(
    summed,
    [32 * reconstruction! + 18 * quantization!, 32 * reconstruction!, 12 * quantization!],
    1e-5,
    'sums',
  );
  const model = build([1, 8, 8], small, device);
  const { elbo, kl, reconstruction: nats } = model.nats({ reconstruction: 0.25 });
  close([kl, nats], [4 * Math.log(5), 32 * (0.25 + Math.log(2 * Math.PI))], 1e-12, 'nats');
  assert.is(elbo, -(nats + kl));
});

for (const { name, device, tolerance } of devices) {
  test(`vq-vae on ${name}: an image that cannot be halved twice is padded, and what is decoded is cut`, async () => {
    for (const [height, width] of [
      [7, 8],
      [8, 5],
      [3, 2],
    ] as const) {
      const [rows, columns] = [Math.ceil(height / 4), Math.ceil(width / 4)];
      const model = build([2, height, width], small, device);
      const wide = build([2, 4 * rows, 4 * columns], small, device);
      assert.equal(model.latentShape, [model.latent, rows, columns]);
      const x = on(device, [3, 2, height, width], numbers(6 * height * width, -1, 1));
      const codes = model.indices(x);
      assert.equal(codes.shape, [3, rows, columns]);
      const image = model.forward(x);
      assert.equal(image.shape, x.shape);
      // The same weights on the image with zeros around it.
      const padded = pad(x, [
        [0, 0],
        [0, 0],
        [0, 4 * rows - height],
        [0, 4 * columns - width],
      ]);
      const expected = slice(
        wide.decoder.forward(wide.encode(padded).mean),
        null,
        null,
        [0, height],
        [0, width],
      );
      close(await values(image), await values(expected), tolerance, `${height}x${width}`);
      const { loss } = model.objective(requiresGrad(x), contextOf(device));
      loss.backward();
      assert.ok(Number.isFinite(await loss.item()));
      assert.ok((await values(x.grad!)).some((value) => value !== 0));
    }
  });
}

test('vq-vae: bad options', () => {
  const bad = { codes: 0, codebook: 'both', commitment: -1, decay: 1, restart: -0.5 };
  for (const [name, value] of Object.entries(bad))
    assert.type(faultOf(modelOptions[name as keyof typeof bad], value), 'string', name);
});

// --------------------------------------------------------------------------------------------------------- training

const data = fewDigits(160, 48);
const training = { latent: 8, hidden: 16, codes: 16, batchSize: 32, lr: 1e-2, seed: 3, device };
const trainerOf = (chosen: Partial<ModelOptions> = {}) =>
  new Trainer(vqVae, data, settingsOf(vqVae, { ...training, ...chosen }));

const bytes = async (trainer: Trainer): Promise<Record<string, string>> =>
  Object.fromEntries(
    [...(await trainer.checkpoint()).tensors].map(([name, { data }]) => {
      const { buffer, byteOffset, byteLength } = data as Float32Array;
      return [name, Buffer.from(buffer, byteOffset, byteLength).toString('base64')];
    }),
  );

for (const codebook of ['ema', 'loss'] as const) {
  test(`vq-vae on ${adapter}: captured steps learn, and make, upload and read back nothing (${codebook})`, async () => {
    const { losses } = await trainCaptured('vq-vae', { latent: 8, hidden: 16, codes: 64, codebook });
    const [first, last] = [losses[0]!, losses.at(-1)!];
    assert.ok(last < 0.3 * first, `the loss goes from ${first} to ${last}`);
  });

  test(`vq-vae on ${adapter}: one epoch and one resumed give the bytes of two (${codebook})`, async () => {
    const straight = trainerOf({ codebook });
    await straight.trainEpoch(() => {});
    await straight.trainEpoch(() => {});
    const first = trainerOf({ codebook });
    let steps = 0;
    assert.not(
      await first.trainEpoch(
        () => {},
        () => ++steps > 2,
      ),
    );
    const { tensors, metadata } = await first.checkpoint();
    const names = ['codebook.cluster_size', 'count.codes'];
    if (codebook === 'ema') names.push('codebook.weight', 'codebook.embed_avg');
    for (const name of names) assert.ok(tensors.has(name), name);
    const second = trainerOf({ codebook });
    second.restore(tensors, metadata);
    await second.trainEpoch(() => {});
    await second.trainEpoch(() => {});
    assert.equal(await bytes(second), await bytes(straight));
    assert.equal(second.epochMetrics, straight.epochMetrics);
  });
}

test(`vq-vae on ${adapter}: evaluation changes nothing, and says how many codes the test set uses`, async () => {
  const trainer = trainerOf({ restart: 1000 });
  await trainer.trainEpoch(() => {});
  const before = await bytes(trainer);
  const metrics = await trainer.evaluate();
  assert.equal(await bytes(trainer), before);
  assert.equal(await trainer.evaluate(), metrics);
  assert.equal(Object.keys(metrics), ['loss', 'reconstruction', 'quantization', 'perplexity']);
  const { perplexity: ofTraining } = trainer.epochMetrics;
  for (const value of [metrics.perplexity!, ofTraining!]) assert.ok(value > 1 && value <= 16, `${value}`);
});

test.run();
