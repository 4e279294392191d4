import { createRequire } from 'node:module';
import { timed } from '../timing.ts';
import { permuted, reshaped } from './layout.ts';
import {
  type Array32,
  CHECKED_STEPS,
  type Entry,
  isTraining,
  meanSquare,
  PADDING,
  type Peer,
  STRIDE,
  type Task,
  type TrainingTask,
} from './task.ts';

type Tf = typeof import('@tensorflow/tfjs-core');
type Tensor = import('@tensorflow/tfjs-core').Tensor;
type Tensor4D = import('@tensorflow/tfjs-core').Tensor4D;
type Tensor2D = import('@tensorflow/tfjs-core').Tensor2D;
type Wait = <T>(promise: Promise<T>) => Promise<T>;

/** TensorFlow.js on its WebGPU backend. It wants images and kernels with the channels last. */
export async function tfjs(wait: Wait): Promise<Peer> {
  const core = await import('@tensorflow/tfjs-core');
  await import('@tensorflow/tfjs-backend-webgpu');
  // The bundle for Node leaves the gradients out, and Node can't import these files, but `require` them.
  createRequire(import.meta.url)('@tensorflow/tfjs-core/dist/register_all_gradients.js');
  const tf: Tf = (core as unknown as { default?: Tf }).default ?? core;
  if (!(await tf.setBackend('webgpu'))) throw new Error('its WebGPU backend does not start');
  await tf.ready();
  return {
    name: 'TensorFlow.js (WebGPU)',
    version: tf.version_core,
    async enter(task) {
      return isTraining(task) ? training(tf, task, wait) : contraction(tf, task, wait);
    },
    close() {},
  };
}

const put = (tf: Tf, { data, shape }: Array32) => tf.tensor(data, [...shape]);
/** [N, C, H, W] with the channels last. */
const images = (array: Array32) => permuted(array, [0, 2, 3, 1]);
/** [O, I, kh, kw] as [kh, kw, I, O]; of a transposed convolution, [I, O, kh, kw] as [kh, kw, O, I]. */
const kernels = (array: Array32) => permuted(array, [2, 3, 1, 0]);

function contraction(tf: Tf, task: Exclude<Task, TrainingTask>, wait: Wait): Entry {
  const arrays =
    task.kind === 'matmul' ? [task.a, task.b] : [images(task.x), kernels(task.w), images(task.dy)];
  const inputs = arrays.map((array) => put(tf, array));
  const compute = () => tf.tidy(() => compute1(tf, task.kind, inputs));
  return {
    async check() {
      const result = compute();
      const value = meanSquare(await wait(result.data()));
      result.dispose();
      return value;
    },
    run: (times) =>
      timed(async () => {
        for (let i = 1; i < times; i++) compute().dispose();
        await finished(tf, compute(), wait);
      }),
    dispose: () => tf.dispose(inputs),
  };
}

/** Waits for the device by reading one element: it has no other way to wait for all that was asked. */
async function finished(tf: Tf, result: Tensor, wait: Wait): Promise<void> {
  const one = tf.tidy(() => tf.slice(tf.reshape(result, [-1]), [0], [1]));
  result.dispose();
  await wait(one.data());
  one.dispose();
}

function compute1(tf: Tf, kind: Exclude<Task, TrainingTask>['kind'], inputs: readonly Tensor[]): Tensor {
  const [x, w, dy] = inputs as [Tensor, Tensor, Tensor];
  const attributes = { strides: STRIDE, pad: PADDING, dataFormat: 'NHWC', dimRoundingMode: 'floor' };
  switch (kind) {
    case 'matmul':
      return tf.matMul(x as Tensor2D, w as Tensor2D);
    case 'conv2d':
      return tf.conv2d(x as Tensor4D, w as Tensor4D, STRIDE, PADDING, 'NHWC', [1, 1], 'floor');
    // What its own gradients call.
    case 'input gradient':
      return tf
        .engine()
        .runKernel('Conv2DBackpropInput', { dy, filter: w }, { ...attributes, inputShape: x.shape });
    case 'weight gradient':
      return tf
        .engine()
        .runKernel('Conv2DBackpropFilter', { x, dy }, { ...attributes, filterShape: w.shape });
  }
}

function training(tf: Tf, task: TrainingTask, wait: Wait): Entry {
  if (task.kind === 'vae-blog') throw new Error('vae-blog is compared with PyTorch only');
  const parameters = new Map(
    [...task.weights].map(([name, array]) => [name, tf.variable(put(tf, converted(name, array)))]),
  );
  const x = put(tf, images(task.batch)) as Tensor4D;
  const [beta1, beta2] = task.betas;
  const optimizer = tf.train.adam(task.lr, beta1, beta2, 1e-8);
  const p = (name: string) => parameters.get(name) as unknown as Tensor2D & Tensor4D;
  const loss = () => (task.kind === 'ae' ? aeLoss(tf, p, x) : vaeMlpLoss(tf, p, x));
  const step = () => optimizer.minimize(loss as never, true)!;
  return {
    async check() {
      for (let i = 1; i < CHECKED_STEPS; i++) step().dispose();
      const last = step();
      const value = (await wait(last.data()))[0]!;
      last.dispose();
      return value;
    },
    run: (times) =>
      timed(async () => {
        for (let i = 1; i < times; i++) step().dispose();
        const last = step();
        await wait(last.data());
        last.dispose();
      }),
    dispose() {
      tf.dispose([...parameters.values(), x]);
      optimizer.dispose();
    },
  };
}

/** PyTorch's weights for images with the channels last: the features of a flattened image come in another order. */
function converted(name: string, array: Array32): Array32 {
  if (array.shape.length === 4) return kernels(array);
  const planes = [32, 7, 7];
  if (name === 'encoder.5.weight') {
    return reshaped(permuted(reshaped(array, [128, ...planes]), [0, 2, 3, 1]), array.shape);
  }
  if (name === 'decoder.2.weight') {
    return reshaped(permuted(reshaped(array, [...planes, 128]), [1, 2, 0, 3]), array.shape);
  }
  if (name === 'decoder.2.bias') return reshaped(permuted(reshaped(array, planes), [1, 2, 0]), array.shape);
  return array;
}

type Get = (name: string) => Tensor2D & Tensor4D;

const linear = (tf: Tf, p: Get, name: string, x: Tensor) =>
  tf.add(tf.matMul(x as Tensor2D, p(`${name}.weight`), false, true), p(`${name}.bias`));

function aeLoss(tf: Tf, p: Get, x: Tensor4D): Tensor {
  const count = x.shape[0];
  const conv = (input: Tensor4D, name: string) =>
    tf.conv2d(input, p(`${name}.weight`), STRIDE, PADDING, 'NHWC', [1, 1], 'floor');
  const transposed = (input: Tensor4D, name: string, size: number, channels: number) =>
    tf.conv2dTranspose(input, p(`${name}.weight`), [count, size, size, channels], STRIDE, PADDING, 'floor');
  let h = tf.relu(conv(tf.relu(conv(x, 'encoder.0')), 'encoder.2'));
  const z = linear(tf, p, 'encoder.7', tf.relu(linear(tf, p, 'encoder.5', tf.reshape(h, [count, -1]))));
  const features = tf.relu(linear(tf, p, 'decoder.2', tf.relu(linear(tf, p, 'decoder.0', z))));
  h = tf.relu(transposed(tf.reshape(features, [count, 7, 7, 32]), 'decoder.5', 14, 16));
  return tf.mean(tf.square(tf.sub(transposed(h, 'decoder.7', 28, 1), x)));
}

function vaeMlpLoss(tf: Tf, p: Get, images: Tensor4D): Tensor {
  const x = tf.reshape(images, [images.shape[0], -1]);
  const hidden = tf.relu(linear(tf, p, 'fc1', x));
  const mu = linear(tf, p, 'fc21', hidden);
  const logVariance = linear(tf, p, 'fc22', hidden);
  const noise = tf.randomNormal(mu.shape);
  const z = tf.add(mu, tf.mul(tf.exp(tf.mul(logVariance, 0.5)), noise));
  const logits = linear(tf, p, 'fc4', tf.relu(linear(tf, p, 'fc3', z)));
  const crossEntropy = tf.sum(tf.sub(tf.softplus(logits), tf.mul(logits, x)));
  const kl = tf.sum(tf.sub(tf.add(tf.exp(logVariance), tf.square(mu)), tf.add(logVariance, 1)));
  return tf.div(tf.add(crossEntropy, tf.mul(kl, 0.5)), images.shape[0]);
}
