/* Runs without an adapter, for long. */
import { Adam } from '@tapegrad/nn';
import * as tg from '@tapegrad/tensor';
import {
  type AdapterKind,
  type Device,
  type Shape,
  sizeOf,
  type Tensor,
  type WebGPUDevice,
} from '@tapegrad/tensor';
import { DeviceDataset, MetricsRing, models, runTrainingStep, settingsOf } from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  builtInChoice,
  contractionVariants,
  ForcedVariant,
} from '../../packages/tensor/src/lowering/contraction/table.ts';
import { close, numbers } from '../helpers/close.ts';
import {
  adapterOf,
  banded,
  cases,
  check,
  convolutions,
  fits,
  pairwise,
  pixelated,
  planar,
  product,
  tasksOf,
} from '../helpers/contractions.ts';
import { emulated, type Subgroups, withEmulatedSubgroups } from '../helpers/emulated-subgroups.ts';
import { someImages } from '../helpers/images.ts';
import { softMax } from '../helpers/tolerances.ts';

/*
 * What is chosen on hardware that is not here: other sizes of subgroups, lanes that are in another order than the threads, a
 * GPU without subgroups that kernels could use. Every variant of the contraction, reductions and softmax, against the reference.
 */

const adapters: [name: string, kind: AdapterKind, subgroups: Subgroups | undefined][] = [
  ['16 lanes in another order', 'gpu', { size: 16, permutation: [5, 3] }],
  ['32 lanes in another order', 'gpu', { size: 32, permutation: [11, 7] }],
  ['64 lanes', 'gpu', { size: 64 }],
  ['no subgroups', 'gpu', undefined],
];

/** Products and convolutions by which the kernels of a variant are reached; it is forced on the other cases in contraction.test.ts. */
const some = cases.filter(({ name }) =>
  /\[36,20\] x \[20,44\]|\[20,36\]ᵀ x \[44,20\]ᵀ|\[3,4,8,8\]/.test(name),
);

/** Variants that others reach. */
const own = new Map([
  ['bands', banded.slice(0, 6)],
  ['planes', planar],
  ['pixels', pixelated],
]);

/** Too large for the plain kernel: few rows and many, convolutions. */
const large = [
  product([6, 160], [160, 130]),
  product([70, 160], [70, 130], 'A'),
  ...convolutions([4, 8, 14, 14], 16, [4, 4], { stride: [2, 2], padding: [1, 1] }),
];

/** Names of kernels that a device runs to compute something. */
function kernelsOf(device: WebGPUDevice, fn: () => Tensor): string[] {
  const captured = tg.capture(fn, { device });
  captured().dispose();
  const labels = captured.programs[0]!.dispatches.map(({ kernel }) => kernel.label);
  captured.dispose();
  return labels;
}

async function agree(device: Device, fn: (device: Device) => Tensor, tolerance: object, label: string) {
  const [got, expected] = [device, tg.referenceDevice].map((d) => tg.scope(() => fn(d)));
  close(await got!.data(), await expected!.data(), tolerance, label);
  got!.dispose();
  expected!.dispose();
}

const on = (device: Device, shape: Shape, values: Float32Array) => tg.tensor(values, { shape, device });

for (const [name, kind, subgroups] of adapters) {
  const device = await emulated(kind, subgroups);
  // Whatever exchanges values between lanes: what fits here, and would not without subgroups.
  const without = { ...adapterOf(device), subgroups: undefined };
  let exchanging = 0;
  for (const variant of contractionVariants.keys()) {
    const fitting = (own.get(variant) ?? some).filter(
      (one) => fits(device, variant, one) && !fits(device, variant, one, without),
    );
    if (fitting.length === 0) continue;
    exchanging++;
    const chosen = pairwise(device, variant, fitting);
    test(`${name}: ${variant}, ${chosen.length} cases`, async () => {
      for (const one of chosen) await check(device, one, new ForcedVariant(variant));
    });
  }

  test(`${name}: lanes exchange values where there are up to 32 of them`, () => {
    assert.is(exchanging > 0, subgroups !== undefined && subgroups.size <= 32);
  });

  test(`${name}: the contractions that are chosen are those of a GPU without subgroups`, async () => {
    for (const one of large) {
      const choices = tasksOf(device, one).map((task) =>
        [adapterOf(device), without].map((adapter) => builtInChoice(task, adapter)),
      );
      for (const [chosen, expected] of choices) assert.equal(chosen, expected, one.name);
      // So they need not be run for each of them.
      if (!subgroups) await check(device, one);
    }
  });

  test(`${name}: reductions, running sums and softmax of lines`, async () => {
    for (const shape of [
      [3, 5120],
      [2, 1003],
    ] as Shape[]) {
      // Whole numbers, whose sums are exact; all different, so that there is one greatest.
      const x = numbers(sizeOf(shape), -9, 9);
      const whole = x.map((v) => Math.round(100 * v));
      for (const [label, fn] of [
        ['sum', (d) => tg.sum(on(d, shape, whole), [1])],
        ['max', (d) => tg.max(on(d, shape, x), [1])],
        ['argmin', (d) => tg.argmin(on(d, shape, x), 1)],
      ] as [string, (d: Device) => Tensor][])
        await agree(device, fn, {}, `${label} [${shape}]`);
      await agree(device, (d) => tg.cumsum(on(d, shape, whole), 1), {}, `cumsum [${shape}]`);
      await agree(device, (d) => tg.softmax(on(d, shape, x), 1), softMax, `softmax [${shape}]`);
    }
    const x = on(device, [4, 5120], numbers(4 * 5120, 0, 1));
    assert.is(kernelsOf(device, () => tg.sum(x, [1]))[0], 'reduce.lines');
  });

  test.after(() => device.destroy());
}

/** The losses of a model's first steps, captured where a device can. */
async function lossesOn(device: Device, name: string): Promise<number[]> {
  tg.setDefaultDevice(device);
  const spec = models.get(name)!;
  const settings = settingsOf(spec, { hidden: 40, latent: 4, batchSize: 10 });
  const shape = [1, 12, 12] as const;
  const model = spec.build(shape, settings, new tg.Generator(3, { device }));
  const steps = 3;
  const ring = new MetricsRing(model, { rows: steps, device });
  const parts = {
    model,
    optimizer: new Adam(model.parameters(), { lr: 1e-2 }),
    dataset: new DeviceDataset(model, someImages(64, shape), { device }),
    ring,
    context: { noise: new tg.Generator(4, { device }), epoch: () => ring.stepCount() },
  };
  const run = () => runTrainingStep(parts, settings.batchSize);
  const step =
    device === tg.referenceDevice ? () => tg.scope(run) : tg.capture(run, { device: device as WebGPUDevice });
  for (let i = 0; i < steps; i++) step();
  const values = await ring.values.data();
  return Array.from({ length: steps }, (_, row) => ring.metricsOf(values, row).loss!);
}

for (const [name, as] of [
  ['vae-mlp', { size: 32, permutation: [11, 7] }],
  ['ae', undefined],
] as [string, Subgroups | undefined][]) {
  test(`${name} trains with the reference's losses as a GPU with ${as?.size ?? 'no'} lanes`, async () => {
    const expected = await lossesOn(tg.referenceDevice, name);
    assert.ok(expected.at(-1)! < expected[0]!, `the loss falls: ${expected}`);
    const device = await emulated('gpu', as);
    const reason =
      'float32 and float64 are apart: sums of some hundred terms, exp, log, and three steps of that';
    close(await lossesOn(device, name), expected, { relative: 2e-5, reason }, 'losses');
    device.destroy();
  });
}

test('the emulation knows the operations that kernels use, and says so of others', () => {
  const code =
    'enable subgroups;\n@compute @workgroup_size(8)\nfn main(@builtin(subgroup_invocation_id) i: u32) {\n  x = ';
  const end = ';\n}';
  assert.match(
    withEmulatedSubgroups(`${code}subgroupShuffle(a[1], 3u)${end}`, { size: 8 }),
    'emulated[0u + 3u]',
  );
  assert.throws(
    () => withEmulatedSubgroups(`${code}subgroupAdd(a)${end}`, { size: 8 }),
    /knows no subgroupAdd/,
  );
});

test.run();
