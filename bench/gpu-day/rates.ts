import { openDevice } from '@tapegrad/node';
import {
  cast,
  contractionsOf,
  contractionVariants,
  ForcedVariant,
  type WebGPUDevice,
  within,
  zeros,
} from '@tapegrad/tensor';
import { type ModelSpec, models, settingsOf } from '@tapegrad/vae';
import { contractionCase, type KernelCase } from '../kernels/case.ts';
import { layerCalls } from '../kernels/layers.ts';
import { KernelBench } from '../kernels/measure.ts';
import { type Effort, medianOf, QUICK } from '../timing.ts';
import { trainingStep } from '../training.ts';
import type { Row } from './record.ts';
import { openFor, rounded, type Stage } from './stage.ts';

/** One round of short samples: there are many rows. */
const BRISK: Effort = { rounds: 1, sample: 5, budget: 30, longest: 0.5 };

/** A case by one variant with its sums in so many parts. */
function forced(one: KernelCase, variant: string, parts?: number): KernelCase {
  return {
    ...one,
    id: `${one.id} ${variant} ${parts ?? ''}`,
    run: (inputs) => within(new ForcedVariant(variant, parts), () => one.run(inputs)),
  };
}

/** The variants that can do a case on this device, each with the parts that it takes of those asked for. */
function waysOf(
  device: WebGPUDevice,
  one: KernelCase,
  shapes: readonly (readonly number[])[],
  asked: readonly (number | undefined)[],
) {
  const inputs = shapes.map((shape) => zeros(shape, { device }));
  const tasks = contractionsOf(() => one.run(inputs));
  for (const input of inputs) input.dispose();
  const [task] = tasks;
  // Several launches, such as one for each phase of a stride, are not cut in ways of their own.
  const parts = tasks.length > 1 ? [undefined] : asked;
  const adapter = { kind: device.adapterKind, subgroups: device.subgroups, matrices: device.matrices };
  const ways = new Map<string, { variant: string; parts: number | undefined }>();
  for (const [variant, { plan }] of contractionVariants) {
    for (const wanted of parts) {
      const planned = task && plan(task, adapter, wanted);
      if (planned)
        ways.set(`${variant} ${planned.parts}`, {
          variant,
          parts: wanted === undefined ? wanted : planned.parts,
        });
    }
  }
  return [...ways.values()];
}

/** Times one case and says it; an error is said, too, and is no reason to stop. */
async function sayRate(
  bench: KernelBench,
  one: KernelCase,
  about: Row,
  say: (row: Row) => void,
): Promise<void> {
  try {
    const ms = medianOf((await bench.samples(one)).ms);
    say({ ...about, ms: rounded(ms), 'GFLOP/s': rounded(one.flops / ms / 1e6) });
  } catch (error) {
    say({ ...about, failed: String((error as Error).message ?? error).split('\n')[0]! });
  }
}

const square = (n: number) =>
  contractionCase(
    {
      op: 'matmul',
      shapes: [
        [n, n],
        [n, n],
      ],
      attributes: { transposeA: false, transposeB: false },
    },
    `${n}`,
  );

/** Squares by every variant. */
export const squares: Stage = {
  name: 'squares',
  about: 'Products of square matrices by every kernel, undivided; and by what is chosen.',
  seconds: 40,
  async run(conditions, say) {
    const device = await openFor(conditions);
    const bench = new KernelBench(device, conditions.small ? QUICK : BRISK);
    for (const n of conditions.small ? [64, 128] : [256, 512, 1024, 2048, 4096]) {
      const one = square(n);
      await sayRate(bench, one, { n, kernel: 'chosen' }, say);
      const shape = [n, n] as const;
      for (const { variant, parts } of waysOf(device, one, [shape, shape], [1])) {
        // Minutes, by the plain kernel.
        if (n > 1024 && !/tiles|matrix|resident/.test(variant)) continue;
        await sayRate(bench, forced(one, variant, parts), { n, kernel: variant }, say);
      }
    }
  },
};

/** Every contraction of two models by kernel and split. */
export const layers: Stage = {
  name: 'layers',
  about:
    'The contractions of a step of `ae` and `vae-mlp`, by every kernel and with their sums in parts; and as they are chosen.',
  seconds: 60,
  async run(conditions, say) {
    const device = await openFor(conditions);
    const specs = ['ae', 'vae-mlp'].map((name) => models.get(name)!);
    const calls = await layerCalls(specs, () => openDevice(device.adapterKind, { nullBackend: true }));
    const bench = new KernelBench(device, conditions.small ? QUICK : BRISK);
    for (const { call, label, models: users } of conditions.small ? calls.slice(0, 2) : calls) {
      const one = contractionCase(call, label);
      const about = { contraction: one.id, models: users.join(', ') };
      await sayRate(bench, one, { ...about, kernel: 'chosen' }, say);
      for (const { variant, parts } of waysOf(device, one, call.shapes, [1, undefined, 4, 16])) {
        if (variant === 'naive' && one.flops > 1e9) continue;
        await sayRate(
          bench,
          forced(one, variant, parts),
          { ...about, kernel: variant, parts: parts ?? 1 },
          say,
        );
      }
    }
  },
};

/** Training steps of all models at two batches. */
export const steps: Stage = {
  name: 'steps',
  about:
    'Captured training steps of all models, at their own batch size and at four times as many images: wall time of a step (50 of them, waited for once), host time, and the sum of all launches by timestamps.',
  seconds: 60,
  async run(conditions, say) {
    const device = await openFor(conditions);
    const count = conditions.small ? 2 : 50;
    const measure = async (spec: ModelSpec, batchSize: number) => {
      const step = trainingStep(spec, device, conditions.small, batchSize);
      await step.captured.prepare();
      for (let i = 0; i < 3; i++) step.captured();
      await device.synchronize();
      const before = device.stats.launches;
      const [walls, hosts]: [number[], number[]] = [[], []];
      for (let round = 0; round < 3; round++) {
        const start = performance.now();
        for (let i = 0; i < count; i++) step.captured();
        device.flush();
        hosts.push((performance.now() - start) / count);
        await device.synchronize();
        walls.push((performance.now() - start) / count);
      }
      const launches = (device.stats.launches - before) / (3 * count);
      const wall = medianOf(walls);
      const times = device.gpu.features.has('timestamp-query')
        ? await step.captured.programs[0]!.profile()
        : undefined;
      const launched: Row = times
        ? { 'device ms': rounded(times.reduce((sum, ns) => sum + ns, 0) / 1e6), launches }
        : { launches };
      say({
        model: spec.name,
        batch: batchSize,
        ms: rounded(wall),
        'host ms': rounded(medianOf(hosts)),
        ...launched,
        'images/s': Math.round((1000 * batchSize) / wall),
      });
      step.captured.dispose();
      device.trim();
    };
    const order = [
      'ae',
      'vae-mlp',
      ...[...models.keys()].filter((name) => name !== 'ae' && name !== 'vae-mlp'),
    ];
    for (const times of conditions.small ? [1] : [1, 4]) {
      for (const name of conditions.small ? order.slice(0, 2) : order) {
        const spec = models.get(name)!;
        const batchSize = conditions.small ? 16 : times * settingsOf(spec).batchSize;
        try {
          await measure(spec, batchSize);
        } catch (error) {
          say({ model: name, batch: batchSize, failed: String((error as Error).message).split('\n')[0]! });
        }
      }
    }
  },
};

/** Half precision, and the matrix units. */
export const halves: Stage = {
  name: 'float16',
  about:
    'Products of square matrices in float16, by tiles and on matrix units, with the largest error against float32.',
  seconds: 20,
  async run(conditions, say) {
    const device = await openFor(conditions);
    if (!device.gpu.features.has('shader-f16')) {
      say({ what: 'shader-f16', value: 'not offered by this adapter' });
      return;
    }
    for (const { componentType, resultComponentType, M, N, K } of device.matrices)
      say({ what: 'matrix unit', value: `${componentType} to ${resultComponentType}, ${M}×${N}×${K}` });
    if (device.matrices.length === 0) say({ what: 'matrix units', value: 'not offered' });
    const bench = new KernelBench(device, conditions.small ? QUICK : BRISK);
    for (const n of conditions.small ? [64] : [1024, 4096]) {
      const one = square(n);
      const half: KernelCase = {
        ...one,
        inputs: (random) => one.inputs(random).map((x) => cast(x, 'float16')),
      };
      for (const kernel of ['tiles32', 'tiles64', 'tiles128', 'matrix']) {
        const variant = contractionVariants.get(kernel);
        if (!variant || (kernel === 'matrix' && device.matrices.length === 0)) continue;
        await sayRate(bench, forced(half, kernel), { n, kernel }, say);
      }
    }
  },
};
