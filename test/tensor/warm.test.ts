/* Runs on every adapter. */
import { findAdapter } from '@tapegrad/node';
import { capture, matmul, relu, setDefaultDevice, zeros } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { backendOf } from '../../packages/tensor/src/webgpu/device.ts';
import type { CompiledKernel } from '../../packages/tensor/src/webgpu/pipelines.ts';
import { KernelWarmer } from '../../packages/tensor/src/webgpu/warm.ts';
import { adapter, device } from '../helpers/device.ts';

/* Kernels compiled ahead, on more than one device. */

setDefaultDevice(device);

/** The kernels of a few launches, and what the function should return. */
function kernelsOf() {
  const f = capture(() => relu(matmul(zeros([64, 40]).add(1), zeros([40, 24]).add(2))));
  const result = f();
  const kernels = f.programs[0]!.dispatches.map(({ kernel }) => kernel);
  return { kernels, result };
}

/** A warmer, what it ran on the own device, and which others it opened. */
async function warmerOf(workers: number, compiled: number) {
  const opened: GPUDevice[] = [];
  const own: CompiledKernel[] = [];
  // The instance has to outlive its adapters.
  const found = await findAdapter(process.env.TAPEGRAD_ADAPTER ?? 'auto');
  const warmer = new KernelWarmer({
    gpu: device.gpu,
    wait: backendOf(device).wait,
    pipeline: async (kernel) => {
      own.push(kernel);
      return backendOf(device).pipelines.ready(kernel);
    },
    another: async () => {
      const other = await found.gpu.requestAdapter();
      const gpu = await other!.requestDevice({
        requiredFeatures: [...device.gpu.features].filter((name) => name === 'subgroups') as GPUFeatureName[],
      });
      opened.push(gpu);
      gpu.onuncapturederror = ({ error }) => assert.unreachable(error.message);
      return gpu;
    },
    workers,
    compiled,
  });
  return { warmer, own, opened };
}

async function warmed(workers: number, compiled: number, kernels: readonly CompiledKernel[]) {
  const { warmer, own, opened } = await warmerOf(workers, compiled);
  await warmer.run(kernels);
  for (const kernel of kernels) assert.ok(warmer.hasRun(kernel), kernel.label);
  return { own: own.length, opened: opened.length };
}

test(`a second device takes its share (${adapter})`, async () => {
  const { kernels, result } = kernelsOf();
  const different = new Set(kernels).size;
  const { own, opened } = await warmed(2, 0, kernels);
  assert.is(opened, 1);
  assert.ok(own >= 1 && own <= different, `${own} of ${different}`);
  // Running kernels on nothing touches no tensor.
  assert.ok((await result.data()).every((v) => v === 80));
});

test(`no second device where the driver had the kernels ready, nor for one worker (${adapter})`, async () => {
  const { kernels } = kernelsOf();
  const different = new Set(kernels).size;
  assert.equal(await warmed(2, Number.POSITIVE_INFINITY, kernels), { own: different, opened: 0 });
  assert.equal(await warmed(1, 0, kernels), { own: different, opened: 0 });
  assert.equal(await warmed(2, 0, []), { own: 0, opened: 0 });
});

test(`who asks while others wait goes after them, and no kernel is run twice (${adapter})`, async () => {
  const { kernels } = kernelsOf();
  const [first, ...rest] = [...new Set(kernels)];
  const { warmer, own } = await warmerOf(1, Number.POSITIVE_INFINITY);
  const order: string[] = [];
  await Promise.all([
    warmer.run([first!], () => order.push('first')),
    warmer.run(kernels, () => order.push('all')),
    warmer.run(rest, () => order.push('rest')),
  ]);
  assert.is(own[0], first);
  assert.equal(new Set(own), new Set(kernels));
  assert.is(own.length, new Set(kernels).size);
  assert.is(order[0], 'first');
  assert.is(order.filter((who) => who === 'all').length, new Set(kernels).size);
  assert.is(order.filter((who) => who === 'rest').length, rest.length);
  await warmer.run(kernels);
  assert.is(own.length, new Set(kernels).size);
});

test(`a kernel that fails is tried again by the next one who asks (${adapter})`, async () => {
  const { kernels } = kernelsOf();
  let fails = true;
  const warmer = new KernelWarmer({
    gpu: device.gpu,
    wait: backendOf(device).wait,
    pipeline: async (kernel) => {
      if (fails) throw new Error('no such kernel');
      return backendOf(device).pipelines.ready(kernel);
    },
    another: async () => undefined,
    workers: 2,
  });
  const said = await warmer.run(kernels).catch((error: Error) => error.message);
  assert.is(said, 'no such kernel');
  assert.not.ok(kernels.some((kernel) => warmer.hasRun(kernel)));
  fails = false;
  await warmer.run(kernels);
  assert.ok(kernels.every((kernel) => warmer.hasRun(kernel)));
});

test.run();
