import {
  convolutions,
  groupOf,
  header,
  KernelBench,
  type KernelCase,
  type KernelRow,
  layerCase,
  measureRoofs,
  others,
  products,
  QUICK,
  type Results,
  type Skipped,
  StepBench,
  type StepRow,
  THOROUGH,
  yardstick,
} from '@tapegrad/bench/browser';
import { setDefaultDevice, type WebGPUDevice } from '@tapegrad/tensor';
import { models } from '@tapegrad/vae';
import { layerCalls } from './layer-calls.ts';
import type { FromBench, Wishes } from './protocol.ts';

/** Work that a quick run does. */
const isSmall = ({ flops, bytes }: KernelCase) => flops < 4e7 && bytes < 1e7;

/** The suite of `npm run bench`, as far as a browser can run it: roofs, kernels, training steps. */
export async function runBench(
  device: WebGPUDevice,
  { quick, groups, steps: wantsSteps }: Wishes,
  post: (message: FromBench) => void,
): Promise<void> {
  setDefaultDevice(device);
  const effort = quick ? QUICK : THOROUGH;
  const all = [...products, ...layerCalls.map(layerCase), ...convolutions, ...others];
  const chosen = [...new Map(all.map((one) => [one.id, one])).values()].filter(
    (one) => groups.includes(groupOf(one)) && (!quick || isSmall(one)),
  );
  const specs = wantsSteps ? [...models.values()] : [];
  const adapter = { name: device.name, driver: 'browser', kind: device.adapterKind };
  post({ kind: 'progress', done: 0, total: 1, text: 'measuring the roofs' });
  const roofs = await measureRoofs(device, effort, quick);
  post({ kind: 'roofs', roofs, adapter });

  const bench = new KernelBench(device, effort);
  const stepBench = new StepBench(device, effort, quick);
  const feasible = chosen.length > 0 ? await bench.feasible(chosen, yardstick, roofs) : [];
  const missed: Skipped[] = [];
  const kernels = new Map<string, KernelRow>();
  const steps = new Map<string, StepRow>();
  const rounds = effort.rounds;
  const total = feasible.length * rounds + specs.length;
  let done = 0;
  const attempt = async (id: string, work: () => Promise<void>) => {
    post({ kind: 'progress', done: done++, total, text: id });
    if (missed.some((one) => one.id === id)) return;
    try {
      await work();
    } catch (error) {
      missed.push({ id, reason: `failed: ${String((error as Error).message).split('\n')[0]}` });
    }
  };
  for (let round = 0; round < rounds; round++) {
    for (const one of feasible) {
      await attempt(one.id, async () => {
        await bench.round(one);
        const row = bench.row(one, roofs);
        kernels.set(one.id, row);
        post({ kind: 'kernel', row });
      });
    }
  }
  for (const spec of specs) {
    await attempt(`steps/${spec.name}`, async () => {
      for (let round = 0; round < rounds; round++) await stepBench.round(spec);
      const row = stepBench.row(spec);
      steps.set(row.id, row);
      post({ kind: 'step', row });
    });
  }
  post({
    kind: 'done',
    results: {
      ...header(),
      date: new Date().toISOString(),
      adapter,
      machine: { cpu: navigator.userAgent, cores: navigator.hardwareConcurrency, node: 'none' },
      quick,
      roofs,
      kernels: [...kernels.values()],
      steps: [...steps.values()],
      host: [],
      peers: [],
      skipped: [...bench.skipped, ...missed],
    } satisfies Results,
  });
}
