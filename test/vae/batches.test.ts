/* Runs without an adapter. */
import { full, Generator, mean, referenceDevice, type Tensor, TensorTooLargeError } from '@tapegrad/tensor';
import {
  type Code,
  Evaluation,
  encodeAll,
  importanceWeighted,
  models,
  type Objective,
  settingsOf,
  VariationalAutoencoder,
} from '@tapegrad/vae';
import { Subject } from '@tapegrad/vae/gallery';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { close } from '../helpers/close.ts';
import { dataOf, Probe } from '../helpers/probe.ts';

/* What no option makes smaller chooses batches that the device can hold. */

/** Takes so many images at a time, as a device does that binds small tensors only. */
class Narrow extends Probe {
  readonly batches: number[] = [];
  readonly #most: number;

  constructor(most: number) {
    super();
    this.#most = most;
  }

  #check(x: Tensor): void {
    const rows = x.shape[0]!;
    if (rows > this.#most) throw new TensorTooLargeError(rows, this.#most);
    this.batches.push(rows);
  }

  override encode(x: Tensor): Code {
    this.#check(x);
    return super.encode(x);
  }

  override decode(z: Tensor): Tensor {
    this.#check(z);
    return super.decode(z);
  }

  override objective(x: Tensor): Objective {
    this.#check(x);
    return { loss: mean(x), parts: {} };
  }
}

const count = 700;
const images = Array.from({ length: count }, (_, i) => [i % 251, (i * 7) % 256]);
const data = dataOf([1, 1, 2], images, null);
const device = referenceDevice;
const epoch = () => full([], 0, { device });

for (const most of [1000, 512, 511, 100, 1]) {
  test(`batches: of ${most} at most, the same results`, async () => {
    const [narrow, wide] = [new Narrow(most), new Narrow(count)];
    const loss = async (model: Narrow) =>
      (await new Evaluation(model, data.test, 0, epoch, device).run()).loss!;
    close([await loss(narrow)], [await loss(wide)], { relative: 1e-6 });
    const codes = (model: Narrow) => encodeAll(model, data.test, device, { reconstruct: true });
    assert.equal(await codes(narrow), await codes(wide));
    const subjects = [narrow, wide].map((model) => new Subject(model, data));
    const indices = Array.from({ length: 300 }, (_, i) => 2 * i);
    const [mine, theirs] = subjects as [Subject, Subject];
    assert.equal(await mine.encode(indices), await theirs.encode(indices));
    assert.equal(await mine.reconstruct(indices), await theirs.reconstruct(indices));
    const table = await theirs.encode(indices);
    assert.equal(await mine.decode(table), await theirs.decode(table));
    assert.is((await mine.draw(300, 0)).length, 600);
    assert.ok(Math.max(...narrow.batches) <= most);
  });
}

test('batches: an evaluation looks for its size once', async () => {
  const model = new Narrow(100);
  const evaluation = new Evaluation(model, data.test, 0, epoch, device);
  await evaluation.run();
  assert.equal(model.batches, [64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 60]);
  const before = model.batches.length;
  await evaluation.run();
  assert.equal(model.batches.slice(before), model.batches.slice(0, before));
});

test('batches: who asks is told how many images are done, and gets the same results', async () => {
  const heard: [number, number][] = [];
  const progress = (done: number, total: number) => heard.push([done, total]);
  const evaluation = (model: Narrow) => new Evaluation(model, data.test, 0, epoch, device);
  assert.equal(await evaluation(new Narrow(512)).run(progress), await evaluation(new Narrow(512)).run());
  assert.equal(heard.splice(0), [
    [512, count],
    [count, count],
  ]);
  assert.equal(
    await encodeAll(new Narrow(300), data.test, device, { progress }),
    await encodeAll(new Narrow(300), data.test, device),
  );
  assert.equal(heard.splice(0), [
    [256, count],
    [512, count],
    [count, count],
  ]);
  const spec = models.get('vae-mlp')!;
  const config = settingsOf(spec, { hidden: 4, latent: 2 });
  const model = spec.build([1, 1, 2], config, new Generator(1, { device })) as VariationalAutoencoder;
  const estimates = (progress?: (done: number, total: number) => void) =>
    importanceWeighted(model, { ...data.test, count: 7 }, device, { samples: 3, rows: 9, progress });
  assert.equal(await estimates(progress), await estimates());
  assert.equal(heard, [
    [3, 7],
    [6, 7],
    [7, 7],
  ]);
});

test('batches: where one image is too many, and at another error, it is said', async () => {
  const fails = async (model: Probe, message: RegExp) => {
    const error = await new Evaluation(model, data.test, 0, epoch, device).run().catch((reason) => reason);
    assert.match(error.message, message);
  };
  await fails(new Narrow(0), /a tensor of 1 bytes is more than this adapter binds at once/);
  const other = new Narrow(count);
  other.objective = () => {
    throw new Error('something else');
  };
  await fails(other, /something else/);
});

test('batches: draws of an importance-weighted estimate', async () => {
  const spec = models.get('vae-mlp')!;
  const config = settingsOf(spec, { hidden: 4, latent: 2 });
  const model = spec.build([1, 1, 2], config, new Generator(1, { device })) as VariationalAutoencoder;
  assert.instance(model, VariationalAutoencoder);
  const own = VariationalAutoencoder.prototype.logWeights;
  const weigh = async (most: number) => {
    const seen: number[] = [];
    model.logWeights = (x, k, ...rest) => {
      const rows = x.shape[0]! * k;
      if (rows > most) throw new TensorTooLargeError(rows, most);
      seen.push(rows);
      return own.call(model, x, k, ...rest);
    };
    return {
      seen,
      values: await importanceWeighted(model, { ...data.test, count: 5 }, device, { samples: 2000 }),
    };
  };
  const [wide, narrow] = [await weigh(10_000), await weigh(300)];
  assert.ok(Math.max(...wide.seen) > 300 && Math.max(...narrow.seen) <= 300);
  close(narrow.values, wide.values, { absolute: 0.1 });
});

test.run();
