/* Runs on the fastest adapter. */
import { readFileSync } from 'node:fs';
import {
  clearGradient,
  enableGrad,
  grad,
  noGrad,
  requiresGrad,
  setGradientSlot,
  valueAndGrad,
  vjp,
} from '@tapegrad/autograd';
import { Adam, Linear, manualSeed } from '@tapegrad/nn';
import * as tg from '@tapegrad/tensor';
import { type Device, keep, referenceDevice, scope, type Tensor, tensor } from '@tapegrad/tensor';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, close, device, numbers, on } from '../helpers/device.ts';

/* Graphs hang on tensors: what one walk frees, what it leaves alone, and what holds on to memory. */

const golden = JSON.parse(readFileSync(new URL('./golden/graph.json', import.meta.url), 'utf8')) as {
  x: number[][];
  trunk: number[][];
  heads: number[][][];
  cases: {
    order: [number, number];
    retain: boolean;
    losses: number[];
    refused: boolean;
    gradients: (number[][] | null)[];
  }[];
};

/** Storages that are alive on a device at the end of `fn`, beyond those at its start. */
async function storagesLeft(where: Device, fn: () => Promise<void>): Promise<number> {
  const { allocate, release } = where;
  let alive = 0;
  where.allocate = (...args) => {
    alive++;
    return allocate.apply(where, args);
  };
  where.release = (storage) => {
    alive--;
    release.call(where, storage);
  };
  try {
    await fn();
  } finally {
    Object.assign(where, { allocate, release });
  }
  return alive;
}

for (const [name, where] of [
  [adapter, device],
  ['the reference', referenceDevice],
] as const) {
  const test = suite(`graph on ${name}`);
  const exact = where === referenceDevice;
  const tolerance = exact ? { absolute: 1e-14 } : { absolute: 1e-6 };
  const parameter = (values: tg.Nested) => requiresGrad(keep(tensor(values, { device: where })));
  const flat = (values: tg.Nested) => Float64Array.from([values].flat(9) as number[]);

  test('backward leaves an unrelated graph alone', async () => {
    const w = parameter([1, 2, 3]);
    const a = w.square().sum();
    const b = w.mul(2).sum();
    a.backward();
    assert.is(await b.item(), 12);
    b.backward();
    assert.equal(await w.grad!.array(), [4, 6, 8]);
  });

  for (const { order, retain, losses, refused, gradients } of golden.cases) {
    const what = `losses ${order.map((i) => i + 1).join(', then ')}${retain ? ', retainGraph' : ''}`;
    test(`two losses of one trunk, as PyTorch: ${what}`, async () => {
      const x = tensor(golden.x, { device: where });
      const trunk = parameter(golden.trunk);
      const heads = golden.heads.map(parameter);
      const hidden = x.matmul(trunk).tanh();
      const both = [
        hidden.matmul(heads[0]!).sub(1).square().mean(),
        tg.softplus(hidden.matmul(heads[1]!)).sum(),
      ];
      const [first, second] = order.map((i) => both[i]!) as [Tensor, Tensor];
      first.backward({ retainGraph: retain });
      if (refused) assert.throws(() => second.backward(), /freed by an earlier backward.*retainGraph/);
      else second.backward();
      for (const [i, loss] of both.entries())
        close([await loss.item()], [losses[i]!], tolerance, `loss ${i}`);
      for (const [i, leaf] of [trunk, ...heads].entries()) {
        // PyTorch finds out in the middle of the walk; here nothing happens if not all can.
        const expected = refused && i === 1 + order[1] ? null : gradients[i];
        if (expected === null) assert.is(leaf.grad, null);
        else close(await leaf.grad!.data(), flat(expected!), tolerance, `gradient ${i}`);
      }
    });
  }

  test('a part that two graphs share stays until both are gone', async () => {
    const w = parameter([3]);
    const [a, b, shared] = scope(() => {
      const part = w.square();
      return [part.mul(2).sum(), part.exp().sum(), part] as const;
    });
    a.backward({ retainGraph: true });
    b.backward();
    assert.not(shared.disposed);
    close(await w.grad!.data(), [12 + 6 * Math.exp(9)], { relative: 1e-5 }, 'gradient');
    assert.throws(() => a.backward(), /retainGraph/);
    a.dispose();
    assert.ok(shared.disposed);
  });

  test('what is computed from a freed part is constant there, and an error beside something that is not', () => {
    const w = parameter([3]);
    const hidden = keep(w.square());
    hidden.sum().backward();
    assert.throws(() => hidden.mul(2).sum().backward(), /depends on no tensor that requires grad/);
    assert.throws(() => hidden.mul(w).sum().backward(), /freed by an earlier backward/);
  });

  test('updates in turn of two modules, as a GAN makes them', async () => {
    tg.setDefaultDevice(where);
    manualSeed(1);
    const [generator, critic] = [new Linear(2, 3), new Linear(3, 1)];
    const [steps, slopes] = [generator, critic].map((m) => new Adam(m.parameters(), { lr: 0.05 })) as [
      Adam,
      Adam,
    ];
    const noise = on(where, [8, 2], numbers(16, -1, 1, 3));
    const real = on(where, [8, 3], numbers(24, 1, 2, 4));
    const gap: number[] = [];
    for (let i = 0; i < 20; i++) {
      const fake = generator.forward(noise);
      const loss = critic.forward(fake.detach()).sub(critic.forward(real)).mean();
      slopes.zeroGrad();
      loss.backward();
      slopes.step();
      // The generator's own graph was not touched by the critic's walk.
      const own = critic.forward(fake).mean().neg();
      steps.zeroGrad();
      own.backward();
      steps.step();
      gap.push(await loss.item());
    }
    assert.ok(gap.every(Number.isFinite));
    assert.ok(gap.at(-1)! < gap[0]!, `the critic learns: ${gap[0]} to ${gap.at(-1)}`);
  });

  test('1,000 forward passes that nobody walks back leave nothing', async () => {
    const w = parameter([
      [1, 2],
      [3, 4],
    ]);
    const x = on(where, [2, 2], numbers(4, -1, 1));
    const left = await storagesLeft(where, async () => {
      for (let i = 0; i < 1000; i++) {
        scope(() => {
          x.matmul(w).tanh().matmul(w).sum();
        });
      }
      // The same without a scope, where the last tensor is given back by hand.
      const y = scope(() => x.matmul(w).sigmoid().sum());
      y.dispose();
    });
    assert.is(left, 0);
  });

  test('steps without a scope leave the gradient alone', async () => {
    const w = parameter([1, 2]);
    const left = await storagesLeft(where, async () => {
      for (let i = 0; i < 50; i++) {
        const loss = w.mul(3).square().sum();
        clearGradient(w);
        loss.backward();
        loss.dispose();
      }
      clearGradient(w);
    });
    assert.is(left, 0);
  });

  test('gradient functions leave their results alone', async () => {
    const [w, x] = [parameter([1, 2]), tensor([3, 4], { device: where })];
    const left = await storagesLeft(where, async () => {
      for (let i = 0; i < 20; i++) {
        // Of a closed-over parameter too, with and without somebody who could need the graph.
        const f = (t: Tensor) => t.mul(w).square().sum();
        for (const made of [grad(f)(x), noGrad(() => grad(f)(x)), grad((t: Tensor) => grad(f)(t).sum())(x)])
          made.dispose();
      }
    });
    assert.is(left, 0);
  });

  test('a graph 20,000 nodes deep is walked, and freed, without recursion', async () => {
    const w = parameter([1]);
    const deep = (depth: number) => {
      let y: Tensor = w;
      for (let i = 0; i < depth; i++) y = y.add(0.5);
      return y.sum();
    };
    const depth = exact ? 20_000 : 5_000;
    deep(depth).backward();
    assert.equal(await w.grad!.array(), [1]);
    scope(() => {
      deep(depth);
    });
  });

  test('no gradient is 0, also where the argument is infinite', async () => {
    const infinite = tensor([Number.POSITIVE_INFINITY, Number.NaN], { device: where });
    const one = tensor([1, 1], { device: where });
    const { gradients } = valueAndGrad((_: Tensor, b: Tensor) => b.sum())(infinite, one);
    assert.equal(await gradients[0].array(), [0, 0]);
    assert.equal(await vjp((_: Tensor) => one, [infinite], one)[0]!.array(), [0, 0]);
    const f = grad((a: Tensor, b: Tensor) => a.mul(b).sum(), { argnums: 1 });
    assert.equal(await f(tensor([Number.POSITIVE_INFINITY, 2], { device: where }), one).array(), [
      Number.POSITIVE_INFINITY,
      2,
    ]);
  });

  test('where a derivative is 0 it stays 0 beside NaN and infinity, as in PyTorch', async () => {
    const of = (values: number[]) => tensor(values, { device: where });
    const [zeros, exponents] = [of([0, 2, 0, 0]), of([0, 0, 1, -1])];
    const derivative = (f: (t: Tensor) => Tensor, order: number): ((t: Tensor) => Tensor) =>
      order === 0
        ? f
        : derivative(
            grad((t: Tensor) => f(t).sum()),
            order - 1,
          );
    assert.equal(await derivative((t) => t.pow(0), 1)(zeros).array(), [0, 0, 0, 0]);
    assert.equal(await derivative((t) => t.pow(1), 2)(zeros).array(), [0, 0, 0, 0]);
    assert.equal(await derivative((t) => t.pow(2), 3)(zeros).array(), [0, 0, 0, 0]);
    const { gradients } = valueAndGrad((a: Tensor, b: Tensor) => a.pow(b).sum())(zeros, exponents);
    const infinity = Number.POSITIVE_INFINITY;
    assert.equal(await gradients[0].array(), [0, 0, 1, -infinity]);
    close(await gradients[1].data(), [0, Math.log(2), 0, -infinity], { absolute: 1e-6 }, 'exponents');
    const [a, b, weights] = [of([Number.NaN, 1, 1, 2]), of([0, Number.NaN, 1, 1]), of([3, 4, 5, infinity])];
    const [forA, forB] = vjp(tg.maximum, [a, b], weights);
    assert.equal(await forA!.array(), [3, 4, 2.5, infinity]);
    assert.equal(await forB!.array(), [3, 4, 2.5, 0]);
    assert.equal(await vjp((t: Tensor) => t.clamp({ max: 1 }), [a], weights)[0]!.array(), [0, 4, 5, 0]);
  });

  test('what a derivative needs may not be updated in place before it is computed', async () => {
    const needs =
      /^backward: the derivative of \w+ needs a tensor of shape \[2\] as it was, which was updated in place/;
    const [w, v, x] = [parameter([1, 2]), parameter([3, 4]), tensor([5, 6], { device: where })];
    const product = w.mul(x);
    const plain = w.add(x).sum();
    const other = v.mul(x).sum();
    tg.assign(w, x);
    plain.backward(); // needs no values
    other.backward();
    assert.equal(await v.grad!.array(), [5, 6]);
    product.sum().backward(); // needs those of x
    assert.equal(await w.grad!.array(), [6, 7]);
    const square = w.square();
    tg.assign(w, x);
    assert.throws(() => square.sum().backward(), needs);
    assert.equal(await w.grad!.array(), [6, 7]);
    const exponential = w.exp();
    tg.writeTo(exponential, Float32Array.of(7), 1);
    assert.throws(() => exponential.sum().backward(), needs);
    const step = tg.capture(
      () => {
        const loss = w.square().sum();
        tg.accumulate(w, x);
        loss.backward();
      },
      { device: where },
    );
    assert.throws(step, needs);
    const twice = w.square().sum();
    tg.capture(() => tg.accumulate(w, x), { device: where })();
    assert.throws(() => twice.backward(), needs);
    w.square().sum().backward();
  });

  test('nothing is updated in an empty parameter, although those beside it are', async () => {
    const [a, empty, b] = [parameter([1]), requiresGrad(tg.zeros([0], { device: where })), parameter([2])];
    const adam = new Adam([a, empty, b]);
    const loss = empty.square().sum();
    a.sum().add(b.sum()).add(empty.sum()).backward();
    adam.step();
    loss.backward();
  });

  test('an optimizer may take parameters over between forward and backward, and step others', async () => {
    const [w, v] = [parameter([1, 2]), parameter([3, 4])];
    const square = w.square().sum();
    const adam = new Adam([w, v]);
    square.backward();
    assert.equal(await w.grad!.array(), [2, 4]);
    adam.zeroGrad();
    const other = v.square().sum();
    w.square().sum().backward();
    adam.step();
    other.backward();
    assert.equal(await v.grad!.array(), [6, 8]);
    const both = w.mul(v).sum();
    both.backward({ retainGraph: true });
    adam.step();
    assert.throws(
      () => both.backward(),
      /^backward: the derivative of mul needs a tensor of shape \[2\] as it was/,
    );
  });

  test('empty tensors have empty gradients', async () => {
    const x = requiresGrad(tg.zeros([0, 3], { device: where }));
    x.mul(2).sum().backward();
    assert.equal(x.grad!.shape, [0, 3]);
    const row = parameter([[1, 2, 3]]);
    x.add(row).sum().backward();
    assert.equal(await row.grad!.array(), [[0, 0, 0]]);
    const [a, b] = [
      requiresGrad(tg.zeros([2, 0], { device: where })),
      requiresGrad(tg.zeros([0, 3], { device: where })),
    ];
    a.matmul(b).sum().backward();
    assert.equal(
      [a.grad!.shape, b.grad!.shape],
      [
        [2, 0],
        [0, 3],
      ],
    );
    assert.equal(
      grad((t: Tensor) => t.square().mean(0).sum())(tg.zeros([0, 2], { device: where })).shape,
      [0, 2],
    );
  });

  test('grad: the arguments that argnums names', async () => {
    const [a, b, index] = [
      tensor([2], { device: where }),
      tensor([5], { device: where }),
      tg.tensor(Int32Array.of(0), { device: where }),
    ];
    const f = (x: Tensor, y: Tensor, i: Tensor) => tg.indexSelect(x.square().mul(y), 0, i).sum();
    assert.equal(await grad(f)(a, b, index).array(), [20]);
    assert.equal(await grad(f, { argnums: 1 })(a, b, index).array(), [4]);
    const [forB, forA] = grad(f, { argnums: [1, 0] })(a, b, index);
    assert.equal([await forB.array(), await forA.array()], [[4], [20]]);
    assert.throws(() => grad(f, { argnums: 2 })(a, b, index), /no gradient for argument 2, which is int32/);
    assert.throws(() => grad(f, { argnums: 3 })(a, b, index), /no gradient for argument 3, of 3/);
  });

  test('vjp: the rows of a Jacobian, and products that can be differentiated again', async () => {
    const x = tensor([1, 2], { device: where });
    const f = (t: Tensor) => t.square().mul(t);
    const unit = tensor([0, 1], { device: where });
    assert.equal(await vjp(f, [x], unit)[0]!.array(), [0, 12]);
    const second = grad((t: Tensor) => vjp(f, [t], unit)[0]!.sum())(x);
    assert.equal(await second.array(), [0, 12]);
  });

  test('noGrad refuses what is async: behind an await, its mode would be over', () => {
    assert.throws(() => noGrad(async () => 1), /the function must not be async/);
    assert.throws(() => grad((async () => 1) as never)(tensor([1], { device: where })), /async/);
  });

  test('noGrad and enableGrad nest: the innermost counts', async () => {
    const w = parameter([2]);
    const inner = noGrad(() => enableGrad(() => w.square().sum()));
    inner.backward();
    assert.equal(await w.grad!.array(), [4]);
    assert.not(enableGrad(() => noGrad(() => w.square())).requiresGrad);
    assert.ok(w.square().requiresGrad);
    // A gradient function records for itself, whatever is in force outside.
    assert.equal(await noGrad(() => grad((t: Tensor) => t.square().sum())(w)).array(), [4]);
    assert.not(noGrad(() => grad((t: Tensor) => t.square().sum())(w)).requiresGrad);
  });

  test('gradients and values share no handle with each other, nor with what the caller has', async () => {
    const [w, u] = [parameter([1]), parameter([2])];
    w.add(u).backward({ createGraph: true });
    clearGradient(w);
    assert.equal(await u.grad!.array(), [1]);
    const [x, seed] = [tensor([3], { device: where }), tensor([5], { device: where })];
    const [first, second] = vjp((a: Tensor, b: Tensor) => a.add(b), [x, x], seed);
    first!.dispose();
    assert.equal([await second!.array(), await seed.array()], [[5], [5]]);
    const closed = parameter(7);
    valueAndGrad((_: Tensor) => closed)(x).value.dispose();
    assert.is(await closed.item(), 7);
  });

  test('a plain backward after one with createGraph: both count, and the first gradient stays', async () => {
    const w = parameter([1, 2]);
    setGradientSlot(w, keep(tensor([100, 100], { device: where })));
    noGrad(() => enableGrad(() => w.square().sum()).backward({ createGraph: true }));
    const first = w.grad!;
    assert.ok(first.requiresGrad); // also in noGrad, as PyTorch
    w.square().sum().backward();
    assert.equal(
      [await first.array(), await w.grad!.array()],
      [
        [2, 4],
        [4, 8],
      ],
    );
  });

  test('what cannot be differentiated, or asked for, is said', () => {
    const x = tensor([1, 2], { device: where });
    const wrong = (fn: unknown) => () => grad(fn as (t: Tensor) => Tensor)(x);
    assert.throws(
      wrong(async (t: Tensor) => t.sum()),
      /the function must not be async/,
    );
    assert.throws(
      wrong(() => 3),
      /must return a tensor/,
    );
    assert.throws(
      wrong((t: Tensor) => t.argmax(0)),
      /grad: expects float32, got int32/,
    );
    assert.throws(
      () => vjp((t: Tensor) => t.square(), [x], tg.ones([2, 2], { device: where })),
      /vjp: gradient of/,
    );
    assert.throws(() => grad((t: Tensor) => t.sum(), { argnum: 1 } as object), /did you mean 'argnums'/);
    const y = parameter([1]).mul(2);
    assert.throws(() => requiresGrad(y, false), /computed from one that requires grad/);
    assert.throws(() => y.backward({ retain_graph: true } as object), /did you mean 'retainGraph'/);
  });

  test.run();
}
