/* Runs on every adapter. */
import * as nn from '@tapegrad/nn';
import {
  capture,
  cast,
  Generator,
  keep,
  referenceDevice,
  scope,
  setDefaultDevice,
  type Tensor,
} from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, device, numbers, on } from '../helpers/device.ts';

const hasHalves = device.gpu.features.has('shader-f16');
setDefaultDevice(device);
const devices = [referenceDevice, ...(hasHalves ? [device] : [])];

function network(where: typeof device | typeof referenceDevice) {
  const generator = new Generator(5, { device: where });
  const options = { generator };
  const model = new nn.Sequential(
    new nn.Conv2d(1, 4, 3, { stride: 2, padding: 1, ...options }),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(64, 16, options),
    new nn.Tanh(),
    new nn.Linear(16, 3, options),
  );
  const x = keep(on(where, [12, 1, 8, 8], numbers(12 * 64, 0, 1)));
  const y = keep(on(where, [12, 3], numbers(36, -1, 1, 2)));
  return { model, x, y };
}

type Network = ReturnType<typeof network>;
const loss = (output: Tensor, y: Tensor) => output.sub(y).square().mean();
const inFull = ({ model, x, y }: Network) => loss(model.forward(x), y);
const half =
  (scale?: number) =>
  ({ model, x, y }: Network) =>
    loss(
      nn.autocast(model, (input) => model.forward(input), [x], { scale }),
      y,
    );

/** All gradients of the model, one after the other. */
async function gradients(one: Network, fn: (one: Network) => Tensor, weight = 1): Promise<number[]> {
  for (const p of one.model.parameters()) p.requiresGrad = true;
  fn(one).mul(weight).backward();
  const all: number[] = [];
  for (const p of one.model.parameters()) {
    assert.is(p.grad!.dtype, 'float32');
    all.push(...(await p.grad!.data()));
  }
  return all.map((v) => v / weight);
}

/** |a − b| / |b|, as vectors. */
function distance(a: readonly number[], b: readonly number[]): number {
  const norm = (list: number[]) => Math.hypot(...list);
  return norm(a.map((v, i) => v - b[i]!)) / norm([...b]);
}

for (const where of devices) {
  test(`gradients through float16 are those of float32 to the precision of halves: ${where.name}`, async () => {
    const expected = await gradients(network(where), inFull);
    const seen = await gradients(network(where), half());
    // Six layers forward and six back round values, weights and gradients to 2⁻¹¹, at random: √24·2⁻¹¹ = 0.0024.
    const error = distance(seen, expected);
    assert.ok(error < 0.005, `${error}`);
    assert.ok(error > 2 ** -16, `${error}: was it float16 at all?`);
  });

  test(`a scale keeps gradients that float16 would lose: ${where.name}`, async () => {
    const weight = 2 ** -20;
    const expected = await gradients(network(where), inFull, weight);
    const lost = distance(await gradients(network(where), half(1), weight), expected);
    const kept = distance(await gradients(network(where), half(2 ** 20), weight), expected);
    assert.ok(lost > 0.05, `${lost}`);
    assert.ok(kept < 0.005, `${kept}`);
  });

  test(`parameters come back float32, also after an error: ${where.name}`, () => {
    const { model, x } = network(where);
    const before = model.parameters();
    assert.is(nn.autocast(model, (input) => model.forward(input), [x]).dtype, 'float32');
    nn.autocast(
      model,
      (input) => {
        assert.is(input.dtype, 'float16');
        return model.forward(input);
      },
      [x],
    );
    const fails = () =>
      nn.autocast(
        model,
        (_: Tensor): Tensor => {
          throw new Error('on purpose');
        },
        [x],
      );
    assert.throws(fails, /on purpose/);
    assert.equal(
      model.parameters().map((p, i) => p === before[i] && p.dtype),
      before.map(() => 'float32'),
    );
  });

  test(`dropout drops the same elements of float16 as of float32: ${where.name}`, async () => {
    const draw = async (dtype: 'float32' | 'float16') => {
      const layer = new nn.Dropout(0.5, { generator: new Generator(3, { device: where }) });
      const x = cast(on(where, [200], numbers(200, 1, 2)), dtype);
      x.requiresGrad = true;
      const y = layer.forward(x);
      assert.is(y.dtype, dtype);
      y.sum().backward();
      assert.is(x.grad!.dtype, dtype);
      return [...(await x.grad!.data())];
    };
    const gradients = await draw('float16');
    assert.equal([...new Set(gradients)].sort(), [0, 2]);
    assert.equal(gradients, await draw('float32'));
    const counts = on(where, [3], Int32Array.of(1, 2, 3));
    assert.throws(
      () => new nn.Dropout(0.5, { generator: new Generator(3, { device: where }) }).forward(counts),
      /^Dropout: expects float32 or float16, got int32; cast it first/,
    );
  });

  test(`training in float16 follows training in float32: ${where.name}`, async () => {
    const train = async (fn: (one: Network) => Tensor) => {
      const one = network(where);
      const optimizer = new nn.Adam(one.model.parameters(), { lr: 0.01 });
      const step = capture(
        () => {
          optimizer.zeroGrad();
          const value = fn(one);
          value.backward();
          optimizer.step();
          return value;
        },
        { device: where },
      );
      const losses: number[] = [];
      for (let i = 0; i < 25; i++) losses.push(await scope(() => step()).item());
      return losses;
    };
    const [full, halved] = [await train(inFull), await train(half())];
    assert.ok(full.at(-1)! < 0.5 * full[0]!, `${full}`);
    full.forEach((value, i) => {
      // Weights drift apart by what Adam makes of rounded gradients; the loss by a small part of itself.
      assert.ok(Math.abs(halved[i]! - value) < 0.02 * full[0]!, `step ${i}: ${halved[i]} and ${value}`);
    });
  });
}

if (hasHalves) {
  test(`a layer with float32 state of its own says that types differ: ${adapter}`, () => {
    const norm = new nn.BatchNorm2d(1);
    const x = on(device, [2, 1, 4, 4], numbers(32, 0, 1));
    assert.throws(
      () => nn.autocast(norm, (input) => norm.forward(input), [x]),
      /float16 and float32|cannot take float16/,
    );
  });
}

if (!hasHalves) {
  test(`without shader-f16 the error says so: ${adapter}`, () => {
    const { model, x } = network(device);
    assert.throws(
      () => nn.autocast(model, (input) => model.forward(input), [x]),
      /no half precision \(shader-f16\)/,
    );
  });
}

test.run();
