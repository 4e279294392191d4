/* Runs without an adapter. */
import {
  backward,
  clearGradient,
  defineRule,
  grad,
  gradcheck,
  noGrad,
  requiresGrad,
  setGradientSlot,
  valueAndGrad,
  valueAndVjps,
} from '@tapegrad/autograd';
import * as tg from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

tg.setDefaultDevice(tg.referenceDevice);

const numbers = (seed: number, ...shape: number[]) => {
  const generator = new tg.Generator(seed, { device: tg.referenceDevice });
  return generator.normal(shape);
};

test('a tensor used twice: x·x + x', async () => {
  const x = requiresGrad(tg.tensor([3, -1]));
  x.mul(x).add(x).sum().backward();
  assert.equal(await x.grad!.array(), [7, -1]);
});

test('backward accumulates, and clearGradient starts anew', async () => {
  const x = requiresGrad(tg.tensor([1, 2]));
  x.square().sum().backward();
  x.square().sum().backward();
  assert.equal(await x.grad!.array(), [4, 8]);
  clearGradient(x);
  assert.is(x.grad, null);
  x.mul(3).sum().backward();
  assert.equal(await x.grad!.array(), [3, 3]);
});

test('gradients go into their slots of a flat buffer', async () => {
  const [a, b] = [requiresGrad(tg.tensor([1, 2])), requiresGrad(tg.tensor(5))];
  const flat = tg.zeros([128]);
  setGradientSlot(a, tg.viewOf(flat, [2], 0));
  setGradientSlot(b, tg.viewOf(flat, [], 64));
  a.mul(b).sum().backward();
  a.mul(b).sum().backward();
  const values = await flat.data();
  assert.equal([values[0], values[1], values[64]], [10, 10, 6]);
});

test('shared additions: the same gradient reaches several leaves without sharing a handle', async () => {
  const [a, b] = [requiresGrad(tg.tensor([1, 2])), requiresGrad(tg.tensor([3, 4]))];
  a.add(b).sum().backward();
  clearGradient(a);
  assert.equal(await b.grad!.array(), [1, 1]);
});

test('broadcast operands are summed over their repetitions', async () => {
  const [m, row, scalar] = [tg.ones([3, 2]), tg.tensor([1, 2]), tg.tensor(2)].map((t) => requiresGrad(t));
  m!.mul(row!).add(scalar!).sum().backward();
  assert.equal(await m!.grad!.array(), [
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
  assert.equal(await row!.grad!.array(), [3, 3]);
  assert.equal(await scalar!.grad!.array(), 6);
});

test('backward needs a scalar or weights, and something that requires grad', () => {
  const x = requiresGrad(tg.ones([2]));
  assert.throws(() => x.mul(2).backward(), /backward: a tensor of shape \[2\] is no scalar/);
  assert.throws(() => tg.ones([]).backward(), /depends on no tensor that requires grad/);
  assert.throws(() => backward(x.mul(2), { gradient: tg.ones([3]) }), /gradient of shape \[3\]/);
});

test('noGrad and detach leave no trace', async () => {
  const x = requiresGrad(tg.tensor([2]));
  assert.throws(() => noGrad(() => x.square().sum()).backward(), /requires grad/);
  x.mul(x.detach()).sum().backward();
  assert.equal(await x.grad!.array(), [2]);
});

test('backward disposes intermediates, and keeps the root and what keep() names', async () => {
  const x = requiresGrad(tg.tensor([2, 3]));
  const hidden = x.mul(2);
  const saved = tg.keep(hidden.square());
  const loss = saved.sum();
  loss.backward();
  assert.ok(hidden.disposed);
  assert.is(await loss.item(), 52);
  assert.equal(await saved.array(), [16, 36]);
});

test('retainGraph allows a second backward; without it the second says why it cannot', async () => {
  const x = requiresGrad(tg.tensor(3));
  const y = x.square();
  y.backward({ retainGraph: true });
  y.backward();
  assert.is(await x.grad!.item(), 12);
  assert.throws(() => y.backward(), /graph, or a part of it, was freed by an earlier backward.*retainGraph/);
});

test('grad of grad of grad: x⁴ gives 4x³, 12x², 24x', async () => {
  const f = (x: tg.Tensor) => x.pow(4);
  const x = tg.tensor(2);
  assert.is(await grad(f)(x).item(), 32);
  assert.is(await grad(grad(f))(x).item(), 48);
  assert.is(await grad(grad(grad(f)))(x).item(), 48);
});

test('valueAndVjps: the rows of a Jacobian, from one run of the function', async () => {
  let runs = 0;
  const f = (x: tg.Tensor) => {
    runs++;
    return tg.concat([x.square(), x.mul(3)], 1);
  };
  // Both images have the cotangent (1, 0, 0, 0), and then (0, 0, 0, 1).
  const units = () => [tg.tensor([[1, 0, 0, 0]]), tg.tensor([[0, 0, 0, 1]])];
  const { value, products } = valueAndVjps(
    f,
    tg.tensor([
      [1, 2],
      [5, 6],
    ]),
    units,
  );
  assert.is(runs, 1);
  assert.equal(await value.array(), [
    [1, 4, 3, 6],
    [25, 36, 15, 18],
  ]);
  assert.equal(await products[0]!.array(), [
    [2, 0],
    [10, 0],
  ]);
  assert.equal(await products[1]!.array(), [
    [0, 3],
    [0, 3],
  ]);
});

test('valueAndVjps: 0 where the function ignores its argument, and products have gradients', async () => {
  const { products } = valueAndVjps(
    () => tg.tensor([1]),
    tg.tensor([2, 3]),
    () => [tg.tensor([1])],
  );
  assert.equal(await products[0]!.array(), [0, 0]);
  // ‖∂(w·x²)/∂x‖² = (2wx)², whose derivative for w is 8wx².
  const w = requiresGrad(tg.tensor([0.5]));
  const weighted = valueAndVjps(
    (x) => x.square().mul(w),
    tg.tensor([3]),
    () => [tg.tensor([1])],
  );
  weighted.products[0]!.square().sum().backward();
  assert.equal(await w.grad!.array(), [36]);
});

test('createGraph: a gradient penalty is differentiated through backward', async () => {
  const x = requiresGrad(tg.tensor([1, 2]));
  const penalty = grad((t: tg.Tensor) => t.pow(3).sum())(x)
    .square()
    .sum(); // 9x⁴, gradient 36x³
  penalty.backward();
  assert.equal(await x.grad!.array(), [36, 288]);

  const y = requiresGrad(tg.tensor(2));
  y.pow(3).backward({ createGraph: true });
  const first = y.grad!;
  clearGradient(y);
  first.square().backward();
  assert.is(await y.grad!.item(), 288);
});

test('an argument passed twice, and one that the function ignores', async () => {
  const x = tg.tensor(3);
  const { gradients } = valueAndGrad((a: tg.Tensor, b: tg.Tensor, _c: tg.Tensor) => a.mul(b).mul(b))(x, x, x);
  assert.equal(await Promise.all(gradients.map((g) => g.item())), [9, 18, 0]);
});

test('an op of the user has no rule until it is given one', async () => {
  const cube: tg.Op<null, readonly [x: tg.TensorView]> = {
    name: 'cube',
    infer: ([x]) => ({ shape: x.shape, dtype: 'float32' }),
    reference: ([x], _, y) => {
      for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[i]! ** 3;
    },
  };
  const f = (x: tg.Tensor) => tg.apply(cube, [x], null);
  assert.throws(() => grad(f)(tg.tensor(2)), /'cube' has no rule/);
  defineRule(cube, ({ gradient, inputs: [x] }) => [() => gradient.mul(x!.square().mul(3))]);
  assert.is(await grad(f)(tg.tensor(2)).item(), 12);
  await gradcheck(f, [numbers(1, 3, 2)], { order: 2 });
});

test('an op of the user that is called like one of the table has no rule of its', () => {
  const { sin } = tg.ops;
  assert.is(tg.nameInTable(sin), 'sin');
  const other: typeof sin = { ...sin };
  assert.is(tg.nameInTable(other), undefined);
  assert.throws(() => grad((x: tg.Tensor) => tg.apply(other, [x], []))(tg.tensor(2)), /'sin' has no rule/);
});

test('every op is found by its name', () => {
  for (const [name, op] of Object.entries(tg.ops)) assert.is(tg.opNamed(name as tg.OpName), op, name);
  assert.throws(() => tg.opNamed('median' as tg.OpName), /^opNamed: median is not loaded: import a function/);
});

test('gradcheck catches a wrong rule', async () => {
  const wrong: tg.Op<null, readonly [x: tg.TensorView]> = {
    name: 'wrong',
    infer: ([x]) => ({ shape: x.shape, dtype: 'float32' }),
    reference: ([x], _, y) => {
      for (let i = 0; i < y.data.length; i++) y.data[i] = Math.sin(x.data[i]!);
    },
  };
  defineRule(wrong, ({ gradient, inputs: [x] }) => [() => gradient.mul(tg.cos(x!).mul(1.001))]);
  await rejects(
    gradcheck((x) => tg.apply(wrong, [x], null), [numbers(2, 4)]),
    /gradcheck: the gradient along direction/,
  );
  // Right to first order, wrong to second: the rule hides its dependence on x.
  defineRule(wrong, ({ gradient, inputs: [x] }) => [() => gradient.mul(tg.cos(x!.detach()))]);
  await gradcheck((x) => tg.apply(wrong, [x], null), [numbers(2, 4)]);
  await rejects(
    gradcheck((x) => tg.apply(wrong, [x], null), [numbers(2, 4)], { order: 2 }),
    /gradcheck: the second gradient/,
  );
});

async function rejects(promise: Promise<unknown>, pattern: RegExp): Promise<void> {
  try {
    await promise;
  } catch (error) {
    assert.match((error as Error).message, pattern);
    return;
  }
  assert.unreachable('expected an error');
}

test.run();
