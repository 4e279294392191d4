/* Runs on every adapter. */
import { inspect } from 'node:util';
import { Adam, AdamW, Conv2d, Linear, SGD } from '@tapegrad/nn';
import * as tg from '@tapegrad/tensor';
import { type Device, referenceDevice, type Tensor, tensor } from '@tapegrad/tensor';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, device } from '../helpers/device.ts';

for (const [name, where] of [
  [adapter, device],
  ['the reference', referenceDevice],
] as [string, Device][]) {
  const test = suite(`creation on ${name}`);
  const equal = async (t: Tensor, values: tg.Nested) => assert.equal(await t.array(), values);

  test('arange, linspace and eye give what PyTorch gives', async () => {
    await equal(tg.arange(4, { device: where }), [0, 1, 2, 3]);
    await equal(tg.arange(1, 2.5, 0.5, { device: where }), [1, 1.5, 2]);
    await equal(tg.arange(3, 0, -1, { device: where }), [3, 2, 1]);
    await equal(tg.arange(2, { device: where, dtype: 'int32' }), [0, 1]);
    assert.equal(tg.arange(0, { device: where }).shape, [0]);
    assert.throws(() => tg.arange(0, 1, 0), /arange: cannot go from 0 to 1 by 0/);
    assert.throws(() => tg.arange(0, 1, -1), /cannot go from 0 to 1 by -1/);
    await equal(tg.linspace(-1, 1, 5, { device: where }), [-1, -0.5, 0, 0.5, 1]);
    await equal(tg.linspace(3, 9, 1, { device: where }), [3]);
    assert.is(
      (await tg.linspace(0, 0.3, 8, { device: where }).data()).at(-1),
      Math.fround(0.3) === 0.3 ? 0.3 : where === referenceDevice ? 0.3 : Math.fround(0.3),
    );
    await equal(tg.eye(2, { device: where }), [
      [1, 0],
      [0, 1],
    ]);
    await equal(tg.eye(2, 3, { device: where }), [
      [1, 0, 0],
      [0, 1, 0],
    ]);
  });

  test('booleans are 1 and 0', () =>
    equal(tensor([true, false] as unknown as number[], { device: where }), [1, 0]));

  test('console.log shows what is at hand', () => {
    const t = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { device: where },
    );
    assert.match(
      inspect(t),
      /^Tensor\(\[2, 2\], float32, .+\) (\[ \[ 1, 2 \], \[ 3, 4 \] \]|await t\.array\(\) for its values)$/,
    );
    assert.match(inspect({ t }), /t: Tensor\(\[2, 2\]/);
    t.dispose();
    assert.match(inspect(t), /disposed$/);
  });
  test.run();
}

const test = suite('what creation says of bad input');
tg.setDefaultDevice(referenceDevice);
const x = tensor([1]);
const bad: [string, () => unknown, RegExp][] = [
  [
    'text',
    () => tensor(['a'] as never),
    /tensor: expects numbers, in nested arrays or a typed array, got "a"/,
  ],
  ['undefined', () => tensor([1, undefined] as never), /got undefined/],
  ['tensors', () => tensor([x] as never), /got a tensor of shape \[1\] \(stack joins tensors\)/],
  [
    'float64',
    () => tg.zeros([1], { dtype: 'float64' as never }),
    /no type is named "float64": float32, float16, int32/,
  ],
  [
    'extents instead of a shape',
    () => (tg.zeros as (...a: never[]) => Tensor)(2 as never, 3 as never),
    /a shape is an array such as \[2, 3\], got 2/,
  ],
  ['an extent of -1', () => tg.ones([-1]), /whole, non-negative extents, got \[-1\]/],
  [
    'options that are none',
    () => tg.zeros([1], 'int32' as never),
    /expects options such as \{ dtype: … \}, got "int32"/,
  ],
  [
    'another name',
    () => tensor([1], { type: 'int32' } as never),
    /no option is named 'type'; it has dtype, device, shape/,
  ],
  [
    "Adam's weight_decay",
    () => new Adam([x], { weight_decay: 1 } as never),
    /Adam: no option is named 'weight_decay'; did you mean 'weightDecay'/,
  ],
  [
    "AdamW's learning rate",
    () => new AdamW([x], { learningRate: 1 } as never),
    /AdamW: no option is named 'learningRate'; it has lr, betas/,
  ],
  [
    "SGD's dampening",
    () => new SGD([x], { lr: 1, dampening: 0 } as never),
    /SGD: no option is named 'dampening'/,
  ],
  ["Conv2d's strides", () => new Conv2d(1, 1, 3, { strides: 2 } as never), /did you mean 'stride'/],
  [
    "Linear's number instead of options",
    () => new Linear(1, 1, false as never),
    /Linear: expects options such as \{ bias/,
  ],
];
for (const [what, fn, message] of bad) test(what, () => assert.throws(fn, message));
test.run();
