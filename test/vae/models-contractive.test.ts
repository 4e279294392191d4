/* Runs on the fastest adapter. */
import { gradcheck } from '@tapegrad/autograd';
import { Adam } from '@tapegrad/nn';
import {
  add,
  capture,
  type Device,
  Generator,
  matmul,
  type NumericArray,
  referenceDevice,
  scope,
  setDefaultDevice,
  sigmoid,
  type Tensor,
} from '@tapegrad/tensor';
import { type Autoencoder, contracted, type ModelOptions, models, settingsOf } from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, agree, close, device, numbers, on } from '../helpers/device.ts';
import { contextOn, gradcheckLoss, trainCaptured } from '../helpers/models.ts';

/* The contractive autoencoder's Jacobian; its loss and gradients are also held against PyTorch in models-family. */

const spec = models.get('contractive-ae')!;
const small = { latent: 3, hidden: 6, contraction: 0.3 } as const;
type Chosen = Partial<ModelOptions>;
const build = (chosen: Chosen, where: Device = referenceDevice): Autoencoder =>
  spec.build([1, 8, 8], settingsOf(spec, { ...small, ...chosen }), new Generator(1, { device: where }));
const images = (where: Device, count = 4) => on(where, [count, 1, 8, 8], numbers(count * 64, -0.4, 2.8, 7));

for (const network of ['conv', 'mlp'] as const) {
  test(`‖∂z/∂x‖² of the ${network} encoder is that of its Jacobian by differences`, async () => {
    setDefaultDevice(referenceDevice);
    const model = build({ network });
    const x = images(referenceDevice, 2);
    const encode = (at: Tensor) => model.encode(at).mean;
    const values = await x.data();
    const epsilon = 1e-6;
    const moved = (pixel: number, by: number) => {
      const copy = Float64Array.from(values);
      for (const image of [0, 1]) copy[image * 64 + pixel]! += by;
      return scope(() => encode(on(referenceDevice, [2, 1, 8, 8], copy))).data();
    };
    let total = 0;
    for (let pixel = 0; pixel < 64; pixel++) {
      const [up, down]: NumericArray[] = [await moved(pixel, epsilon), await moved(pixel, -epsilon)];
      up!.forEach((value, i) => {
        total += ((value - down![i]!) / (2 * epsilon)) ** 2;
      });
    }
    const { code, norm } = contracted(encode, x);
    close([await norm.item()], [total / 2], { relative: 1e-6 });
    assert.equal([...(await code.data())], [...(await encode(x).data())]);
  });

  test(`gradcheck of the loss with the penalty, ${network}`, () =>
    gradcheckLoss((generator) => spec.build([1, 8, 8], settingsOf(spec, { ...small, network }), generator)));

  test(`the penalty's gradient, ${network}: ${adapter} agrees with the reference`, async () => {
    await agree(
      (where) => {
        setDefaultDevice(where);
        const model = build({ network, contraction: 10 }, where);
        const { loss } = model.objective(images(where), contextOn(where).context);
        loss.backward();
        // The last layer's bias moves no code's slope: its gradient is the reconstruction's alone.
        return [loss, ...model.parameters().map((parameter) => parameter.grad!)];
      },
      {
        absolute: 2e-4,
        relative: 1e-3,
        reason: 'a gradient of slopes of gradients: sums of float32 of many sizes',
      },
      network,
    );
  });
}

/** One layer: h = sigmoid(W·x + b). */
const layer = (x: Tensor, w: Tensor, b: Tensor) => sigmoid(add(matmul(x, w, { transposeB: true }), b));

test('one sigmoid layer has the closed form of Rifai et al. 2011: Σ_j (h_j(1 − h_j))² · ‖W_j‖²', async () => {
  const [x, w, b] = [
    on(referenceDevice, [5, 7], numbers(35, -1, 1, 1)),
    on(referenceDevice, [3, 7], numbers(21, -1, 1, 2)),
    on(referenceDevice, [3], numbers(3, -1, 1, 3)),
  ];
  const h = layer(x, w, b);
  const slopes = h.mul(h.neg().add(1)).square();
  const closed = await matmul(slopes, w.square().sum(1).reshape([3, 1]))
    .sum()
    .mul(1 / 5)
    .item();
  const { norm } = contracted((images) => layer(images, w, b), x);
  assert.ok(Math.abs((await norm.item()) - closed) < 1e-12, `${await norm.item()} and ${closed}`);
});

test('the norm has a gradient, and a gradient of it, for weights and images', () =>
  gradcheck(
    (x, w, b) => contracted((images) => layer(images, w!, b!), x!).norm,
    [
      on(referenceDevice, [3, 4], numbers(12, -1, 1, 1)),
      on(referenceDevice, [2, 4], numbers(8, -1, 1, 2)),
      on(referenceDevice, [2], numbers(2, -1, 1, 3)),
    ],
    { order: 2 },
  ));

test('a code that ignores the image has no slope', async () => {
  const x = images(referenceDevice);
  const constant = on(referenceDevice, [4, 2], numbers(8, -1, 1));
  assert.is(await contracted(() => constant, x).norm.item(), 0);
});

for (const network of ['conv', 'mlp'] as const) {
  test(`trains in captured steps with the penalty, ${network}, on ${adapter}`, async () => {
    await trainCaptured('contractive-ae', { network, hidden: 16 }, { steps: 25 });
  });
}

test('a captured step leaves the weights that an eager one leaves', async () => {
  setDefaultDevice(device);
  const weightsAfter = async (wrap: (step: () => void) => () => void) => {
    const model = build({ network: 'conv' }, device);
    const optimizer = new Adam(model.parameters(), { lr: 1e-2 });
    const x = images(device);
    const { context } = contextOn(device);
    const step = wrap(() => {
      optimizer.zeroGrad();
      model.objective(x, context).loss.backward();
      optimizer.step();
    });
    for (let i = 0; i < 3; i++) step();
    return optimizer.values.data();
  };
  const eager = await weightsAfter((step) => () => scope(step));
  const captured = await weightsAfter((step) => capture(step, { device }));
  assert.equal([...captured], [...eager]);
});

test('a heavier penalty leaves a flatter encoder', async () => {
  const slope = async (contraction: number) => {
    const { model } = await trainCaptured(
      'contractive-ae',
      { network: 'mlp', hidden: 16, contraction },
      { steps: 60 },
    );
    const x = on(device, [16, 1, 16, 16], numbers(16 * 256, -0.4, 2.8, 7));
    return contracted((at) => model.encode(at).mean, x).norm.item();
  };
  const [loose, strict] = [await slope(0), await slope(0.1)];
  assert.ok(strict < 0.5 * loose, `${strict} with the penalty, ${loose} without`);
});

test.run();
