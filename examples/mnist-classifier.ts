import {
  argmax,
  capture,
  cast,
  equal,
  mean,
  nn,
  noGrad,
  scope,
  setDefaultDevice,
  type Tensor,
  tensor,
  vae,
} from 'tapegrad';
import { loadDataset, openDevice } from 'tapegrad/node';

/* A small convolutional classifier of MNIST's digits: about 98 % of the test set after two epochs. */

const EPOCHS = 2;
const BATCH = 100;

const device = await openDevice();
setDefaultDevice(device);
nn.manualSeed(0);
const { train, test } = await loadDataset('mnist');

const model = new nn.Sequential(
  new nn.Conv2d(1, 8, 3, { stride: 2, padding: 1 }), // [N, 8, 14, 14]
  new nn.ReLU(),
  new nn.Conv2d(8, 32, 3, { stride: 2, padding: 1 }), // [N, 32, 7, 7]
  new nn.ReLU(),
  new nn.Flatten(),
  new nn.Linear(32 * 7 * 7, 10),
);
const optimizer = new nn.Adam(model.parameters(), { lr: 4e-3 });

/** Bytes become numbers on the device: a quarter of the memory travels there. */
const logits = (images: Tensor): Tensor => model.forward(cast(images, 'float32').div(255));

// Recorded at the first call, and replayed at all others: no graph, no allocation.
const step = capture((images: Tensor, labels: Tensor): Tensor => {
  optimizer.zeroGrad();
  const loss = nn.crossEntropyLoss(logits(images), labels);
  loss.backward();
  optimizer.step();
  return loss;
});
const hits = capture(
  (images: Tensor, labels: Tensor): Tensor =>
    noGrad(() => mean(equal(cast(argmax(logits(images), 1), 'float32'), cast(labels, 'float32')))),
);

/** The images and labels with these numbers, on the device. */
function batch({ images, labels }: typeof train, numbers: Uint32Array): [Tensor, Tensor] {
  const pixels = new Uint8Array(numbers.length * 784);
  numbers.forEach((n, i) => {
    pixels.set(images.subarray(784 * n, 784 * (n + 1)), 784 * i);
  });
  const classes = Int32Array.from(numbers, (n) => labels![n]!);
  return [tensor(pixels, { shape: [numbers.length, 1, 28, 28] }), tensor(classes)];
}

for (let epoch = 1; epoch <= EPOCHS; epoch++) {
  const order = vae.shuffledOrder(train.count, 0, epoch);
  for (let at = 0; at < train.count; at += BATCH) {
    const loss = scope(() => step(...batch(train, order.subarray(at, at + BATCH))));
    // Reading a value waits for the device; now and then is enough.
    if ((at / BATCH) % 200 === 199) console.log(`epoch ${epoch}: loss ${(await loss.item()).toFixed(3)}`);
  }
}

let right = 0;
for (let at = 0; at < test.count; at += BATCH) {
  const numbers = Uint32Array.from({ length: BATCH }, (_, i) => at + i);
  right += (await scope(() => hits(...batch(test, numbers))).item()) * BATCH;
}
console.log(`accuracy ${(right / test.count).toFixed(4)}`); // accuracy 0.98, within 0.005
device.destroy();
