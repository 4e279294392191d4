/* Runs on the fastest adapter. */
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { models } from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Explorer } from '../../site/src/explore/explorer.ts';
import type { FromTrainer, Look } from '../../site/src/train/protocol.ts';
import { TrainSession } from '../../site/src/train/session.ts';
import { device } from '../helpers/device.ts';
import { fewDigits } from '../helpers/runs.ts';

/* What the training page's worker does, for every model: pages and workers are tested in a browser with a few of them. */

/** Options that keep a step short. */
const small: Record<string, number> = {
  batchSize: 16,
  epochs: 1,
  hidden: 16,
  latent: 3,
  codes: 8,
  samples: 2,
};

async function run(model: string, options: Record<string, number>, during?: (session: TrainSession) => void) {
  const data = fewDigits(32, 20);
  const said: FromTrainer[] = [];
  const session = new TrainSession({ device, data, post: (message) => said.push(message), versions: {} });
  await session.open({ model, options, seed: 1, images: 32, data: 'mnist' }, undefined);
  const ready = said.find((message) => message.kind === 'ready')!;
  session.wish({ subject: 'activations', name: ready.info.layers.activations[0]! });
  during?.(session);
  session.go();
  await session.idle;
  for (const message of said) if (message.kind === 'failed') throw new Error(message.message);
  return { said, info: ready.info, session };
}

for (const [name, { defaults }] of models) {
  test(`${name}: trains, and shows what it does`, async () => {
    const options = Object.fromEntries(Object.entries(small).filter(([key]) => key in defaults));
    const { said, info } = await run(name, options);
    const steps = said.flatMap((message) => (message.kind === 'steps' ? message.steps : []));
    assert.equal(
      steps.map(({ step }) => step),
      [1, 2],
    );
    assert.ok(steps.every(({ metrics }) => Number.isFinite(metrics.loss)));
    assert.ok(info.launches > 10 && info.layers.weights.length >= 4 && info.layers.activations.length >= 2);
    const look = said.filter((message) => message.kind === 'look').at(-1)!.look as Look;
    assert.is(look.step, 2);
    assert.is(look.samples!.pixels.length, 30 * 784);
    const { pixels, columns } = look.reconstructions!;
    assert.ok(columns > 5 && pixels.length >= 2 * columns * 784);
    assert.ok(look.scatter ? look.scatter.points.every(Number.isFinite) : look.noScatter);
    assert.ok(
      look.norms!.every(([, norm]) => Number.isFinite(norm)) && look.norms!.some(([, norm]) => norm > 0),
    );
    assert.ok(look.layer!.values.every(Number.isFinite) && look.layer!.most > look.layer!.least);
    const state = said.filter((message) => message.kind === 'state').map((message) => message.state);
    assert.equal(state, ['running', 'done']);
  });
}

test('β changes on the way, and an option that a model does not have is named', async () => {
  const { said } = await run('vae-mlp', { batchSize: 4, epochs: 2, hidden: 16 }, (session) => {
    session.beta(4);
  });
  const change = said.find((message) => message.kind === 'beta')!;
  assert.is(change.value, 4);
  const files = said.filter((message) => message.kind === 'files').at(-1)!.files;
  const config = JSON.parse(new TextDecoder().decode(files['config.json']!));
  assert.is(config.beta, 4);
  const wrong = await run('ae', { beta: 1 }).catch((error: Error) => error.message);
  assert.is(wrong, "this model has no option 'beta'");
});

test('files that are asked for while a run ends come all the same', async () => {
  const data = fewDigits(16, 10);
  const said: FromTrainer[] = [];
  const post = (message: FromTrainer) => {
    said.push(message);
    if (message.kind === 'files' && message.id === undefined) session.save(7);
  };
  const session = new TrainSession({ device, data, post, versions: {} });
  const options = { batchSize: 8, hidden: 8, latent: 2, epochs: 1 };
  await session.open({ model: 'ae', options, seed: 1, images: 16, data: 'mnist' }, undefined);
  session.go();
  await session.idle;
  const [left, asked] = said.filter((message) => message.kind === 'files');
  assert.is(asked?.id, 7);
  assert.equal(asked!.files['weights.safetensors'], left!.files['weights.safetensors']);
  session.dispose();
});

test('a run does not go on with its images in another size', async () => {
  const own = { ...fewDigits(16, 10), name: '26 images of yours', checksums: {} };
  const config = { model: 'ae', data: own.name, imageShape: [1, 28, 28] };
  const files = { 'config.json': new TextEncoder().encode(JSON.stringify(config)) };
  const data = { ...own, shape: [1, 14, 56] as const };
  const session = new TrainSession({ device, data, post: () => {}, versions: {} });
  const refused = await session
    .open({ model: 'ae', options: {}, seed: 1, images: 16, data: 'own' }, files)
    .then(String, (error: Error) => error.message);
  assert.match(refused, /trained on images of 1×28×28, and those here are 1×14×56: choose that size/);
});

for (const [model, isStochastic] of [
  ['vae-mlp', true],
  ['ae', false],
] as const) {
  test(`${model}: what was trained is explored`, async () => {
    const { said } = await run(model, { batchSize: 16, epochs: 1, hidden: 16, latent: 3 });
    const { files } = said.filter((message) => message.kind === 'files').at(-1)!;
    const { explorer, opened } = await Explorer.open(files, fewDigits(32, 20), device, 15);
    assert.equal(opened.order.toSorted(), [0, 1, 2]);
    assert.is(opened.weightName, isStochastic ? 'nats of KL' : 'standard deviation');
    assert.ok(
      opened.order.every((d, i) => i === 0 || opened.weights[opened.order[i - 1]!]! >= opened.weights[d]!),
    );
    const third = opened.images.subarray(2 * 784, 3 * 784);
    const { code, sigma, reconstruction, neighbours } = await explorer.encode(third);
    assert.is(neighbours[0], 2, 'an image is nearest to itself');
    assert.is(sigma !== undefined, isStochastic);
    assert.equal([...reconstruction], [...(await explorer.decode(code))]);
    assert.is((await explorer.draw(1)).length, 3);
    explorer.dispose();
  });
}

test('β changed again and again leaves the memory as it was', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const said: FromTrainer[] = [];
  const data = fewDigits(16, 10);
  const session = new TrainSession({ device, data, post: (message) => said.push(message), versions: {} });
  const options = { batchSize: 8, hidden: 8, latent: 2 };
  await session.open({ model: 'vae-mlp', options, seed: 1, images: 16, data: 'mnist' }, undefined);
  const bytes: number[] = [];
  for (let beta = 1; beta <= 3; beta++) {
    session.epochs(beta);
    session.go();
    await session.idle;
    session.beta(beta);
    while (said.filter(({ kind }) => kind === 'beta').length < beta) await setTimeout(20);
    // What no longer has a name is freed by V8; what was captured has to be given back.
    for (let tries = 0; tries < 3; tries++) {
      collect();
      await setTimeout(20);
    }
    device.trim();
    bytes.push(device.stats.bufferBytes);
  }
  assert.is(bytes[2], bytes[1], `${bytes.join(', ')} bytes`);
});

test.after(() => device.destroy());
test.run();
