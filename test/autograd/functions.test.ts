/* Runs on the fastest adapter. */
import { readFileSync } from 'node:fs';
import { grad } from '@tapegrad/autograd';
import * as tg from '@tapegrad/tensor';
import { referenceDevice, type Tensor, tensor } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, close, device, type Tolerance } from '../helpers/device.ts';

interface Values {
  shape: number[];
  data: (number | string)[];
}

interface Case {
  function: string;
  x: Values;
  /** x is int32. */
  whole?: true;
  y: Values;
  /** The weights of y's sum, whose gradient is the first, and the gradient of its sum of squares. */
  w?: Values;
  gradient?: Values;
  second?: Values;
}

/** What PyTorch computes: see golden/make_functions.py. */
const { cases } = JSON.parse(readFileSync(new URL('./golden/functions.json', import.meta.url), 'utf8')) as {
  cases: Case[];
};

const functions: Record<string, (x: Tensor) => Tensor> = {
  gelu: (x) => x.gelu(),
  'gelu tanh': (x) => tg.gelu(x, { approximate: 'tanh' }),
  silu: (x) => x.silu(),
  elu: (x) => x.elu(),
  'elu 0.3': (x) => tg.elu(x, 0.3),
  ceil: (x) => x.ceil(),
  round: (x) => x.round(),
  prod: (x) => x.prod(),
  'prod 1': (x) => x.prod(1),
  'prod -2 kept': (x) => tg.prod(x, [-2], { keepDims: true }),
  'cumsum 0': (x) => x.cumsum(0),
  'cumsum -1': (x) => tg.cumsum(x),
  variance: (x) => x.variance(),
  'variance 0': (x) => x.variance(undefined, { correction: 0 }),
  'variance 3': (x) => x.variance(0, { correction: 3 }),
  'variance 1 kept': (x) => tg.variance(x, 1, { keepDims: true }),
  'variance 0, 2': (x) => tg.variance(x, [0, 2], { correction: 0 }),
  std: (x) => x.std(),
  'std -1 kept': (x) => tg.std(x, -1, { keepDims: true }),
  'std 0': (x) => x.std([0], { correction: 0 }),
  squeeze: (x) => x.squeeze(),
  'squeeze -2': (x) => tg.squeeze(x, -2),
  'unsqueeze 1': (x) => x.unsqueeze(1),
  'unsqueeze -1': (x) => tg.unsqueeze(x, -1),
  'oneHot 4': (x) => x.oneHot(4),
};

/** The reference computes in float64, as PyTorch did. A GPU's exp is good to 3 + 2·|x| ulp, and its sums are in float32. */
const devices = [
  { name: 'reference', device: referenceDevice, tolerance: { absolute: 1e-12, relative: 1e-12 } },
  { name: adapter, device, tolerance: { absolute: 2e-6, relative: 1e-5 } },
] as const;

const valuesOf = ({ data }: Values) =>
  Float64Array.from(data, (value) => Number(`${value}`.replace('inf', 'Infinity')));
const from = (values: Values, dtype: 'float32' | 'int32' = 'float32') =>
  tensor(valuesOf(values), { shape: values.shape, dtype });

async function same(actual: Tensor, expected: Values, tolerance: Tolerance, what: string): Promise<void> {
  assert.equal([...actual.shape], expected.shape, what);
  close(await actual.data(), valuesOf(expected), tolerance, what);
}

for (const { name: where, device, tolerance } of devices) {
  cases.forEach((one, i) => {
    test(`${one.function} of [${one.x.shape}] is PyTorch's, with its gradients (case ${i}, ${where})`, async () => {
      tg.setDefaultDevice(device);
      const fn = functions[one.function]!;
      const x = from(one.x, one.whole && 'int32');
      await same(fn(x), one.y, tolerance, 'value');
      if (!one.gradient) return;
      const w = from(one.w!);
      const first = grad((t: Tensor) => fn(t).mul(w).sum());
      await same(first(x), one.gradient, tolerance, 'gradient');
      if (!one.second) return;
      const second = grad((t: Tensor) => first(t).square().sum());
      await same(second(x), one.second, tolerance, 'second gradient');
    });
  });
}

test('every function has a case, and every case a function', () => {
  assert.equal([...new Set(cases.map((one) => one.function))].sort(), Object.keys(functions).sort());
});

test.run();
