/* Runs on every adapter. */
import {
  capture,
  type Device,
  defaultGenerator,
  Generator,
  manualSeed,
  rand,
  randn,
  referenceDevice,
  run,
  scope,
  setDefaultDevice,
  type Tensor,
  tensor,
  threefry,
  updates,
  writeTo,
} from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, agree, close, device } from '../helpers/device.ts';
import { normalNumber } from '../helpers/tolerances.ts';

/** Random123's kat_vectors for threefry2x32 with 20 rounds: key, counter, result. */
const KNOWN = [
  { key: [0, 0], counter: [0, 0], result: [0x6b200159, 0x99ba4efe] },
  {
    key: [0xffffffff, 0xffffffff],
    counter: [0xffffffff, 0xffffffff],
    result: [0x1cb996fc, 0xbb002be7],
  },
  {
    key: [0x13198a2e, 0x03707344],
    counter: [0x243f6a88, 0x85a308d3],
    result: [0xc4923a9c, 0x483df7a0],
  },
];

/** A generator at a chosen key and counter. */
function startingAt(where: Device, key: number[], counter: number[]): Generator {
  const generator = new Generator(0, { device: where });
  writeTo(generator.state, Uint32Array.of(...key, ...counter));
  return generator;
}

for (const { key, counter, result } of KNOWN) {
  test(`Threefry2x32-20: known answer ${result.map((word) => word.toString(16))} ${adapter}`, async () => {
    const [k, c] = [key, counter] as [[number, number], [number, number]];
    assert.equal(threefry(...k, ...c), result);
    const [words] = await agree((d) => startingAt(d, key, counter).bits([2]), {}, 'bits');
    assert.equal([...words!.data], result);
  });
}

for (const size of [0, 1, 2, 3, 127, 128, 129, 70_001]) {
  test(`bits and uniform [${size}]: the same numbers as on the CPU ${adapter}`, async () => {
    const results = await agree(
      (d) => {
        const generator = new Generator(42, { device: d });
        return [generator.bits([size]), generator.uniform([size]), generator.bits([1]), generator.state];
      },
      {},
      'generator',
    );
    assert.equal([...results[3]!.data], [42, 0, 2 * Math.ceil(size / 2) + 1, 0]);
    assert.ok(results[1]!.data.every((u) => u >= 0 && u < 1));
  });
}

test(`bits [8389000]: more than 65,535 workgroups ${adapter}`, async () => {
  const size = 65_535 * 64 * 2 + 520;
  const words = new Generator(7, { device }).bits([size]);
  const data = await words.data();
  words.dispose();
  for (const block of [0, 1, 65_535 * 32, 65_535 * 64 - 1, 65_535 * 64, size / 2 - 1]) {
    assert.equal([data[2 * block], data[2 * block + 1]], threefry(7, 0, block, 0), `block ${block}`);
  }
});

test(`normal [70001]: as on the CPU ${adapter}`, async () => {
  await agree((d) => new Generator(3, { device: d }).normal([70_001]), normalNumber, 'normal');
});

test(`normal: mean, variance, quantiles and neighbours of 100,000 ${adapter}`, async () => {
  const n = 100_000;
  const draw = new Generator(5, { device }).normal([n / 4, 4]);
  assert.equal(draw.shape, [n / 4, 4]);
  const x = Array.from(await draw.data());
  draw.dispose();
  const average = (fn: (value: number, i: number) => number) =>
    x.reduce((sum, value, i) => sum + fn(value, i), 0) / n;
  // Four standard deviations of each estimate.
  const within = (value: number, expected: number, sigma: number, what: string) =>
    assert.ok(
      Math.abs(value - expected) < (4 * sigma) / Math.sqrt(n),
      `${what}: ${value} instead of ${expected}`,
    );
  within(
    average((v) => v),
    0,
    1,
    'mean',
  );
  within(
    average((v) => v ** 2),
    1,
    Math.SQRT2,
    'variance',
  );
  within(
    average((v) => v ** 3),
    0,
    Math.sqrt(15),
    'third moment',
  );
  within(
    average((v) => v ** 4),
    3,
    Math.sqrt(96),
    'fourth moment',
  );
  for (const lag of [1, 2])
    within(
      average((v, i) => v * (x[i + lag] ?? 0)),
      0,
      1,
      `correlation at ${lag}`,
    );
  for (const [z, p] of [
    [-3, 0.00135],
    [-2, 0.02275],
    [-1, 0.158655],
    [0, 0.5],
    [0.6745, 0.75],
    [2, 0.97725],
    [3, 0.99865],
  ] as const) {
    within(
      average((v) => (v < z ? 1 : 0)),
      p,
      Math.sqrt(p * (1 - p)),
      `share below ${z}`,
    );
  }
});

test(`normal is finite at the ends of the uniform numbers ${adapter}`, async () => {
  const draw = new Generator(11, { device }).normal([2_000_000]);
  assert.ok((await draw.data()).every((v) => Math.abs(v) < 6));
  draw.dispose();
});

test(`uniform: mean, variance and tenths of 100,000 ${adapter}`, async () => {
  const n = 100_000;
  const draw = new Generator(-9, { device }).uniform([n]);
  const x = Array.from(await draw.data());
  draw.dispose();
  const mean = x.reduce((sum, v) => sum + v, 0) / n;
  assert.ok(Math.abs(mean - 0.5) < (4 * Math.sqrt(1 / 12)) / Math.sqrt(n), `mean ${mean}`);
  const variance = x.reduce((sum, v) => sum + (v - 0.5) ** 2, 0) / n;
  assert.ok(Math.abs(variance - 1 / 12) < (4 * Math.sqrt(1 / 180)) / Math.sqrt(n), `variance ${variance}`);
  const tenths = new Array<number>(10).fill(0);
  for (const v of x) tenths[Math.floor(v * 10)]!++;
  for (const count of tenths) assert.ok(Math.abs(count - n / 10) < 4 * Math.sqrt(0.09 * n), `${tenths}`);
});

test(`bernoulli: the share of ones, by number and by tensor ${adapter}`, async () => {
  const n = 100_000;
  const [fixed, each] = scope((): [Tensor, Tensor] => {
    const generator = new Generator(1, { device });
    return [
      generator.bernoulli([n], 0.3),
      generator.bernoulli([n / 4, 4], tensor([0, 0.25, 0.75, 1], { device })),
    ];
  });
  const ones = Array.from(await fixed.data());
  assert.ok(ones.every((v) => v === 0 || v === 1));
  const share = ones.reduce<number>((sum, v) => sum + v, 0) / n;
  assert.ok(Math.abs(share - 0.3) < 4 * Math.sqrt(0.21 / n), `${share}`);
  const columns = Array.from(await each.data());
  const shares = [0, 1, 2, 3].map(
    (k) => columns.reduce((sum, v, i) => (i % 4 === k ? sum + v : sum), 0) / (n / 4),
  );
  close(shares, [0, 0.25, 0.75, 1], { absolute: 4 * Math.sqrt(0.1875 / (n / 4)) }, 'shares');
  assert.is(shares[0], 0);
  assert.is(shares[3], 1);
  fixed.dispose();
  each.dispose();
});

test(`streams differ by seed, also beyond 32 bits and below 0, and by stream ${adapter}`, async () => {
  const seeds: [number, number][] = [0, 1, 2, -1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER].map(
    (seed) => [seed, 0],
  );
  for (const stream of [1, 2, 3, 4096]) seeds.push([0, stream], [1, stream]);
  const firsts = await Promise.all(
    seeds.map(async ([seed, stream]) => {
      const words = new Generator(seed, { stream, device }).bits([2]);
      return [...(await words.data())].join();
    }),
  );
  assert.is(new Set(firsts).size, seeds.length);
  const again = await new Generator(2 ** 32, { device }).bits([2]).data();
  assert.is([...again].join(), firsts[4]);
});

for (const seed of [0.5, Number.NaN, 2 ** 53]) {
  test(`seed ${seed} is refused ${adapter}`, () => {
    assert.throws(() => new Generator(seed, { device }), /Generator: a seed is a whole number/);
  });
}

test(`the counter carries over 2³² within a draw and between draws ${adapter}`, async () => {
  const results = await agree(
    (d) => {
      const generator = startingAt(d, [1, 2], [2 ** 32 - 3, 7]);
      return [generator.bits([16]), generator.bits([3]), generator.state];
    },
    {},
    'carry',
  );
  const expected = [-3, -2, -1, 0, 1, 2, 3, 4].flatMap((i) => threefry(1, 2, i >>> 0, i < 0 ? 7 : 8));
  assert.equal([...results[0]!.data], expected);
  assert.equal([...results[1]!.data], [...threefry(1, 2, 5, 8), threefry(1, 2, 6, 8)[0]]);
  assert.equal([...results[2]!.data], [1, 2, 7, 8]);
});

test(`a saved state resumes the stream ${adapter}`, async () => {
  const generator = new Generator(123, { stream: 4, device });
  generator.normal([101]).dispose();
  const saved = await generator.state.data();
  const expected = await generator.uniform([77]).data();
  const resumed = new Generator(0, { device });
  writeTo(resumed.state, saved);
  assert.equal(await resumed.uniform([77]).data(), expected);
});

test(`a draw after advance skips its blocks ${adapter}`, async () => {
  const [a, b] = [new Generator(9, { device }), new Generator(9, { device })];
  a.bits([10]).dispose();
  run(updates.advance, [b.state], { index: 2, by: 5 });
  assert.equal(await a.bits([4]).data(), await b.bits([4]).data());
});

test(`rand and randn draw from the generator that is given, or from the device's own ${adapter}`, async () => {
  setDefaultDevice(device);
  const generator = new Generator(4);
  assert.equal(await rand([2, 3], { generator }).array(), await new Generator(4).uniform([2, 3]).array());
  manualSeed(9);
  const [u, n] = [rand([5]), randn([2, 4])];
  const same = new Generator(9);
  assert.equal(
    [await u.array(), await n.array()],
    [await same.uniform([5]).array(), await same.normal([2, 4]).array()],
  );
  assert.equal([rand([]).shape, randn([0, 3]).shape], [[], [0, 3]]);
  assert.is(rand([2], { device: referenceDevice }).device, referenceDevice);
  if (device.gpu.features.has('shader-f16')) assert.is(randn([2], { dtype: 'float16' }).dtype, 'float16');
});

test(`rand and randn in a captured function: new numbers in every call, those of the seed ${adapter}`, async () => {
  setDefaultDevice(device);
  // The first that is drawn from this device's own generator may be drawn here.
  const step = capture((x: Tensor) => [x.add(rand([4])), randn([3])] as const);
  const x = tensor([10, 20, 30, 40]);
  const three = async () => {
    const results = [];
    for (let call = 0; call < 3; call++) {
      const [u, n] = step(x);
      results.push([await u.array(), await n.array()]);
    }
    return results;
  };
  manualSeed(5);
  const replayed = await three();
  manualSeed(5);
  const expected = [];
  for (let call = 0; call < 3; call++) {
    expected.push([await x.add(rand([4])).array(), await randn([3]).array()]);
  }
  assert.equal(replayed, expected);
  manualSeed(5);
  assert.equal(await three(), expected);
  assert.is(new Set(expected.map((one) => JSON.stringify(one))).size, 3);
  step.dispose();
});

test(`manualSeed begins a generator anew, its stream included ${adapter}`, async () => {
  const generator = new Generator(3, { stream: 2, device });
  const first = await generator.bits([4]).data();
  generator.manualSeed(3);
  assert.equal(await generator.bits([4]).data(), first);
  assert.throws(() => generator.manualSeed(0.5), /a seed is a whole number, got 0.5/);
  assert.is(defaultGenerator(device), defaultGenerator(device));
});

test(`what rand and randn refuse ${adapter}`, () => {
  setDefaultDevice(device);
  const other = new Generator(0, { device: referenceDevice });
  assert.throws(() => rand([2], { generator: other, device }), /rand: the generator is on .*, not on/);
  assert.throws(
    () => (randn as (...extents: unknown[]) => Tensor)(2, 3),
    /randn: a shape is an array such as \[2, 3\], got 2/,
  );
  assert.throws(() => rand([2], { dtype: 'int32' as never }), /rand: makes float32 or float16, not "int32"/);
  assert.throws(
    () => rand([2], { seed: 1 } as never),
    /rand: no option is named 'seed'; it has generator, device, dtype/,
  );
});

test.run();
