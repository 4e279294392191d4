/* Runs on the fastest adapter. */
import { readFileSync } from 'node:fs';
import { gradcheck } from '@tapegrad/autograd';
import * as tg from '@tapegrad/tensor';
import { type Device, type Tensor, tensor } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, close, device } from '../helpers/device.ts';

interface Values {
  shape: number[];
  data: number[];
}

/** What PyTorch computes: see test/nn/golden/make_nn.py. */
const { einsum: golden } = JSON.parse(
  readFileSync(new URL('../nn/golden/nn.json', import.meta.url), 'utf8'),
) as {
  einsum: {
    equation: string;
    operands: Values[];
    output: Values;
    weights: Values;
    gradients: Values[];
  }[];
};

const from = ({ shape, data }: Values, where: Device) =>
  tensor(Float64Array.from(data), { shape, dtype: 'float32', device: where });

async function expectValues(actual: Tensor, expected: Values, tolerance: number, label: string) {
  assert.equal(actual.shape, expected.shape, label);
  close(await actual.data(), expected.data, { absolute: tolerance }, label);
}

// float64 on the reference; on a GPU up to 24 products of numbers below 4 are added up in float32.
for (const [name, where, tolerance] of [
  ['reference', tg.referenceDevice, 1e-11],
  [adapter, device, 2e-5],
] as const) {
  for (const { equation, operands, output, weights, gradients } of golden) {
    const shapes = operands.map(({ shape }) => `[${shape}]`).join(' ');
    test(`einsum '${equation}' of ${shapes}: value and gradients are PyTorch's (${name})`, async () => {
      const inputs = operands.map((values) => from(values, where));
      for (const x of inputs) x.requiresGrad = true;
      const y = tg.einsum(equation, ...inputs);
      await expectValues(y, output, tolerance, 'output');
      y.mul(from(weights, where)).sum().backward();
      for (const [k, x] of inputs.entries())
        await expectValues(x.grad!, gradients[k]!, tolerance, `gradient ${k}`);
    });
  }
}

test('einsum has second derivatives', async () => {
  const generator = new tg.Generator(1, { device: tg.referenceDevice });
  const numbers = (...shape: number[]) => generator.normal(shape);
  const check = (equation: string, ...inputs: Tensor[]) =>
    gradcheck((...xs) => tg.einsum(equation, ...(xs as Tensor[])), inputs, { order: 2 });
  await check('bij,bkj->bik', numbers(2, 3, 2), numbers(2, 2, 2));
  await check('iij,j->i', numbers(3, 3, 2), numbers(2));
  await check('...i,ij->j...', numbers(2, 3), numbers(3, 2));
});

/** The ops that an equation runs, reshapes aside. */
function opsOf(equation: string, ...shapes: number[][]): string[] {
  const inputs = shapes.map((shape) => tg.ones(shape, { device: tg.referenceDevice }));
  const seen: string[] = [];
  tg.observe(
    ({ op }) => {
      if (op.name !== 'reshape') seen.push(op.name);
    },
    () => tg.einsum(equation, ...inputs),
  );
  return seen;
}

test('einsum copies nothing where matrix products have a transposition for it', () => {
  assert.equal(opsOf('ij,jk->ik', [3, 4], [4, 2]), ['matmul']);
  assert.equal(opsOf('ji,kj->ik', [4, 3], [2, 4]), ['matmul']);
  assert.equal(opsOf('ij,jk->ki', [3, 4], [4, 2]), ['matmul'], 'the other way round');
  assert.equal(opsOf('bhid,bhjd->bhij', [2, 3, 4, 2], [2, 3, 5, 2]), ['matmul']);
  assert.equal(opsOf('...ij,...jk->...ik', [2, 3, 4], [2, 4, 2]), ['matmul']);
  assert.equal(opsOf('bchw,oc->bohw', [2, 3, 2, 2], [4, 3]).sort(), ['matmul', 'permute', 'permute']);
  assert.equal(opsOf('i,j->ij', [3], [4]), ['mul']);
  assert.equal(opsOf('ij,ij->i', [3, 4], [3, 4]), ['mul', 'sum']);
  assert.equal(
    opsOf('ijk,jl->il', [2, 3, 4], [3, 5]),
    ['sum', 'matmul'],
    'what only one has is summed first',
  );
});

test('einsum of empty axes sums nothing', async () => {
  const y = tg.einsum('ij,jk->ik', tg.ones([2, 0], { device }), tg.ones([0, 3], { device }));
  assert.equal(await y.array(), [
    [0, 0, 0],
    [0, 0, 0],
  ]);
  assert.equal(tg.einsum('ii->i', tg.ones([0, 0], { device })).shape, [0]);
});

test('einsum says what does not fit', () => {
  const x = (...shape: number[]) => tg.ones(shape, { device: tg.referenceDevice });
  const refused = (message: RegExp, equation: string, ...inputs: Tensor[]) =>
    assert.throws(() => tg.einsum(equation, ...inputs), message);
  refused(/einsum: 'j' is 4 and 5: 'ij,jk->ik' of \[3, 4\], \[5, 2\]/, 'ij,jk->ik', x(3, 4), x(5, 2));
  refused(/einsum: 'i' is 3 and 4: 'ii'/, 'ii', x(3, 4));
  refused(/einsum: 'ij' does not name the axes of \[3\]/, 'ij,jk->ik', x(3), x(5, 2));
  refused(/einsum: the output's 'z' names no axis/, 'ij->z', x(3, 4));
  refused(/einsum: the output has 'i' twice/, 'ij->ii', x(3, 4));
  refused(/einsum: expects one or two tensors, .* got 3 terms/, 'i,j,k->ijk', x(1), x(2), x(3));
  refused(/einsum: expects one or two tensors/, 'ij,jk->ik', x(3, 4));
  refused(/einsum: expects letters and '\.\.\.'/, 'i1->i', x(3, 4));
  refused(/einsum: an axis of '\.\.\.' is 2 and 3/, '...i,...i->...', x(2, 4), x(3, 4));
  refused(/einsum: '\.\.\.' occurs twice/, '...i...->i', x(2, 4));
});

test.after(() => device.destroy());
test.run();
