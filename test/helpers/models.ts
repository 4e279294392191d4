import { gradcheck } from '@tapegrad/autograd';
import { Adam, functionalCall } from '@tapegrad/nn';
import { capture, Generator, referenceDevice, type Tensor, tensor, writeTo } from '@tapegrad/tensor';
import type { ModelOptions } from '@tapegrad/vae';
import {
  type Autoencoder,
  DeviceDataset,
  MetricsRing,
  models,
  runTrainingStep,
  settingsOf,
  type TrainingContext,
} from '@tapegrad/vae';
import * as assert from 'uvu/assert';
import { device } from './device.ts';
import { someImages } from './images.ts';

export { someImages };

/** A context with noise of its own that starts anew at every call of `fresh`, at a given epoch. */
export function contextOn(where: Generator['state']['device'], { seed = 5, epoch = 0 } = {}) {
  const noise = new Generator(seed, { device: where });
  const context: TrainingContext = { noise, epoch: () => tensor(epoch, { device: where, dtype: 'float32' }) };
  const fresh = (): TrainingContext => {
    writeTo(noise.state, new Uint32Array(2), 2);
    return context;
  };
  return { context, fresh };
}

/**
 * Gradcheck of a model's loss with respect to all of its parameters, on the reference device, with the same noise at
 * every evaluation.
 */
export async function gradcheckLoss(
  build: (generator: Generator) => Autoencoder,
  { batch = 3, order = 1 as 1 | 2, epoch = 0, epsilon = 1e-5, tolerance = 1e-6 } = {},
): Promise<void> {
  const model = build(new Generator(1, { device: referenceDevice }));
  const pixels = new Generator(2, { device: referenceDevice }).uniform([batch, ...model.imageShape]);
  const { fresh } = contextOn(referenceDevice, { epoch });
  const parameters = model.namedParameters();
  const names = [...parameters.keys()];
  const loss = (...values: Tensor[]) =>
    functionalCall(
      model,
      new Map(names.map((name, i) => [name, values[i]!])),
      () => model.objective(pixels, fresh()).loss,
    );
  const values = [...parameters.values()].map((parameter) => parameter.detach());
  await gradcheck(loss, values, { order, epsilon, tolerance });
}

/**
 * Trains captured steps on random images and asserts what every model has to show: the loss falls, and after the first
 * step nothing is allocated, uploaded or read back. Returns the losses.
 */
export async function trainCaptured(
  name: string,
  chosen: Partial<ModelOptions> = {},
  { images = someImages(64), batch = 16, steps = 40, lr = 1e-2 } = {},
): Promise<{ model: Autoencoder; losses: number[] }> {
  const spec = models.get(name)!;
  const model = spec.build(images.shape, settingsOf(spec, chosen), new Generator(3, { device }));
  const optimizer = new Adam(model.parameters(), { lr });
  const noise = new Generator(4, { device });
  const dataset = new DeviceDataset(model, images, { device });
  const ring = new MetricsRing(model, { rows: steps, device });
  const context: TrainingContext = { noise, epoch: () => ring.stepCount().mul(batch / images.count) };
  const parts = { model, optimizer, dataset, ring, context };
  const step = capture((count: number) => runTrainingStep(parts, count), { device });
  step(batch);
  const { buffers, bindGroups, pipelines, uploads, readbacks } = device.stats;
  for (let i = 1; i < steps; i++) step(batch);
  const after = device.stats;
  assert.equal(
    [after.buffers, after.bindGroups, after.pipelines, after.uploads, after.readbacks],
    [buffers, bindGroups, pipelines, uploads, readbacks],
    'nothing is made or moved after the first step',
  );
  const values = await ring.values.data();
  const losses = Array.from({ length: steps }, (_, row) => ring.metricsOf(values, row).loss!);
  const [first, last] = [losses.slice(0, 5), losses.slice(-5)].map(
    (five) => five.reduce((a, b) => a + b) / 5,
  );
  assert.ok(losses.every(Number.isFinite), `finite: ${losses}`);
  assert.ok(last! < first!, `the loss falls: from ${first} to ${last}`);
  return { model, losses };
}
