/* Runs on every adapter, for long. */
import * as tg from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { contractionVariants } from '../../packages/tensor/src/lowering/contraction/table.ts';
import type { Operands } from '../../packages/tensor/src/lowering/contraction/task.ts';
import {
  adapterOf,
  type ContractionCase,
  cases as contractions,
  pixelated,
  planar,
  tasksOf,
} from '../helpers/contractions.ts';
import { adapter, device } from '../helpers/device.ts';

/* Elementwise ops merged with each other and with contractions and reductions, in captured programs: same bytes, fewer launches. */

tg.setDefaultDevice(device);
device.fuseFrom = 0;
const generator = new tg.Generator(7, { device });
const numbers = (...shape: number[]) => tg.keep(generator.normal(shape));

type Case = [name: string, fused: number, fn: () => tg.Tensor | tg.Tensor[]];

const cases: Case[] = [];
const numbers2 = numbers(2, 1);
for (const [b, k, n] of [
  [33, 20, 24],
  [64, 128, 17],
  [5, 300, 3],
  [130, 64, 40],
  [8, 4096, 24],
] as const) {
  const [x, w, bias, row] = [numbers(b, k), numbers(n, k), numbers(n), numbers(1, n)];
  const [column, scalar, same] = [numbers(b, 1), numbers(), numbers(b, n)];
  const product = () => tg.matmul(x, w, { transposeB: true });
  const size = `${b}x${k}x${n}`;
  cases.push(
    [`matmul ${size} + bias, relu`, 2, () => product().add(bias).relu()],
    [`matmul ${size}, bias first`, 1, () => tg.sub(bias, product())],
    [`matmul ${size} + [1, n], scaled`, 2, () => product().add(row).mul(0.5)],
    [`matmul ${size} + [b, 1]`, 1, () => product().add(column)],
    [`matmul ${size} times a scalar tensor`, 1, () => product().mul(scalar)],
    [`matmul ${size} masked`, 1, () => tg.apply(tg.ops.maskPositive, [product(), same], [])],
    [
      `matmul ${size} times itself`,
      1,
      () => {
        const y = product();
        return y.mul(y);
      },
    ],
    [
      `matmul ${size} with itself turned around: left alone`,
      0,
      () => {
        const y = product();
        return y.reshape([b * n, 1]).add(y.reshape([1, b * n]));
      },
    ],
    [
      `matmul ${size}, three stages and one too many`,
      3,
      () => product().add(bias).mul(same).sub(row).add(same),
    ],
    [
      `matmul ${size}, read twice: left alone, but what reads it merged`,
      1,
      () => {
        const y = product();
        return y.relu().add(y);
      },
    ],
    [
      `matmul ${size}, also returned: left alone`,
      0,
      () => {
        const y = product();
        return [y, y.relu()];
      },
    ],
    [`matmul ${size}, broadcast by the op: left alone`, 0, () => product().reshape([b, 1, n]).add(numbers2)],
  );
}
for (const [c, h, w, o, kernel, stride] of [
  [3, 9, 7, 5, 3, 2],
  [4, 8, 8, 16, 4, 2],
  [1, 12, 12, 8, 4, 2],
] as const) {
  const [x, weight, bias] = [numbers(6, c, h, w), numbers(o, c, kernel, kernel), numbers(o, 1, 1)];
  const [back, map] = [numbers(o, c, kernel, kernel), numbers(c, 1, 1)];
  const name = `${c}x${h}x${w} to ${o}, kernel ${kernel}, stride ${stride}`;
  const conv = () => tg.conv2d(x, weight, { stride, padding: 1 });
  const [oh, ow] = conv().shape.slice(2) as [number, number];
  const y = numbers(6, o, oh, ow);
  const transposed = () => tg.convTranspose2d(y, back, { stride, padding: 1 });
  cases.push(
    [`conv2d ${name} + bias, relu`, 2, () => conv().add(bias).relu()],
    [`convTranspose2d ${name} + bias, relu: every phase`, 2, () => transposed().add(map).relu()],
    [`conv2d ${name}, leaky`, 1, () => conv().leakyRelu(0.1)],
  );
}

for (const shape of [
  [24, 16],
  [7, 5],
  [3, 4, 8],
  [513, 4],
] as const) {
  const [a, b, c, d] = [numbers(...shape), numbers(...shape), numbers(...shape), numbers(...shape)];
  const last = shape.at(-1)!;
  const [row, scalar] = [numbers(last), numbers()];
  const [another, same] = [numbers(), numbers(...shape)];
  const column = numbers(...shape.slice(0, -1), 1);
  const name = `[${shape}]`;
  cases.push(
    [`chain ${name}: a·b + c`, 1, () => a.mul(b).add(c)],
    // What a compiler could factor out, cancel or round differently in one kernel.
    [`chain ${name}: a·b + a·c`, 2, () => a.mul(b).add(a.mul(c))],
    [`chain ${name}: (a + b) − b`, 1, () => a.add(b).sub(b)],
    [`chain ${name}: log exp a`, 1, () => tg.log(tg.exp(a))],
    [`chain ${name}: a / b · b`, 1, () => a.div(b).mul(b)],
    [`chain ${name}: functions`, 4, () => tg.tanh(a).add(tg.sigmoid(b)).mul(tg.softplus(c))],
    [
      `chain ${name}: where, clamp, power`,
      5,
      () => tg.where(tg.less(a, b), tg.clamp(c, { min: -0.5 }), tg.pow(tg.abs(d), 1.5)).mul(1),
    ],
    [`chain ${name}: row, column and number`, 3, () => a.add(row).mul(column).sub(scalar).relu()],
    [`chain ${name}: one input twice`, 2, () => a.mul(a).add(row).mul(a)],
    [
      `chain ${name}: read twice, left alone`,
      0,
      () => {
        const y = a.mul(b);
        return [y.add(c), y.sub(d)];
      },
    ],
    [
      `chain ${name}: a cheap function of one tensor, computed by each of its readers`,
      1,
      () => {
        const y = tg.clamp(a, { min: -0.5, max: 0.5 });
        return [y.add(c), y.sub(d), tg.exp(y)];
      },
    ],
    [
      `chain ${name}: an expensive function of one tensor, read twice, left alone`,
      0,
      () => {
        const y = tg.exp(a);
        return [y.add(c), y.sub(d)];
      },
    ],
    [
      `chain ${name}: a number read by several, which meet again`,
      5,
      () => {
        const n = scalar.mul(3).add(1);
        return a.mul(n).add(b.sub(n)).mul(n);
      },
    ],
    [
      `chain ${name}: an expensive number read twice, left alone`,
      0,
      () => {
        const n = tg.exp(scalar);
        return [a.mul(n), b.mul(n)];
      },
    ],
    [`chain ${name}: returned in between`, 1, () => [a.mul(b)].flatMap((y) => [y, y.add(c).add(d)])],
    [`chain ${name}: broadcast, left alone`, 0, () => row.mul(2).add(a)],
    [
      `chain ${name}: more inputs than a kernel has`,
      6,
      () => [b, c, d, row, column, scalar, another, same].reduce((sum, t) => sum.add(t), a),
    ],
  );
}

// Rows (of a subgroup each), columns, and what neither fits; in one launch or, where long, in two.
for (const [shape, axes] of [
  [[16, 1024], [1]],
  [[3, 20_000], [1]],
  [[64, 96], [0]],
  [[5000, 8], [0]],
  [[7, 5], [1]],
  [
    [33, 7, 4],
    [0, 1, 2],
  ],
  [
    [40, 3, 8, 8],
    [0, 2, 3],
  ],
  [
    [4, 3, 4, 3, 4],
    [0, 2, 4],
  ],
] as const) {
  const [a, b, c] = [numbers(...shape), numbers(...shape), numbers(...shape)];
  const [row, scalar] = [numbers(shape.at(-1)!), numbers()];
  const name = `[${shape}] over ${axes}`;
  cases.push(
    [`reduction ${name}: mean of squared differences`, 3, () => tg.mean(a.sub(b).square(), axes)],
    [`reduction ${name}: a product's sum`, 1, () => tg.sum(a.mul(b), axes)],
    [
      `reduction ${name}: maximum of a chain with a row and a number`,
      4,
      () => tg.max(a.add(row).mul(scalar).relu(), axes).mul(2),
    ],
    [`reduction ${name}: cross-entropy`, 3, () => tg.sum(tg.softplus(a).sub(a.mul(c)), axes)],
    [
      `reduction ${name}: read elsewhere, left alone`,
      0,
      () => {
        const y = a.mul(b);
        return [y, tg.sum(y, axes)];
      },
    ],
    [
      `reduction ${name}: its result read twice, left alone`,
      0,
      () => {
        const y = tg.sum(a, axes);
        return [y, y.exp()];
      },
    ],
  );
}

const [cube, slab] = [numbers(3, 4, 8), numbers(3, 1, 8)];
cases.push(['chain: broadcast in the middle, left alone', 0, () => cube.add(slab).mul(cube)]);

for (const [name, fused, fn] of cases) {
  test(`${name} (${adapter})`, async () => {
    const captured = tg.capture(fn);
    const results = [captured()].flat();
    const eager = tg.scope(() => [fn()].flat());
    assert.is(captured.programs[0]!.fused, fused);
    for (const [i, result] of results.entries()) {
      const [seen, expected] = [await result.data(), await eager[i]!.data()];
      const differs = new Uint32Array(seen.buffer).findIndex(
        (bits, k) => bits !== new Uint32Array(expected.buffer)[k],
      );
      assert.is(differs, -1, `element ${differs}: ${seen[differs]} instead of ${expected[differs]}`);
    }
    captured.dispose();
  });
}

/** The larger tiles store as the smallest does; lavapipe compiles what is for GPUs ten times as long as SwiftShader, which gets the same text. */
const leftOut = device.adapterKind === 'lavapipe' ? /^(tiles|thin|long)/ : /^tiles(?!32$)/;

/** Cases in which a variant's last launch stores by vec4s, by elements, adds up parts, or turns what it made. */
function storesOf(name: string): ContractionCase[] {
  const variant = contractionVariants.get(name)!;
  const found = new Map<string, ContractionCase>();
  for (const one of [...contractions, ...planar, ...pixelated]) {
    const [task, ...others] = tasksOf(device, one);
    const plan = task && variant.plan(task, adapterOf(device));
    if (!plan || others.length > 0) continue;
    const { fusion } = variant.launch(plan, [] as unknown as Operands);
    const store = plan.turned
      ? 'turned'
      : plan.parts > 1
        ? 'parts'
        : `${fusion?.role === 'producer' && fusion.vectors}`;
    if (!found.has(store)) found.set(store, one);
  }
  return [...found.values()];
}

for (const name of contractionVariants.keys()) {
  const found = leftOut.test(name) ? [] : storesOf(name);
  for (const { name: what, op, shapes, attributes } of found) {
    test(`${name} with an operand as large as its result, ${what} (${adapter})`, async () => {
      const inputs = shapes.map((shape) => numbers(...shape));
      const forced = new tg.ForcedVariant(name);
      const y = tg.within(forced, () => tg.apply(op, inputs, attributes));
      const operand = numbers(...y.shape);
      const fn = () => tg.within(forced, () => tg.apply(op, inputs, attributes).add(operand).relu());
      const captured = tg.capture(fn);
      const [seen, expected] = await Promise.all([captured(), fn()].map((t) => t.data()));
      assert.is(captured.programs[0]!.fused, 2);
      assert.equal(new Uint32Array(seen!.buffer), new Uint32Array(expected!.buffer));
      captured.dispose();
    });
  }
}

test(`on a GPU a thread does one element until there are threads enough (${adapter})`, async () => {
  const as = <T>(kind: string, fn: () => T): T => {
    const { adapterKind } = device;
    Object.assign(device, { adapterKind: kind });
    try {
      return fn();
    } finally {
      Object.assign(device, { adapterKind });
    }
  };
  const row = numbers(4);
  for (const [size, each] of [
    [1020, 1],
    [2 ** 18 - 4, 1],
    [2 ** 18, 4],
    [2 ** 22 - 4, 4],
    [2 ** 22, 16],
  ] as const) {
    const x = tg.keep(tg.arange(size).mul(1 / size));
    const chain = () =>
      x
        .reshape([size / 4, 4])
        .mul(3)
        .add(row);
    const captured = tg.capture(chain);
    const seen = as('gpu', captured);
    const { fused, dispatches } = captured.programs[0]!;
    assert.equal([fused, dispatches[0]!.workgroups[0]], [1, Math.ceil(size / each / 64)]);
    const [bits, expected] = await Promise.all([seen, tg.scope(chain)].map((t) => t.data()));
    assert.equal(bits, expected);
    captured.dispose();
    x.dispose();
  }
});

test('a write to the operand in between keeps the launches apart', async () => {
  const [x, w] = [numbers(16, 32), numbers(32, 24)];
  const operand = tg.keep(tg.zeros([24]));
  const next = numbers(24);
  const step = () => {
    const y = x.matmul(w);
    tg.assign(operand, next);
    return y.add(operand);
  };
  const captured = tg.capture(step);
  const seen = await captured().data();
  assert.is(captured.programs[0]!.fused, 0);
  assert.equal(seen, await tg.scope(step).data());
});

test('a write to what a chain begins with keeps its launches apart', async () => {
  const [x, y, next] = [numbers(24), numbers(24), numbers(24)];
  const operand = tg.keep(tg.zeros([24]));
  const step = () => {
    const product = x.mul(operand);
    tg.assign(operand, next);
    return product.add(y);
  };
  const captured = tg.capture(step);
  for (const _ of [1, 2]) {
    tg.assign(operand, x);
    const seen = await captured().data();
    tg.assign(operand, x);
    assert.equal(seen, await tg.scope(step).data());
  }
  assert.is(captured.programs[0]!.fused, 0);
});

test.run();
