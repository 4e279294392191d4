/* Runs on every adapter, for long. */
import * as tg from '@tapegrad/tensor';
import { ForcedVariant, within } from '@tapegrad/tensor';
import { models } from '@tapegrad/vae';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { trainingStep } from '../../bench/training.ts';
import { adapter, device } from '../helpers/device.ts';

/*
 * Launches that do not wait for each other as one, in captured programs: the same bytes as op by op, in fewer launches. What a
 * GPU runs is run here on software adapters, as any adapter can be told to join launches, and to choose the kernels of a GPU.
 */

tg.setDefaultDevice(device);
const generator = new tg.Generator(7, { device });
const numbers = (...shape: number[]) => tg.keep(generator.normal(shape));

/** Kernels of the adapter's own kind, which are a subgroup's lanes; and those of a GPU, which meet in shared memory. */
const OWN = {};
const GPU = { adapterKind: 'gpu', subgroups: undefined };

/** What `fn` returns as it runs on the device that is set up so. */
function as<T>(traits: object, fn: () => T): T {
  const { adapterKind, subgroups, joins } = device;
  Object.assign(device, traits);
  try {
    return fn();
  } finally {
    Object.assign(device, { adapterKind, subgroups, joins });
  }
}

async function sameBytes(seen: tg.Tensor, expected: tg.Tensor, name: string): Promise<void> {
  const [a, b] = [await seen.data(), await expected.data()];
  const [bits, wanted] = [a, b].map((values) => new Uint32Array(values.buffer));
  const differs = bits!.findIndex((word, k) => word !== wanted![k]);
  assert.is(differs, -1, `${name}: element ${differs}: ${a[differs]} instead of ${b[differs]}`);
}

/**
 * Runs `fn` op by op, and captured with joined launches, from the same state; compares what it returns, and the state.
 * @returns the program
 */
async function joinedAsEager(
  fn: () => tg.Tensor[],
  traits: object,
  state: readonly tg.Tensor[] = [],
): Promise<tg.Program> {
  const before = tg.scope(() => state.map((one) => tg.keep(one.mul(1))));
  const expected = as(traits, () => tg.scope(fn)).map((one) => tg.keep(one));
  const after = tg.scope(() => state.map((one) => tg.keep(one.mul(1))));
  state.forEach((one, i) => {
    tg.assign(one, before[i]!);
  });
  const captured = tg.capture(fn, { device });
  const seen = as({ joins: true, ...traits }, () => captured());
  for (const [i, one] of seen.entries()) await sameBytes(one, expected[i]!, `result ${i}`);
  for (const [i, one] of state.entries()) await sameBytes(one, after[i]!, `state ${i}`);
  for (const one of [...before, ...expected, ...after]) one.dispose();
  return captured.programs[0]!;
}

const [a, b, c] = [numbers(33, 20), numbers(64, 40), numbers(7)];
const [x, w, v] = [numbers(40, 72), numbers(72, 36), numbers(72, 100)];
const [row, long] = [numbers(20), numbers(3, 20_000)];
const [images, kernel] = [numbers(3, 4, 9, 7), numbers(5, 4, 3, 3)];
const [many, pixels] = [numbers(300, 200, 80), numbers(2, 70_000)];

type Case = [name: string, launches: number, joined: number, fn: () => tg.Tensor[]];

/** Launches are those of a GPU without subgroups, and how many of the recorded ones are in others. */
const cases: Case[] = [
  ['elementwise ops of different sizes', 1, 2, () => [tg.exp(a), tg.sqrt(tg.abs(b)), tg.mul(c, 3)]],
  [
    'ops with one, two and three inputs',
    1,
    2,
    () => [tg.exp(c), tg.sub(a, row), tg.where(tg.less(b, 0), b, tg.exp(b))],
  ],
  ['products that share an operand', 1, 1, () => [tg.matmul(x, w), tg.matmul(x, v)]],
  [
    'a product, an argmax and a permutation',
    1,
    2,
    () => [tg.matmul(x, w), tg.argmax(b, 0), tg.permute(images, [0, 2, 3, 1])],
  ],
  [
    'convolutions of one image',
    1,
    1,
    () => [tg.conv2d(images, kernel, { padding: 1 }), tg.conv2d(images, kernel)],
  ],
  ['whole numbers beside others', 1, 1, () => [tg.argmax(c, 0), tg.cast(a, 'int32')]],
  ['more threads than one dimension has workgroups', 1, 1, () => [tg.permute(many, [2, 0, 1]), tg.exp(c)]],
  ['workgroups in three dimensions', 1, 1, () => [tg.softmax(pixels, 0), tg.exp(c)]],
  ['one launch reads what the other makes: left alone', 2, 0, () => [tg.permute(a, [1, 0]).matmul(a)]],
  [
    'tiles of two sizes',
    1,
    1,
    () => [
      within(new ForcedVariant('tiles32'), () => tg.matmul(x, w)),
      within(new ForcedVariant('tiles16x128'), () => tg.matmul(x, v)),
    ],
  ],
  [
    'a product whose sums are cut, beside another: the parts are added beside nothing',
    2,
    1,
    () => [within(new ForcedVariant('tiles32', 2), () => tg.matmul(x, w)), tg.matmul(x, v)],
  ],
  [
    'an argmax by lines, whose threads meet, beside a product: workgroups of other sizes',
    2,
    0,
    () => [tg.argmax(long, 1), tg.matmul(x, w)],
  ],
  [
    'chains of three launches side by side',
    3,
    3,
    () => [x, b].map((t) => tg.permute(tg.softmax(tg.permute(t, [1, 0]), 0), [1, 0])),
  ],
];

for (const [kind, traits] of [
  ['its own kernels', OWN],
  ["a GPU's kernels", GPU],
] as const) {
  for (const [name, launches, joined, fn] of cases) {
    test(`${name}: ${kind}, on ${adapter}`, async () => {
      const program = await joinedAsEager(fn, traits);
      const alone = as({ ...traits, joins: false }, () => {
        const captured = tg.capture(fn, { device });
        captured();
        return captured.programs[0]!;
      });
      assert.is(alone.joined, 0);
      assert.is(program.launches + program.joined, alone.launches, program.print());
      assert.is(program.chain <= program.launches, true);
      if (traits === GPU)
        assert.equal([program.launches, program.joined], [launches, joined], program.print());
    });
  }
}

// ------------------------------------------------------------------------------------------------------------ order

test(`an update waits for who reads the old value, and who reads the new one for it: ${adapter}`, async () => {
  const state = tg.keep(numbers(33, 20).mul(1));
  for (const traits of [OWN, GPU]) {
    const program = await joinedAsEager(
      () => {
        const before = tg.sum(state, [0]);
        tg.assign(state, tg.exp(tg.mul(state, 0.1)));
        return [before, tg.sum(state, [0]), tg.exp(b)];
      },
      traits,
      [state],
    );
    assert.ok(program.launches >= program.chain && program.chain >= 3, program.print());
  }
});

test(`parts of one buffer are written by one launch: ${adapter}`, async () => {
  const flat = tg.keep(tg.zeros([256], { device }));
  const [low, high] = [0, 128].map((start) => tg.keep(tg.viewOf(flat, [64], start)));
  const [left, right] = [numbers(8, 8), numbers(8, 8)];
  const fill = () => {
    tg.assign(low!, tg.matmul(left, right).reshape([64]));
    tg.assign(high!, tg.softmax(right.reshape([64]), 0));
    return [tg.exp(b)];
  };
  const program = await joinedAsEager(fill, GPU, [flat]);
  assert.equal([program.launches, program.joined, program.elided], [1, 2, 2], program.print());
});

test(`a kernel binds no more buffers than the device lets it: ${adapter}`, async () => {
  const inputs = Array.from({ length: 12 }, (_, k) => numbers(5 + k));
  const fn = () => inputs.map((t) => tg.exp(t));
  const program = await joinedAsEager(fn, {});
  const most = device.gpu.limits.maxStorageBuffersPerShaderStage;
  for (const { bindings } of program.dispatches) assert.ok(bindings.length <= most);
  assert.is(program.launches, Math.ceil(12 / Math.min(6, Math.floor(most / 2))));
});

// ----------------------------------------------------------------------------------------------------- random programs

/** What a random program does: each op takes tensors that are there already, by their numbers. */
const OPS: readonly ((one: tg.Tensor, other: tg.Tensor) => tg.Tensor)[] = [
  (one) => tg.exp(tg.clamp(one, { max: 2 })),
  (one, other) => tg.matmul(one, other),
  (one, other) => tg.add(one, other),
  (one) => tg.add(one, tg.mean(one, [0], { keepDims: true })),
  (one, other) => tg.where(tg.less(one, other), one, tg.mul(other, 0.5)),
  (one) => tg.transpose(one),
  (one, other) => tg.softmax(tg.sub(one, other), 1),
];
const programs = fc.array(
  fc.record({ op: fc.nat(OPS.length - 1), one: fc.nat(40), other: fc.nat(40), stored: fc.option(fc.nat(1)) }),
  { minLength: 4, maxLength: 14 },
);

test(`random programs: ${adapter}`, async () => {
  const state = [0, 1].map(() => tg.keep(numbers(8, 8).mul(1)));
  const start = [numbers(8, 8), ...state];
  await fc.assert(
    fc.asyncProperty(programs, async (steps) => {
      const fn = () => {
        const made: tg.Tensor[] = [...start];
        for (const { op, one, other, stored } of steps) {
          const next = OPS[op]!(made[one % made.length]!, made[other % made.length]!);
          // Values stay small over many steps.
          const value = tg.tanh(next);
          made.push(value);
          if (stored !== null) tg.assign(state[stored]!, value);
        }
        return made.slice(-3).map((t) => tg.mul(t, 1));
      };
      await joinedAsEager(fn, GPU, state);
      tg.setDefaultDevice(device);
    }),
    // Other programs make other kernels of them, which lavapipe compiles long.
    { seed: 11, numRuns: adapter === 'lavapipe' ? 4 : 12 },
  );
});

// ----------------------------------------------------------------------------------------------------------- models

// lavapipe compiles kernels with barriers ten times as long as SwiftShader, which runs the same text. Convolutions and products.
(adapter === 'lavapipe' ? test.skip : test)(
  `steps of vae as on a GPU leave the bytes that they leave op by op, on ${adapter}`,
  async () => {
    const [eager, captured] = [0, 1].map(() => trainingStep(models.get('vae')!, device, true));
    as({ adapterKind: 'gpu', subgroups: undefined, joins: true }, () => {
      for (let i = 0; i < 2; i++) {
        eager!.eager();
        captured!.captured();
      }
    });
    const [expected, seen] = [eager!, captured!].map(({ model }) => [...model.parameters()]);
    for (const [i, one] of seen!.entries()) await sameBytes(one, expected![i]!, `parameter ${i}`);
    const { joined, launches } = captured!.captured.programs[0]!;
    assert.ok(joined >= launches / 2, `${joined} in ${launches} launches`);
    captured!.captured.dispose();
  },
);

test.run();
