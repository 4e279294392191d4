/* Runs on every adapter. */
import { grad, requiresGrad, valueAndGrad } from '@tapegrad/autograd';
import * as tg from '@tapegrad/tensor';
import { type Device, type Shape, sizeOf, type Tensor } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, agree, close, device, numbers, on } from '../helpers/device.ts';
import { neighbour } from '../helpers/tolerances.ts';

/*
 * float16: stored as halves, computed in float32. The reference rounds the float64 result to the nearest half. A kernel
 * computes almost the same number before it rounds, but WGSL lets it round either way: so they are neighbours at most.
 */

const NEIGHBOUR = neighbour();
const hasHalves = device.gpu.features.has('shader-f16');
const here = hasHalves ? test : test.skip;

const half = (where: Device, shape: Shape, seed = 1, [low, high] = [-2, 2]) =>
  tg.tensor(numbers(sizeOf(shape), low, high, seed), { shape, device: where, dtype: 'float16' });

// ------------------------------------------------------------------------------------------------- on the host alone

test('halves: the values of the format, from its smallest to its greatest', () => {
  // From the table of binary16 in IEEE 754-2008 (as on Wikipedia, "Half-precision floating-point format").
  const known: [bits: number, value: number][] = [
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3bff, 0.99951171875],
    [0x3c00, 1],
    [0x3c01, 1.0009765625],
    [0x7bff, 65504],
    [0x7c00, Infinity],
    [0x8000, -0],
    [0xc000, -2],
    [0xfc00, -Infinity],
  ];
  for (const [bits, value] of known) {
    assert.is(tg.halfValue(bits), value);
    assert.is(tg.halfBits(value), bits);
  }
  assert.is(tg.halfBits(1 / 3), 0x3555);
  assert.ok(Number.isNaN(tg.halfValue(tg.halfBits(Number.NaN))));
});

test('halves: every one survives the way there and back, and rounding is to the nearest, of two the even one', () => {
  for (let bits = 0; bits < 0x7c00; bits++) {
    const value = tg.halfValue(bits);
    assert.is(tg.halfBits(value), bits);
    const next = tg.halfValue(bits + 1);
    if (next === Infinity) break;
    const middle = (value + next) / 2;
    assert.is(tg.halfBits(middle), bits % 2 === 0 ? bits : bits + 1);
    assert.is(tg.halfBits(middle + (next - value) / 64), bits + 1);
    assert.is(tg.halfBits(-(middle - (next - value) / 64)), bits | 0x8000);
  }
  assert.is(tg.roundToHalf(65519.9), 65504);
  assert.is(tg.roundToHalf(65520), Infinity);
  assert.is(tg.roundToHalf(2 ** -26), 0);
});

test('the reference stores halves', async () => {
  const x = tg.tensor([1 / 3, 1e6, 2049], { device: tg.referenceDevice, dtype: 'float16' });
  assert.equal([...(await x.data())], [0.333251953125, Infinity, 2048]);
  assert.equal([...(await tg.add(x, 1).data())], [1.3330078125, Infinity, 2048]);
});

// ------------------------------------------------------------------------------------------------------- on the GPU

if (!hasHalves) {
  test(`an adapter without halves says so, and what to do: ${adapter}`, () => {
    const made = () => tg.tensor([1, 2], { device, dtype: 'float16' });
    assert.throws(made, /float16: .* has no half precision \(shader-f16\): use float32, or another adapter/);
    assert.throws(() => tg.cast(tg.ones([3], { device }), 'float16'), /no half precision/);
  });
}

here(`values travel there and back, an odd number of them too: ${adapter}`, async () => {
  for (const size of [1, 2, 7, 64]) {
    const x = numbers(size, -9, 9).map(tg.roundToHalf);
    const t = tg.tensor(x, { device, dtype: 'float16' });
    assert.equal([...(await t.data())], [...x]);
    assert.is(t.dtype, 'float16');
  }
  const special = [Infinity, -Infinity, Number.NaN, 65504, -0];
  assert.equal([...(await tg.tensor(special, { device, dtype: 'float16' }).data())], special);
});

here(`casts from and to every type: ${adapter}`, async () => {
  for (const size of [5, 64]) {
    const x = numbers(size, -900, 900);
    await agree((d) => tg.cast(on(d, [size], x), 'float16'), NEIGHBOUR, 'to float16');
    const back = (type: 'float32' | 'int32') => (d: Device) => tg.cast(half(d, [size], 3, [-99, 99]), type);
    await agree(back('float32'), {}, 'to float32');
    await agree(back('int32'), {}, 'to int32');
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 37) % 256);
    await agree((d) => tg.cast(on(d, [size], bytes), 'float16'), {}, 'from bytes');
  }
});

const elementwise: [string, (d: Device) => Tensor][] = [
  ['add', (d) => tg.add(half(d, [6, 8]), half(d, [8], 2))],
  ['sub, odd', (d) => tg.sub(half(d, [3, 5]), half(d, [3, 1], 2))],
  ['mul by a number', (d) => tg.mul(half(d, [4, 4]), 0.3)],
  ['a number minus', (d) => tg.sub(1, half(d, [7]))],
  ['div', (d) => tg.div(half(d, [64]), half(d, [64], 2, [1, 3]))],
  ['maximum with a number', (d) => tg.maximum(half(d, [64]), 0.5)],
  ['where', (d) => tg.where(tg.greater(half(d, [64]), 0), half(d, [64], 2), -1)],
  ['exp', (d) => tg.exp(half(d, [64]))],
  ['sigmoid', (d) => tg.sigmoid(half(d, [65]))],
  ['tanh', (d) => tg.tanh(half(d, [64]))],
  ['relu', (d) => tg.relu(half(d, [64]))],
  ['gelu', (d) => tg.gelu(half(d, [64]))],
  ['elu', (d) => tg.elu(half(d, [65]), 0.5)],
];
for (const [name, fn] of elementwise) {
  here(`${name} on halves: ${adapter}`, async () => {
    const [result] = await agree(fn, NEIGHBOUR, name);
    assert.is(result!.dtype, 'float16');
  });
}

const movement: [string, (d: Device) => Tensor][] = [
  ['permute', (d) => tg.permute(half(d, [3, 4, 5]), [2, 0, 1])],
  ['slice', (d) => tg.slice(half(d, [6, 8]), [1, 4], [2, 7])],
  [
    'pad',
    (d) =>
      tg.pad(
        half(d, [3, 5]),
        [
          [1, 0],
          [2, 1],
        ],
        0.5,
      ),
  ],
  ['permute by fours', (d) => tg.permute(half(d, [4, 3, 8]), [2, 1, 0])],
  ['concat', (d) => tg.concat([half(d, [3, 5]), half(d, [2, 5], 2)], 0)],
  ['expand', (d) => tg.expand(half(d, [3, 1]), [3, 5])],
  ['reshape', (d) => tg.reshape(half(d, [3, 4]), [2, 6])],
  ['argmax as a column', (d) => tg.argmax(half(d, [3, 41]), 1)],
  ['max', (d) => tg.max(half(d, [16, 33]), 0)],
];
for (const [name, fn] of movement) {
  here(`${name} moves halves as they are: ${adapter}`, async () => {
    await agree(fn, {}, name);
  });
}

here(`sums of halves gather in float32: ${adapter}`, async () => {
  // In float16, 4096 additions of 1 would stop at 2048, where the next half is 2 away.
  for (const axes of [[0], [1], [0, 1]]) {
    await agree(
      (d) => tg.sum(half(d, [64, 256]), axes),
      neighbour(1e-4, 'sums of hundreds of numbers below 2'),
      `sum over ${axes}`,
    );
    await agree(
      (d) => tg.mean(half(d, [64, 256]), axes),
      neighbour(1e-6, 'a mean of hundreds of numbers below 2'),
      `mean over ${axes}`,
    );
  }
  const ones = tg.full([4096], 1, { device, dtype: 'float16' });
  assert.is(await tg.sum(ones).item(), 4096);
  assert.is(await tg.mean(tg.full([65536], 3, { device, dtype: 'float16' })).item(), 3);
  assert.is(await tg.sum(tg.full([65536], 3, { device, dtype: 'float16' })).item(), Infinity);
});

here(`running sums, products and variances of halves gather in float32: ${adapter}`, async () => {
  for (const axis of [0, 1]) {
    await agree(
      (d) => tg.cumsum(half(d, [64, 96]), axis),
      neighbour(1e-4, 'sums of up to 96 numbers below 2'),
      'cumsum',
    );
    await agree((d) => tg.prod(half(d, [5, 96], 1, [1, 2]), axis), NEIGHBOUR, 'prod');
    await agree((d) => tg.std(half(d, [64, 96], 1, [-900, 900]), axis), NEIGHBOUR, 'std');
  }
  const ones = tg.full([4096], 1, { device, dtype: 'float16' });
  assert.is((await tg.cumsum(ones).data())[4095], 4096);
  // Products of two are beyond the greatest half, that of all is not.
  const gradient = grad((x: Tensor) => tg.prod(x))(tg.tensor([300, 300, 0.01], { device, dtype: 'float16' }));
  assert.is(gradient.dtype, 'float16');
  close(await gradient.data(), [3, 3, Infinity], { relative: 1e-3 }, 'gradient');
});

here(`softmax of halves, along lines and columns: ${adapter}`, async () => {
  for (const axis of [0, 1]) {
    await agree((d) => tg.softmax(half(d, [40, 96]), axis), NEIGHBOUR, 'softmax');
    // The float32 result is right to 3e-6 before it is rounded.
    await agree(
      (d) => tg.logSoftmax(half(d, [40, 96]), axis),
      neighbour(4e-6, 'logSoftmax: log to 2⁻²¹ absolute'),
      'logSoftmax',
    );
  }
});

/** Sums of K products of numbers below 2: float32 rounds each by at most 2⁻²⁴ of a sum below 4·K. */
const gathered = (K: number) => neighbour(4 * K * K * 2 ** -24, `${K} roundings of sums below 4·${K}`);

for (const [M, N, K] of [
  [5, 3, 7],
  [40, 24, 36],
  [64, 17, 512],
  [8, 24, 4096],
  [3, 130, 68],
] as const) {
  here(`matmul of halves ${M} x ${N}, ${K} summed, with every transposition: ${adapter}`, async () => {
    for (const [transposeA, transposeB] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const [a, b]: Shape[] = [transposeA ? [K, M] : [M, K], transposeB ? [N, K] : [K, N]];
      await agree(
        (d) => tg.matmul(half(d, a!), half(d, b!, 2), { transposeA, transposeB }),
        gathered(Math.sqrt(K)),
        'matmul',
      );
    }
  });
}

for (const [shape, kernel, stride, groups] of [
  [[2, 3, 9, 7], [5, 3, 3, 3], 2, 1],
  [[2, 4, 8, 8], [8, 4, 4, 4], 2, 1],
  [[2, 1, 12, 12], [8, 1, 4, 4], 2, 1],
  [[2, 4, 7, 9], [6, 2, 3, 3], 1, 2],
] as const) {
  here(`convolution of halves ${shape} by ${kernel} and its gradients: ${adapter}`, async () => {
    const f = (x: Tensor, w: Tensor) => tg.conv2d(x, w, { stride, padding: 1, groups });
    await agree((d) => f(half(d, shape), half(d, kernel, 2)), gathered(8), 'conv2d');
    await agree(
      (d) => {
        const { gradients } = valueAndGrad((x: Tensor, w: Tensor) => tg.sum(tg.cast(f(x, w), 'float32')))(
          half(d, shape),
          half(d, kernel, 2),
        );
        return gradients;
      },
      gathered(12),
      'gradients',
    );
  });
}

here(`each kernel of the contraction reads and stores halves: ${adapter}`, async () => {
  // The smallest variant of each: unrolled kernels take seconds to compile.
  for (const name of ['naive', 'lanes4', 'slides4', 'plain4', 'thin', 'tiles32'] as const) {
    const run = (d: Device) =>
      tg.within(new tg.ForcedVariant(name), () => [
        tg.matmul(half(d, [37, 36]), half(d, [36, 40], 2)),
        tg.conv2d(half(d, [2, 3, 9, 8]), half(d, [5, 3, 4, 4], 2), { stride: 2, padding: 1 }),
      ]);
    await agree(run, gathered(8), name);
  }
});

here(`sums that go beyond a half in between do not overflow: ${adapter}`, async () => {
  const [a, b] = [tg.full([8, 512], 200, { device, dtype: 'float16' }), new Float32Array(512 * 8).fill(200)];
  b.fill(-200, 256 * 8);
  const product = tg.matmul(a, tg.tensor(b, { shape: [512, 8], device, dtype: 'float16' }));
  assert.ok((await product.data()).every((v) => v === 0));
});

here(`captured, merged stages round as the ops do: ${adapter}`, async () => {
  const before = device.fuseFrom;
  device.fuseFrom = 0;
  for (const [b, k, n] of [
    [33, 20, 24],
    [64, 128, 17],
    [8, 4096, 24],
  ] as const) {
    const [x, w, bias] = [half(device, [b, k]), half(device, [n, k], 2), half(device, [n], 3)].map(tg.keep);
    const fn = () => tg.relu(tg.matmul(x!, w!, { transposeB: true }).add(bias!));
    const captured = tg.capture(fn, { device });
    const [seen, expected] = [await captured().data(), await tg.scope(fn).data()];
    assert.is(captured.programs[0]!.fused, 2);
    assert.equal(seen, expected);
    captured.dispose();
  }
  device.fuseFrom = before;
});

here(`types do not mix by accident: ${adapter}`, () => {
  const [h, f] = [half(device, [4]), tg.ones([4], { device })];
  assert.throws(() => tg.add(h, f), /add: expects one type, got float16 and float32: cast one of them/);
  assert.throws(
    () => tg.matmul(h.reshape([2, 2]), f.reshape([2, 2])),
    /matmul: expects one type, got float16 and float32/,
  );
  assert.throws(
    () => tg.run(tg.updates.accumulate, [h, h], null),
    /accumulate: expects float32, got float16/,
  );
});

// ------------------------------------------------------------------------------------------------------- gradients

for (const where of [tg.referenceDevice, ...(hasHalves ? [device] : [])]) {
  test(`gradients pass through casts, in the type of each tensor: ${where.name}`, async () => {
    const x = on(where, [4], Float32Array.of(1, 2, 3, 4));
    const g = grad((t: Tensor) => {
      const h = tg.cast(t, 'float16');
      return tg.sum(tg.cast(tg.mul(h, h), 'float32'));
    })(x);
    assert.is(g.dtype, 'float32');
    assert.equal([...(await g.data())], [2, 4, 6, 8]);
    const leaf = requiresGrad(tg.keep(half(where, [4])));
    tg.sum(tg.square(leaf)).backward();
    assert.is(leaf.grad!.dtype, 'float16');
    close(
      await leaf.grad!.data(),
      (await leaf.data()).map((v) => 2 * v),
      NEIGHBOUR,
      'gradient',
    );
  });
}

test.run();
