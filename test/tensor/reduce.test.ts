/* Runs on every adapter. */
import * as tg from '@tapegrad/tensor';
import { type Shape, sizeOf } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, agree, device, integers, numbers, on } from '../helpers/device.ts';
import { logSoftMax, softMax } from '../helpers/tolerances.ts';

/*
 * Reductions, argmax, softmax and cumsum by each of their kernels: threads, lines made by a subgroup, lines made through shared
 * memory, columns; and with the splits that a GPU and a software adapter get.
 */

/** Runs the kernels that another adapter would get. */
async function pretend(
  as: { adapterKind?: string; subgroups?: undefined },
  fn: () => Promise<unknown>,
): Promise<void> {
  const { adapterKind, subgroups } = device;
  Object.assign(device, as);
  try {
    await fn();
  } finally {
    Object.assign(device, { adapterKind, subgroups });
  }
}

const adapters: [string, Parameters<typeof pretend>[0]][] = [
  [`as ${adapter}`, {}],
  ['without subgroups', { subgroups: undefined }],
  ['split as on a GPU', { adapterKind: 'gpu' }],
  ['as a GPU without subgroups', { adapterKind: 'gpu', subgroups: undefined }],
];

/** Shape, axes, and the kernel that the first launch is to use; on a GPU, where that is another. */
const cases: [Shape, number[], string, string?][] = [
  [[4096], [0], 'lines', 'block'],
  [[10_003], [0], 'main'],
  [[40_000], [0], 'lines'],
  [[3, 1000], [1], 'lines', 'block'],
  [[1000, 12], [0], 'columns', 'block'],
  [[1000, 13], [0], 'main', 'block'],
  [[16, 8, 6, 14], [0, 2, 3], 'lines', 'block'],
  [[5, 1000, 12], [1], 'columns', 'block'],
  [[9, 5, 7, 12], [0, 2], 'columns', 'block'],
  [[5, 3, 4, 3, 40], [1, 3], 'columns'],
  [[6, 3, 10, 2, 64], [0, 2, 4], 'lines', 'block'],
  [[513, 132], [0], 'columns'],
  [[3, 30, 800], [1], 'columns'],
  [[2, 8], [1], 'main'],
];

for (const [name, as] of adapters) {
  test(`sum, prod, max and min by the kernel for their shape, ${name}`, async () => {
    await pretend(as, async () => {
      for (const [shape, axes, kernel, onGpu = kernel] of cases) {
        const label = `[${shape}] over ${axes}`;
        // Whole numbers: their sums are exact, so one that is missing or counted twice shows.
        const x = integers(sizeOf(shape), -8, 9);
        await agree((d) => tg.sum(on(d, shape, x), axes), {}, label);
        // Signs, and a power of two.
        const factors = x.map((value, i) => Math.sign(value + 0.5) * (i % 4001 === 7 ? 2 : 1));
        await agree((d) => tg.prod(on(d, shape, factors), axes), {}, label);
        const real = numbers(sizeOf(shape), -9, 9);
        await agree((d) => [tg.max(on(d, shape, real), axes), tg.min(on(d, shape, real), axes)], {}, label);
        const captured = tg.capture((t: tg.Tensor) => tg.sum(t, axes));
        await captured.prepare(on(device, shape, x));
        const expected = `reduce.${device.adapterKind === 'gpu' ? onGpu : kernel}`;
        assert.is(captured.programs[0]!.dispatches[0]!.kernel.label, expected, label);
        captured.dispose();
      }
    });
  });

  test(`argmax, argmin and softmax along lines and columns, ${name}`, async () => {
    await pretend(as, async () => {
      for (const shape of [
        [3, 1000],
        [2, 1003],
        [2, 500, 8],
        [5, 9],
      ] as Shape[]) {
        for (const axis of shape.keys()) {
          const label = `[${shape}] along ${axis}`;
          const ties = integers(sizeOf(shape), 0, 50);
          await agree(
            (d) => [tg.argmax(on(d, shape, ties), axis), tg.argmin(on(d, shape, ties), axis)],
            {},
            label,
          );
          const x = numbers(sizeOf(shape), -9, 9);
          await agree((d) => tg.softmax(on(d, shape, x), axis), softMax, label);
          await agree((d) => tg.logSoftmax(on(d, shape, x), axis), logSoftMax, label);
        }
      }
    });
  });

  test(`cumsum along lines and columns, in one go and in chunks, ${name}`, async () => {
    await pretend(as, async () => {
      for (const [shape, axis, kernel] of [
        [[300_000], 0, 'lines'],
        [[300_003], 0, 'lines'],
        [[3, 50_000], 1, 'lines'],
        [[300, 260], 1, 'lines'],
        [[300, 257], 1, 'lines'],
        [[40_000, 3], 0, 'columns'],
        [[40_000, 4], 0, 'columns'],
        [[3, 1001, 8], 1, 'columns'],
        [[300, 300], 0, 'columns'],
        [[300, 9], 1, 'columns'],
      ] as [Shape, number, string][]) {
        const label = `[${shape}] along ${axis}`;
        const x = integers(sizeOf(shape), -8, 9);
        await agree(
          (d) => [tg.cumsum(on(d, shape, x), axis), tg.cumsum(on(d, shape, x), axis, { reverse: true })],
          {},
          label,
        );
        const captured = tg.capture((t: tg.Tensor) => tg.cumsum(t, axis));
        await captured.prepare(on(device, shape, x));
        assert.is(captured.programs[0]!.dispatches[0]!.kernel.label, `scan.${kernel}`, label);
        captured.dispose();
      }
    });
  });

  test(`NaN wins, and the first of equals, wherever they lie in a line, ${name}`, async () => {
    await pretend(as, async () => {
      const [rows, extent] = [20, 1000];
      const x = new Float32Array(rows * extent).fill(1);
      const first = Array.from({ length: rows }, (_, row) => (row * 97) % extent);
      first.forEach((at, row) => {
        const value = row % 2 ? Number.NaN : 2;
        x[row * extent + at] = value;
        x[row * extent + extent - 1] = value;
      });
      assert.equal([...(await tg.argmax(on(device, [rows, extent], x), 1).data())], first);
      const greatest = await tg.max(on(device, [rows, extent], x), 1).data();
      assert.ok(greatest.every((v, row) => (row % 2 ? Number.isNaN(v) : v === 2)));
    });
  });
}

test(`the same sum has the same bytes every time ${adapter}`, async () => {
  const x = on(device, [512, 512], numbers(2 ** 18, 0, 1));
  for (const axes of [[0, 1], [0], [1]]) {
    const bytes = async () => new Uint32Array((await tg.sum(x, axes).data()).buffer);
    const before = await bytes();
    for (let round = 0; round < 3; round++) assert.equal(await bytes(), before);
  }
});

test.run();
