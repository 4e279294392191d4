/* Runs on the fastest adapter. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { every, exponentialLR, Linear, linearLR, sequentialLR } from '@tapegrad/nn';
import { openDevice } from '@tapegrad/node';
import { add, div, type Generator, mean, mul, sqrt, square, sub, type Tensor } from '@tapegrad/tensor';
import {
  Autoencoder,
  type ModelOptions,
  type ModelSpec,
  models,
  settingsOf,
  shuffledOrder,
  Trainer,
} from '@tapegrad/vae';
import {
  type EpochRecord,
  type Listener,
  RunFolder,
  type RunRequest,
  readRunState,
  trainRun,
  UserError,
} from 'tapegrad/node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { device } from '../helpers/device.ts';
import { fewDigits, temporaryFolder } from '../helpers/runs.ts';

const root = temporaryFolder();
/** 300 images: four batches of 64, and one of 44. */
const data = fewDigits(300, 60);
const quiet: Listener = { preparing() {}, step() {}, epoch() {} };

interface Options {
  terms?: ModelOptions['terms'];
  epochs?: number;
  lr?: number;
  listener?: Partial<Listener>;
  stop?: () => boolean;
  on?: RunRequest['device'];
}

/** Trains `model` into the folder `name`, or goes on with what is there. */
async function run(
  model: string,
  name: string,
  options: Options & { resume?: boolean } = {},
): Promise<boolean> {
  const {
    terms = 'both',
    epochs = 1,
    lr = 1e-3,
    listener = {},
    stop = () => false,
    resume = false,
    on = device,
  } = options;
  const spec = models.get(model)!;
  const path = join(root, name);
  const folder = resume ? await RunFolder.take(path) : undefined;
  return trainRun({
    folder: () => folder ?? RunFolder.claim(path),
    config: {
      ...settingsOf(spec),
      model,
      terms,
      hidden: 8,
      batchSize: 64,
      epochs,
      lr,
      seed: 3,
      data: 'few',
      limit: null,
      logEvery: 1,
      imageShape: data.shape,
      checksums: data.checksums,
      adapter: { name: '', driver: '', kind: '' },
      versions: {},
    },
    spec,
    data,
    resume: folder && readRunState(folder),
    listener: { ...quiet, ...listener },
    stop,
    device: on,
  });
}

const file = (name: string, what: string) => readFileSync(join(root, name, what)).toString('base64');
const metrics = (name: string) =>
  RunFolder.open(join(root, name))
    .readMetrics()
    .map(({ seconds: _, ...record }) => record);

const epochs = (name: string) =>
  metrics(name).filter(({ kind }) => kind === 'epoch') as unknown as EpochRecord[];

function same(a: string, b: string): void {
  assert.is(file(a, 'weights.safetensors'), file(b, 'weights.safetensors'), 'weights');
  assert.equal(metrics(a), metrics(b), 'metrics');
}

const rejection = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => assert.unreachable('it was accepted') as never,
    (error: Error) => error,
  );

// ----------------------------------------------------------------------------------------------- the same bytes again

for (const model of ['ae', 'vae', 'vae-mlp']) {
  test(`trainer: ${model}: one epoch and one resumed give the bytes of two`, async () => {
    assert.ok(await run(model, `${model}-straight`, { epochs: 2 }));
    await run(model, `${model}-parts`, { epochs: 1 });
    await run(model, `${model}-parts`, { epochs: 2, resume: true });
    same(`${model}-parts`, `${model}-straight`);
    const [first, last] = epochs(`${model}-straight`);
    assert.is(first!.steps, 5);
    assert.ok(last!.train.loss! < first!.train.loss!, 'it learns');
  });

  test(`trainer: ${model}: stopped in the middle of an epoch, resumed to the same bytes`, async () => {
    const name = `${model}-stopped`;
    let asked = 0;
    const complete = await run(model, name, { epochs: 2, stop: () => ++asked > 1 });
    assert.not(complete);
    const steps = metrics(name).length;
    assert.ok(steps > 0 && steps < 5, `stopped after ${steps} steps`);
    assert.ok(await run(model, name, { epochs: 2, resume: true }));
    same(name, `${model}-straight`);
  });
}

test('trainer: parameters that the loss leaves out stay, and the others resume to the same bytes', async () => {
  await run('vae-mlp', 'kl-straight', { terms: 'kl', epochs: 2 });
  await run('vae-mlp', 'kl-resumed', { terms: 'kl', epochs: 1 });
  await run('vae-mlp', 'kl-resumed', { terms: 'kl', epochs: 2, resume: true });
  same('kl-resumed', 'kl-straight');
});

test('trainer: averages weigh the smaller batch by its images', () => {
  const steps = metrics('vae-mlp-straight').filter(({ kind, epoch }) => kind === 'step' && epoch === 1);
  const expected = steps.reduce((sum, { loss }, i) => sum + (loss as number) * (i === 4 ? 44 : 64), 0) / 300;
  const [{ train }] = epochs('vae-mlp-straight') as [EpochRecord];
  assert.ok(Math.abs(train.loss! - expected) < 1e-9 * expected);
});

test('trainer: every epoch has an order of its own, and a seed too', () => {
  const [a, b, c] = [shuffledOrder(300, 1, 0), shuffledOrder(300, 1, 1), shuffledOrder(300, 2, 0)];
  for (const order of [a, b, c])
    assert.equal(
      [...order].sort((x, y) => x - y),
      [...Array(300).keys()],
    );
  assert.not.equal(a, b);
  assert.not.equal(a, c);
  assert.equal(shuffledOrder(300, 1, 0), a);
});

test('trainer: no buffer is made after the first epoch', async () => {
  const bytes: number[] = [];
  const buffers: number[] = [];
  await run('vae', 'buffers', {
    epochs: 4,
    listener: {
      epoch() {
        bytes.push(device.stats.bufferBytes);
        buffers.push(device.stats.buffers);
      },
    },
  });
  for (const counts of [bytes, buffers]) assert.equal(counts.slice(1), Array(3).fill(counts[0]));
});

// ---------------------------------------------------------------------------------------------- what is no number

for (const model of ['ae', 'vae', 'vae-mlp']) {
  test(`trainer: ${model}: a loss that is not finite stops the run and names the tensor`, async () => {
    const error = await rejection(run(model, `${model}-nan`, { lr: 1e30 }));
    assert.instance(error, UserError);
    assert.match(
      error.message,
      /^the loss is not finite at step 2 \(loss .*\); the first tensor that is not finite: output of \w+ \(op \d+ of step 2\), shape \[64, .*\], value \S+ at element \d+; there was no checkpoint yet; try a smaller --lr$/,
    );
    assert.is(metrics(`${model}-nan`).length, 1, 'the first step, which was good');
  });
}

test('trainer: the last good checkpoint stays', async () => {
  await run('vae-mlp', 'diverging', { epochs: 1 });
  const good = ['weights.safetensors', 'state.safetensors'].map((what) => file('diverging', what));
  const error = await rejection(run('vae-mlp', 'diverging', { epochs: 2, lr: 1e30, resume: true }));
  assert.match(error.message, /at step 7 .*op \d+ of step 7.*; the last checkpoint in .*diverging is kept;/);
  assert.equal(
    ['weights.safetensors', 'state.safetensors'].map((what) => file('diverging', what)),
    good,
  );
});

const settings = settingsOf(models.get('vae-mlp')!, { latent: 1 });

/** A model that learns w·x, where one of these spoils it. */
class Spoilt extends Autoencoder {
  readonly metricNames = [];
  readonly linear: Linear;
  readonly spoil: (loss: Tensor, weight: Tensor) => Tensor;

  constructor(generator: Generator, spoil: Spoilt['spoil']) {
    super([1, 28, 28], settings, generator);
    this.linear = new Linear(784, 1, { generator });
    this.spoil = spoil;
  }
  encode(x: Tensor) {
    return { mean: this.linear.forward(x.reshape([-1, 784])) };
  }
  decode(z: Tensor): Tensor {
    return z;
  }
  objective(x: Tensor) {
    const loss = mean(square(this.encode(x).mean));
    return { loss: this.spoil(loss, this.linear.weight), parts: {} };
  }
}

const spoilt = (spoil: Spoilt['spoil'], batchSize: number): Trainer => {
  const { defaults } = models.get('vae-mlp')!;
  const spec: ModelSpec = {
    name: 'spoilt',
    summary: '',
    units: () => '',
    defaults,
    build: (_, __, generator) => new Spoilt(generator, spoil),
  };
  return new Trainer(spec, data, { ...settings, batchSize, seed: 0, device });
};
const ignore = () => {};
/** Worth 0, but its derivative there is 0 · ∞. */
const notDifferentiable = (loss: Tensor, weight: Tensor) => add(loss, mean(sqrt(mul(square(weight), 0))));

test('trainer: names an op of the forward pass', async () => {
  const trainer = spoilt((loss) => div(loss, sub(loss, loss)), 64);
  const { message } = await rejection(trainer.trainEpoch(ignore));
  assert.match(
    message,
    /at step 1 \(loss \S+\); the first tensor .*: output of div \(op \d+ of step 1\), shape \[\]/,
  );
});

test('trainer: names an op of the backward pass of the step before', async () => {
  const trainer = spoilt(notDifferentiable, 64);
  const { message } = await rejection(trainer.trainEpoch(ignore));
  assert.match(
    message,
    /at step 2 \(loss NaN\); the first tensor .*: output of \w+ \(op \d+ of step 1\), shape \[1, 784\]/,
  );
});

test('trainer: no checkpoint of spoilt parameters', async () => {
  const trainer = spoilt(notDifferentiable, 300);
  assert.ok(await trainer.trainEpoch(ignore), 'the only step had a loss yet');
  assert.match(
    (await rejection(trainer.evaluate())).message,
    /test loss is not finite after step 1 .*: parameter linear.weight, shape/,
  );
  assert.match(
    (await rejection(trainer.checkpoint())).message,
    /parameters are not finite after step 1; .*: parameter linear.weight/,
  );
});

test('trainer: a schedule of the learning rate is part of the captured step, and of checkpoints', async () => {
  const stepsPerEpoch = 5;
  const schedule = sequentialLR([linearLR({ totalIters: 4 }), every(2, exponentialLR({ gamma: 0.5 }))], [4]);
  const spec = models.get('vae-mlp')!;
  const made = (more: object = { schedule }) =>
    new Trainer(spec, data, { ...settings, hidden: 8, batchSize: 64, seed: 5, device, ...more });
  const values = async (trainer: Trainer) => (await trainer.checkpoint()).tensors;
  const straight = made();
  for (let epoch = 0; epoch < 2; epoch++) await straight.trainEpoch(ignore);
  const wanted = await values(straight);
  assert.equal([...wanted.get('schedule')!.data], [2 * stepsPerEpoch]);
  // Four steps of warm-up, then half the rate after every two.
  assert.ok(Math.abs((await straight.optimizer.rate.item()) / (settings.lr * 0.25) - 1) < 1e-5);
  const first = made();
  let windows = 0;
  assert.not(await first.trainEpoch(ignore, () => windows++ > 0), 'stopped within the epoch');
  const { tensors, metadata } = await first.checkpoint();
  const second = made();
  second.restore(tensors, metadata);
  while (second.epoch < 2) await second.trainEpoch(ignore);
  assert.equal(await values(second), wanted);
  const plain = made({});
  for (let epoch = 0; epoch < 2; epoch++) await plain.trainEpoch(ignore);
  assert.not((await values(plain)).has('schedule'));
  assert.not.equal((await values(plain)).get('parameters')!.data, wanted.get('parameters')!.data);
});

// -------------------------------------------------------------------------------------------------- a lost device

test('trainer: a device lost in the middle of a run: the last checkpoint stays, and the run goes on from it', async () => {
  const other = await openDevice(process.env.TAPEGRAD_ADAPTER ?? 'auto');
  const listener: Partial<Listener> = {
    step({ step }) {
      if (step === 7) other.destroy();
    },
  };
  const error = await rejection(run('vae-mlp', 'lost', { epochs: 2, on: other, listener }));
  assert.instance(error, UserError);
  assert.match(
    error.message,
    /^the GPU device was lost: .*; the last checkpoint is kept: go on with `tapegrad train --resume .*lost`$/,
  );
  await run('vae-mlp', 'lost', { epochs: 2, resume: true });
  same('lost', 'vae-mlp-straight');
});

test('trainer: a short training has kernels that compile soon, a long one the fast ones', async () => {
  await run('ae', 'long', { epochs: 1e7, stop: () => true });
  assert.is(device.brief, false);
  await run('ae', 'long', { epochs: 1, resume: true });
  assert.is(device.brief, true);
  await run('ae', 'short');
  same('long', 'short');
});

test('trainer: a device lost before the first step: no folder is left', async () => {
  const other = await openDevice(process.env.TAPEGRAD_ADAPTER ?? 'auto');
  const listener: Partial<Listener> = { preparing: () => other.destroy() };
  const error = await rejection(run('vae-mlp', 'lost-early', { on: other, listener }));
  assert.match(error.message, /^the GPU device was lost: .*; nothing was written: start again$/);
  assert.not(existsSync(join(root, 'lost-early')));
});

test.run();
