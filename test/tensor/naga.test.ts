/* Runs without an adapter, for long. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { grad } from '@tapegrad/autograd';
import * as shaders from '@tapegrad/shaders';
import * as tg from '@tapegrad/tensor';
import { type AdapterKind, type Device, within } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KernelCollection, pretend } from '../../bench/isa/kernels.ts';
import { contractionVariants, ForcedVariant } from '../../packages/tensor/src/lowering/contraction/table.ts';
import { banded, cases, casesOf, compute, fits, otherTiles, pairwise } from '../helpers/contractions.ts';
import type { NagaReport } from '../helpers/naga-compile.ts';
import { succeed } from '../helpers/packed.ts';
import { installRuntimes, runtimesAreForThisSystem } from '../helpers/runtimes.ts';
import { temporaryFolder } from '../helpers/temporary.ts';

/*
 * Naga, the WGSL compiler of Firefox and of wgpu, takes every kernel: those of the models' training steps and of the kernel
 * benchmarks, on every kind of adapter, and every variant of the contraction. Through Deno, on a device with the least limits
 * that there are. Naga knows neither subgroups nor matrix units, so adapters have none there, and float16 is a feature that
 * a device has to be asked for.
 */

const KINDS: readonly AdapterKind[] = ['gpu', 'lavapipe', 'swiftshader'];
/** Variants that exchange values between lanes. */
const NEED_SUBGROUPS = [
  ...['lanes4', 'lanes8', 'lanes16', 'plain4', 'slides4', 'slides8', 'slides16', 'bands', 'resident'],
  'turned',
  'patches',
  'pixels',
  'planes',
  'quads',
  'matrix',
];
const SHADERS_OF_SUBGROUPS = [
  'contraction_bands',
  'contraction_matrix',
  'contraction_patches',
  'contraction_pixels',
  'contraction_planes',
  'contraction_quads',
  'contraction_resident',
];
/** What other shaders include. */
const PARTS = ['prelude'];

/** Every expression of integers, and conditions of another type. */
function ofIntegers(device: Device, dtype: 'int32' | 'uint32'): void {
  const [x, row] = [tg.zeros([3, 4], { device, dtype }), tg.zeros([4], { device, dtype })];
  for (const fn of [tg.neg, tg.abs, tg.sign]) fn(x);
  for (const fn of [tg.add, tg.sub, tg.mul, tg.minimum, tg.maximum, tg.equal, tg.notEqual]) fn(x, row);
  for (const fn of [tg.less, tg.lessEqual, tg.greater, tg.greaterEqual]) fn(x, row);
  tg.clamp(tg.sub(7, tg.mul(x, 3)), { max: 5 });
  tg.where(x, row, 1);
  tg.where(tg.cast(x, 'float32'), x, row);
  tg.where(row, tg.cast(x, 'float32'), 0.5);
}

/** Pooling, its gradients, and theirs. */
function ofPooling(device: Device): void {
  const x = tg.zeros([2, 3, 8, 8], { device });
  for (const pool of [tg.maxPool2d, tg.avgPool2d] as ((x: tg.Tensor, kernel: number) => tg.Tensor)[])
    grad((y: tg.Tensor) => tg.sum(tg.square(grad((z: tg.Tensor) => tg.sum(tg.square(pool(z, 2))))(y))))(x);
}

/** A GPU's tiles are long texts that differ by their extents alone: one of them sees every shape, the others those that tests run. */
const shapesOf = (variant: string) =>
  otherTiles.includes(variant) ? casesOf(variant, 'swiftshader') : [...cases, ...banded];

const collection = new KernelCollection();
const unfit = new Set(contractionVariants.keys());
for (const kind of KINDS) {
  const device = await pretend({ kind, subgroups: undefined });
  collection.noteAll(device);
  for (const dtype of ['int32', 'uint32'] as const)
    collection.note(device, dtype, () => ofIntegers(device, dtype));
  collection.note(device, 'pooling', () => ofPooling(device));
  for (const name of contractionVariants.keys()) {
    const fitting = shapesOf(name).filter((one) => fits(device, name, one));
    if (fitting.length > 0) unfit.delete(name);
    for (const one of pairwise(device, name, fitting)) {
      collection.note(device, name, () => within(new ForcedVariant(name), () => compute(device, one)));
    }
  }
  device.destroy();
}
const { kernels } = collection;

test('without subgroups no kernel uses them, and these variants are not chosen', () => {
  assert.equal([...unfit].sort(), [...NEED_SUBGROUPS].sort());
  assert.equal(
    kernels.filter(({ code }) => /^enable /m.test(code)).map(({ id }) => id),
    [],
  );
});

test('every other WGSL file is among what is compiled', () => {
  const seen = new Set([...kernels.map(({ shader }) => shader), ...SHADERS_OF_SUBGROUPS, ...PARTS]);
  assert.equal(
    Object.values(shaders)
      .map(({ name }) => name)
      .filter((name) => !seen.has(name)),
    [],
  );
});

if (!runtimesAreForThisSystem) {
  console.log('SKIPPED: the runtimes of test/runtimes are for Linux x64; Naga compiled nothing');
  test.skip('Naga', () => {});
} else {
  test(`Naga compiles all ${kernels.length} kernels on a device with the least limits`, async () => {
    const { deno } = await installRuntimes();
    const file = join(temporaryFolder(), 'kernels.json');
    writeFileSync(file, JSON.stringify(kernels));
    const program = fileURLToPath(new URL('../helpers/naga-compile.ts', import.meta.url));
    const { stdout } = await succeed(deno, ['run', '--allow-all', '--unstable-webgpu', program, file]);
    const report = JSON.parse(stdout) as NagaReport;
    if (report.adapter === '') {
      console.log("SKIPPED: Deno's WebGPU finds no Vulkan driver here; Naga compiled nothing");
      return;
    }
    assert.not(report.features.includes('subgroups'), 'Naga knows subgroups now: test them here');
    assert.equal(report.failures, []);
  });
}
test.run();
