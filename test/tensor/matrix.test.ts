/* Runs without an adapter. */
import { openDevice } from '@tapegrad/node';
import { capture, conv2d, type DType, matmul, type Shape, scope, zeros } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { matrix } from '../../packages/tensor/src/lowering/contraction/matrix.ts';
import { product, tasksOf } from '../helpers/contractions.ts';

/*
 * The contraction on matrix units. No adapter that the tests run on has any, so the kernel is compiled (by Dawn's null
 * backend, which knows the feature and runs nothing) and never run: what is tested is that its WGSL is valid, and when it
 * is chosen.
 */

const device = await openDevice('gpu', { nullBackend: true, toggles: ['allow_unsafe_apis'] });
const f16 = { componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 };
const flat = { componentType: 'f16', resultComponentType: 'f32', M: 8, N: 8, K: 16 };
const narrow = { componentType: 'f16', resultComponentType: 'f16', M: 16, N: 16, K: 32 };
const f32 = { componentType: 'f32', resultComponentType: 'f32', M: 8, N: 8, K: 8 };

/** Dawn holds workgroups against the null backend's own largest subgroup. */
const SUBGROUPS = { min: 128, max: 128 };

/** The kernels of a product on an adapter with these matrix units, compiled, and the errors that came of it. */
async function kernels(matrices: readonly (typeof f16)[], product: () => unknown, subgroups = SUBGROUPS) {
  const { matrices: none, subgroups: own } = device;
  Object.assign(device, { matrices, subgroups });
  const f = capture(() => void scope(() => void product()), { device });
  device.gpu.pushErrorScope('validation');
  await f.prepare();
  const error = await device.gpu.popErrorScope();
  Object.assign(device, { matrices: none, subgroups: own });
  const { dispatches } = f.programs[0]!;
  const sides = dispatches.map(({ launch }) => launch.constants!.SIDE);
  const launches = dispatches.map(({ kernel, launch: { constants } }) => ({
    label: kernel.label,
    M: constants!.M,
    K: constants!.K,
    fused: constants!.FUSED,
  }));
  f.dispose();
  return { launches, sides, error: error?.message };
}

const operands = (dtype: DType, ...shapes: Shape[]) => shapes.map((shape) => zeros(shape, { dtype, device }));
const multiply =
  (dtype: DType, [m, n, k]: readonly [number, number, number], t = '') =>
  () => {
    const [transposeA, transposeB] = [t.includes('A'), t.includes('B')];
    const [a, b] = operands(dtype, transposeA ? [k, m] : [m, k], transposeB ? [n, k] : [k, n]);
    return matmul(a!, b!, { transposeA, transposeB });
  };

test('the null backend knows the feature', () => {
  assert.ok(device.gpu.features.has('chromium-experimental-subgroup-matrix' as GPUFeatureName));
  assert.equal(device.matrices, []);
});

for (const t of ['', 'A', 'B', 'AB']) {
  test(`a product ${t && `transposed ${t} `}of halves takes them, and its WGSL compiles`, async () => {
    const { launches, error } = await kernels([flat, f16, narrow], multiply('float16', [64, 96, 128], t));
    assert.is(error, undefined);
    assert.equal(launches, [{ label: 'contraction_matrix.main', M: 16, K: 16, fused: false }]);
  });
}

test('so do a product of float32, a batch, and one with a bias and an activation merged in', async () => {
  const full = await kernels([f16, f32], multiply('float32', [64, 64, 64]));
  assert.is(full.error, undefined);
  assert.equal(full.launches, [{ label: 'contraction_matrix.main', M: 8, K: 8, fused: false }]);
  const batch = await kernels([f16], () => {
    const [a, b] = operands('float16', [3, 64, 64], [64, 64]);
    return matmul(a!, b!);
  });
  assert.equal(batch.error, undefined);
  assert.is(batch.launches[0]!.label, 'contraction_matrix.main');
  const merged = await kernels([f16], () => {
    const [a, b, bias] = operands('float16', [64, 64], [64, 64], [64]);
    return matmul(a!, b!).add(bias!).relu();
  });
  assert.is(merged.error, undefined);
  assert.equal(merged.launches, [{ label: 'contraction_matrix.main', M: 16, K: 16, fused: true }]);
});

test('extents decide which of several units it is, or none', async () => {
  const chosen = async (m: number, n: number, k: number) =>
    (await kernels([f16, flat], multiply('float16', [m, n, k]))).launches[0]!;
  assert.is((await chosen(64, 64, 64)).M, 16);
  assert.is((await chosen(72, 64, 64)).M, 8);
  for (const extents of [
    [68, 64, 64],
    [64, 65, 64],
    [64, 64, 72],
    [16, 16, 16],
  ] as const) {
    assert.is.not(
      (await chosen(extents[0], extents[1], extents[2])).label,
      'contraction_matrix.main',
      `${extents}`,
    );
  }
});

test('a workgroup makes as many matrices of sums as registers hold and the extents leave workgroups for', async () => {
  for (const [m, n, side] of [
    [64, 64, 1],
    [528, 528, 2],
    [1088, 1072, 4],
  ] as const)
    for (const dtype of ['float16', 'float32'] as const) {
      // Of float32 as large as of float16, which no unit has, for the sake of the way sums are stored.
      const { sides, error } = await kernels(
        [{ ...f16, componentType: dtype === 'float16' ? 'f16' : 'f32' }],
        multiply(dtype, [m, n, 64]),
      );
      assert.is(error, undefined);
      assert.equal(sides, [side], `${m} x ${n}, ${dtype}`);
    }
  // A lane of a small subgroup would have 256 sums.
  const task = tasksOf(device, product([1088, 64], [64, 1072]))[0]!;
  const unit = { ...f16, componentType: 'f32' };
  const adapter = { kind: 'gpu', matrices: [unit], subgroups: { min: 16, max: 16 } } as const;
  assert.is(matrix.plan(task, adapter)?.side, 2);
});

test('without float32 sums, a known subgroup, or matrices to multiply, the other kernels do it', async () => {
  const product = multiply('float16', [64, 64, 64]);
  const other = async (...args: Parameters<typeof kernels>) => {
    const { launches, error } = await kernels(...args);
    assert.is(error, undefined);
    assert.ok(launches.every(({ label }) => label !== 'contraction_matrix.main'));
  };
  await other([], product);
  await other([narrow], product);
  await other([f32], product);
  await other([f16], product, { min: 16, max: 32 });
  await other([f16], () => {
    const [x, w] = operands('float16', [16, 16, 16, 16], [16, 16, 4, 4]);
    return conv2d(x!, w!, { stride: 2, padding: 1 });
  });
});

test.after(() => device.destroy());
test.run();
