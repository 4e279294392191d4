/* Runs without an adapter. */
import { grad, gradcheck } from '@tapegrad/autograd';
import { functionalCall, Linear, Module, manualSeed, Sequential, Tanh } from '@tapegrad/nn';
import { Generator, referenceDevice, setDefaultDevice, type Tensor, tensor } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

setDefaultDevice(referenceDevice);
manualSeed(1);

test('a model as a function of its weights, whose own come back, also after an error', async () => {
  const model = new Sequential(new Linear(3, 2), new Tanh(), new Linear(2, 1));
  const before = [...model.stateDict().values()];
  const x = new Generator(2).normal([4, 3]);
  const names = [...model.namedParameters().keys()];
  const f = (...weights: Tensor[]) =>
    functionalCall(model, new Map(names.map((name, i) => [name, weights[i]!])), () => model.forward(x));
  await gradcheck(
    f,
    before.map((t) => t.detach()),
    { order: 2 },
  );
  const fails = () => {
    throw new Error('on purpose');
  };
  assert.throws(() => functionalCall(model, new Map([['0.weight', x]]), fails), /on purpose/);
  assert.equal([...model.stateDict().values()], before);
});

test('a tensor in two places is replaced in both; an unknown name is an error', async () => {
  class Tied extends Module {
    readonly a = new Linear(2, 2, { bias: false });
    readonly b = new Linear(2, 2, { bias: false });
    override forward(x: Tensor): Tensor {
      return this.b.forward(this.a.forward(x));
    }
  }
  const model = new Tied();
  Object.assign(model.b, { weight: model.a.weight });
  const x = tensor([[1, 2]]);
  const gradient = grad((w: Tensor) =>
    functionalCall(model, new Map([['a.weight', w]]), () => model.forward(x).sum()),
  )(
    tensor([
      [2, 0],
      [0, 3],
    ]),
  );
  // S = 1ᵀ·W·W·x has the derivative (Wᵀ·1)·xᵀ + 1·(W·x)ᵀ.
  assert.equal(await gradient.array(), [
    [4, 10],
    [5, 12],
  ]);
  assert.throws(
    () => functionalCall(model, new Map([['c', x]]), () => 0),
    /no 'c'; it has a.weight, b.weight/,
  );
});

test.run();
