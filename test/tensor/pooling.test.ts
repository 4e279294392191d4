/* Runs on every adapter. */
import * as tg from '@tapegrad/tensor';
import { type Device, type Shape, sizeOf, type Tensor } from '@tapegrad/tensor';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, agree, device, integers, numbers, on } from '../helpers/device.ts';
import { division, exact, neighbour } from '../helpers/tolerances.ts';

/*
 * Pooling and its gradients: kernel against reference. PyTorch's own numbers are in test/nn. Maxima are chosen, not
 * computed: they are exact. An average adds up to 25 numbers below 9 and divides once.
 */

const AVERAGE = {
  ...division,
  absolute: 1e-5,
  reason: 'sums of up to 25 numbers below 9, and a division: 2.5 ulp',
};

const max = (kernel: tg.PairOption, options: tg.MaxPoolOptions = {}) => ({ kernel, options });
const average = (kernel: tg.PairOption, options: tg.AvgPoolOptions = {}) => ({ kernel, options });

const SHAPES: Shape[] = [
  [1, 1, 5, 7],
  [2, 3, 8, 6],
  [3, 2, 13, 11],
  [2, 5, 33, 30],
  [0, 3, 5, 5],
];
const maxima = [
  max(2),
  max([3, 2], { stride: [1, 2] }),
  max(3, { stride: 2, padding: 1 }),
  max(3, { stride: 2, ceilMode: true }),
  max([4, 5], { stride: 3, padding: [2, 1], ceilMode: true }),
  max(2, { stride: 1, dilation: [3, 2], padding: 1 }),
  max([2, 11], { stride: [1, 2], padding: [1, 5] }),
];
const averages = [
  average(2),
  average([3, 2], { stride: [1, 2] }),
  average(3, { stride: 2, padding: 1 }),
  average(3, { stride: 2, padding: 1, countIncludePad: false }),
  average(3, { stride: 2, ceilMode: true }),
  average([4, 5], { stride: 3, padding: [2, 1], ceilMode: true }),
  average([4, 5], { stride: 3, padding: [2, 1], ceilMode: true, countIncludePad: false }),
  average([2, 11], { stride: [2, 1], padding: [1, 5], countIncludePad: false }),
];

const text = (value: unknown) => JSON.stringify(value).replaceAll('"', '');

/** An op with the attributes with which `run` calls it. */
function attributesOf<K extends 'maxPool2d' | 'avgPool2d'>(name: K, run: () => Tensor): tg.Attributes<K> {
  let found: unknown;
  tg.observe(({ op, attributes }) => {
    if (op.name === name) found = attributes;
  }, run);
  return found as tg.Attributes<K>;
}

/** What all ops of maximum pooling make of an image: the last two of a second image, and of what was pooled. */
function allMaxima(d: Device, shape: Shape, x: Float32Array, { kernel, options }: (typeof maxima)[number]) {
  const image = on(d, shape, x);
  const y = tg.maxPool2d(image, kernel, options);
  const attributes = attributesOf('maxPool2d', () => tg.maxPool2d(image, kernel, options));
  const indices = tg.apply(tg.ops.maxPool2dIndices, [image], attributes);
  const sized = { ...attributes, size: [shape[2]!, shape[3]!] as const };
  const other = on(d, shape, numbers(sizeOf(shape), -9, 9, 2));
  const gathered = tg.apply(tg.ops.poolGather, [other, indices], sized);
  // Whole numbers: a pixel may add up several.
  const gradient = on(d, y.shape, integers(y.size, -9, 9, 3));
  return [y, indices, gathered, tg.apply(tg.ops.poolScatter, [gradient, indices], sized)];
}

for (const shape of SHAPES) {
  for (const one of maxima) {
    test(`maxPool2d [${shape}] by ${text(one)} ${adapter}`, async () => {
      await agree((d) => allMaxima(d, shape, numbers(sizeOf(shape), -9, 9), one), exact, 'maxPool2d');
      // Whole numbers, so that maxima are equal.
      await agree((d) => allMaxima(d, shape, integers(sizeOf(shape), 0, 3), one), exact, 'maxPool2d, ties');
    });
  }
  for (const { kernel, options } of averages) {
    test(`avgPool2d [${shape}] by ${text({ kernel, options })} ${adapter}`, async () => {
      const run = (d: Device) => {
        const image = on(d, shape, numbers(sizeOf(shape), -9, 9));
        const y = tg.avgPool2d(image, kernel, options);
        const attributes = attributesOf('avgPool2d', () => tg.avgPool2d(image, kernel, options));
        const gradient = on(d, y.shape, numbers(y.size, -9, 9, 3));
        const size = [shape[2]!, shape[3]!] as const;
        return [y, tg.apply(tg.ops.avgPool2dGradient, [gradient], { ...attributes, size })];
      };
      await agree(run, AVERAGE, 'avgPool2d');
    });
  }
}

test(`maxPool2d: NaN wins, infinities are values, the first of equals is chosen ${adapter}`, async () => {
  const [nan, inf] = [Number.NaN, Infinity];
  const x = Float32Array.of(
    ...[1, nan, 2, 2, -inf, -inf],
    ...[nan, 3, 2, 2, -inf, -inf],
    ...[inf, 5, -1, -1, 0, -0],
    ...[5, inf, -1, 0, -0, 0],
  );
  const [values, indices, , scattered] = await agree(
    (d) => allMaxima(d, [1, 1, 4, 6], x, max(2)),
    exact,
    'special values',
  );
  assert.equal([...values!.data].map(String), ['NaN', '2', '-Infinity', 'Infinity', '0', '0']);
  assert.equal([...indices!.data], [1, 2, 4, 12, 21, 16]);
  assert.is([...scattered!.data].filter((value) => value !== 0).length, 6);
});

test(`maxPool2d: a window whose dilated taps all miss the image is −∞, and no gradient comes of it ${adapter}`, async () => {
  // Padding 1 and taps 4 apart: rows −1 and 3 of three.
  const one = max([2, 1], { dilation: [4, 1], padding: [1, 0] });
  const [values, indices, gathered, scattered] = await agree(
    (d) => allMaxima(d, [1, 1, 3, 2], integers(6, 1, 9), one),
    exact,
    'a window of nothing',
  );
  assert.equal([...values!.data], [-Infinity, -Infinity]);
  assert.equal([...indices!.data], [-1, -1]);
  assert.equal([...gathered!.data], [0, 0]);
  assert.ok(scattered!.data.every((value) => value === 0));
});

const pooling = fc.record({
  shape: fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 17 }),
    fc.integer({ min: 1, max: 17 }),
  ),
  kernel: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
  stride: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  share: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
  dilation: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
  ceilMode: fc.boolean(),
  countIncludePad: fc.boolean(),
});

test(`pooling: 80 random windows ${adapter}`, async () => {
  await fc.assert(
    fc.asyncProperty(
      pooling,
      async ({ shape, kernel, stride, share, dilation, ceilMode, countIncludePad }) => {
        const padding = share.map((part, d) => Math.floor((part * kernel[d]!) / 2)) as [number, number];
        const room = (d: 0 | 1, taps: number) => shape[2 + d]! + 2 * padding[d] - taps * (kernel[d] - 1);
        if (room(0, 1) < 1 || room(1, 1) < 1) return;
        const window = { stride, padding, ceilMode };
        await agree(
          (d) =>
            tg.avgPool2d(on(d, shape, numbers(sizeOf(shape), -9, 9)), kernel, { ...window, countIncludePad }),
          AVERAGE,
          'avgPool2d',
        );
        if (room(0, dilation[0]) < 1 || room(1, dilation[1]) < 1) return;
        const one = max(kernel, { ...window, dilation });
        await agree((d) => allMaxima(d, shape, integers(sizeOf(shape), -3, 3), one), exact, 'maxPool2d');
      },
    ),
    { seed: 20_240, numRuns: 80 },
  );
});

const halves = device.gpu.features.has('shader-f16') ? test : test.skip;
halves(`pooling halves ${adapter}`, async () => {
  const half = (d: Device) =>
    tg.tensor(numbers(240, -2, 2), { shape: [2, 3, 8, 5], device: d, dtype: 'float16' });
  await agree((d) => tg.maxPool2d(half(d), 3, { stride: 2, padding: 1 }), exact, 'maxPool2d');
  const [mean] = await agree((d) => tg.avgPool2d(half(d), 3, { stride: 2 }), neighbour(), 'avgPool2d');
  assert.is(mean!.dtype, 'float16');
});

test(`pooling in a captured program is what it is outside, its end merged ${adapter}`, async () => {
  tg.setDefaultDevice(device);
  const step = (x: Tensor) => tg.relu(tg.sub(tg.maxPool2d(tg.avgPool2d(x, 2), 3, { stride: 1 }), 0.5));
  const x = tg.keep(on(device, [2, 2, 12, 12], numbers(576, -2, 2)));
  const program = tg.capture(step);
  assert.equal(await program(x).data(), await step(x).data());
  assert.is(program.programs[0]!.launches, 2, program.programs[0]!.print());
  program.dispose();
});

test('pooling refuses what makes no sense, in its own words', () => {
  const x = tg.zeros([2, 3, 8, 8], { device: tg.referenceDevice });
  const refused = (run: () => unknown, message: RegExp) => assert.throws(run, message);
  refused(
    () => tg.maxPool2d(tg.zeros([3, 8, 8], { device: tg.referenceDevice }), 2),
    /maxPool2d: expects \[N, C, H, W\]/,
  );
  refused(
    () => tg.maxPool2d(x, 2, { padding: 2 }),
    /maxPool2d: the padding is at most half of the kernel: \[2, 3, 8, 8\]/,
  );
  refused(() => tg.avgPool2d(x, 9), /avgPool2d: the window is larger than the padded image/);
  refused(
    () => tg.avgPool2d(x, 2, { stride: 0 }),
    /avgPool2d: kernel, stride and dilation are whole numbers from 1/,
  );
  refused(
    () => tg.maxPool2d(x, 2, { ceil_mode: true } as never),
    /maxPool2d: no option is named 'ceil_mode'; did you mean 'ceilMode'\?/,
  );
  refused(() => tg.avgPool2d(x, 2, { dilation: 2 } as never), /avgPool2d: no option is named 'dilation'/);
  refused(
    () => tg.maxPool2d(x, '2' as never),
    /maxPool2d: kernelSize is a number or \[height, width\], got "2"/,
  );
});

test.after(() => device.destroy());
test.run();
