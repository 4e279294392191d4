import { Adam } from '@tapegrad/nn';
import {
  apply,
  capture,
  Generator,
  ops,
  scope,
  type Tensor,
  tensor,
  type WebGPUDevice,
} from '@tapegrad/tensor';
import { DeviceDataset, MetricsRing, models, runTrainingStep, settingsOf } from '@tapegrad/vae';
import { timed } from '../timing.ts';
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

/** This library, as its trainer uses it: captured. */
export function tapegrad(device: WebGPUDevice): Peer {
  const put = ({ data, shape }: Array32) => tensor(data, { shape, device });
  return {
    name: 'tapegrad',
    version: 'here',
    async enter(task) {
      return isTraining(task) ? training(task, device) : contraction(task, put, device);
    },
    close() {},
  };
}

function contraction(
  task: Exclude<Task, TrainingTask>,
  put: (array: Array32) => Tensor,
  device: WebGPUDevice,
): Entry {
  const arrays = task.kind === 'matmul' ? [task.a, task.b] : [task.x, task.w, task.dy];
  const inputs = arrays.map(put);
  const compute = capture(() => queue(task, inputs), { device });
  return {
    async check() {
      return meanSquare(await compute().data());
    },
    run: (times) =>
      timed(async () => {
        for (let i = 0; i < times; i++) compute();
        await device.synchronize();
      }),
    dispose() {
      compute.dispose();
      for (const input of inputs) input.dispose();
    },
  };
}

function queue(task: Exclude<Task, TrainingTask>, inputs: readonly Tensor[]): Tensor {
  const [x, w, dy] = inputs as [Tensor, Tensor, Tensor];
  const attributes = {
    stride: [STRIDE, STRIDE],
    padding: [PADDING, PADDING],
    dilation: [1, 1],
  } as const;
  const size = (t: Tensor) => [t.shape[2]!, t.shape[3]!] as const;
  switch (task.kind) {
    case 'matmul':
      return apply(ops.matmul, [x, w], { transposeA: false, transposeB: false });
    case 'conv2d':
      return apply(ops.conv2d, [x, w], attributes);
    case 'input gradient':
      return apply(ops.conv2dInputGradient, [dy, w], { ...attributes, size: size(x) });
    case 'weight gradient':
      return apply(ops.conv2dWeightGradient, [x, dy], { ...attributes, size: size(w) });
  }
}

function training(task: TrainingTask, device: WebGPUDevice): Entry {
  const spec = models.get(task.kind)!;
  const noise = new Generator(0, { device });
  const [count, c, h, w] = task.batch.shape as [number, number, number, number];
  const model = spec.build([c, h, w], settingsOf(spec), noise);
  model.loadStateDict(task.weights);
  const optimizer = new Adam(model.parameters(), { lr: task.lr, betas: task.betas });
  // As many images as a batch has: every step sees the same ones.
  const dataset = new DeviceDataset(model, { images: task.bytes, count }, { device });
  const ring = new MetricsRing(model, { rows: CHECKED_STEPS, device });
  const context = { noise, epoch: () => ring.stepCount() };
  const parts = { model, optimizer, dataset, ring, context };
  const step = capture(() => runTrainingStep(parts, count), { device });
  return {
    async check() {
      for (let i = 0; i < CHECKED_STEPS; i++) step();
      const values = await scope(() => ring.values).data();
      return ring.metricsOf(values, CHECKED_STEPS - 1).loss!;
    },
    run: (times) =>
      timed(async () => {
        for (let i = 0; i < times; i++) step();
        await device.synchronize();
      }),
    dispose: () => step.dispose(),
  };
}
