/* Runs on every adapter. */
import { findAdapter } from '@tapegrad/node';
import { capture, matmul, relu, setDefaultDevice, zeros } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { backendOf } from '../../packages/tensor/src/webgpu/device.ts';
import type { CompiledKernel } from '../../packages/tensor/src/webgpu/pipelines.ts';
import { warm } from '../../packages/tensor/src/webgpu/warm.ts';
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

async function warmed(workers: number, compiled: number, kernels: readonly CompiledKernel[]) {
  const opened: GPUDevice[] = [];
  const own: CompiledKernel[] = [];
  // The instance has to outlive its adapters.
  const found = await findAdapter(process.env.TAPEGRAD_ADAPTER ?? 'auto');
  await warm(kernels, {
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

test.run();
