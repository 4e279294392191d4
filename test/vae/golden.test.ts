/* Runs on the fastest adapter. */
import { readFileSync } from 'node:fs';
import { noGrad, requiresGrad } from '@tapegrad/autograd';
import { Adam, decodeSafetensors } from '@tapegrad/nn';
import {
  type ConvTransposeOptions,
  conv2d,
  convTranspose2d,
  type Device,
  Generator,
  type NumericArray,
  referenceDevice,
  type Shape,
  scope,
  setDefaultDevice,
  sizeOf,
  type Tensor,
} from '@tapegrad/tensor';
import { models, settingsOf, type TrainingContext } from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, device, numbers, on } from '../helpers/device.ts';

/** How far a result may be from PyTorch's float64, relative to the tensor's largest element, or to its norm. */
interface Tolerance {
  /** Of the elements, and of their difference's norm; the golden elements are rounded to float32. */
  readonly elements: number;
  /** Of the digest's norm and random products, which are float64. */
  readonly digest: number;
  /** As `digest`, for the change of the weights in ten steps. */
  readonly change: number;
}

const devices: readonly { name: string; device: Device; tolerance: Tolerance }[] = [
  {
    name: 'reference',
    device: referenceDevice,
    tolerance: { elements: 1e-7, digest: 1e-9, change: 1e-9 },
  },
  { name: adapter, device, tolerance: { elements: 1e-4, digest: 1e-4, change: 1e-4 } },
];

interface ConvCase extends ConvTransposeOptions {
  readonly image: Shape;
  readonly weight: Shape;
}
interface ModelCase {
  readonly model: string;
  readonly latent: number;
  readonly hidden: number;
  readonly whole: boolean;
}

/** A file made by golden/make.py, which says what is in it. */
function readGolden<Cases>(name: string) {
  const file = decodeSafetensors(readFileSync(new URL(`./golden/${name}.safetensors`, import.meta.url)));
  return { tensors: file.tensors, cases: JSON.parse(file.metadata.cases!) as Cases };
}

type Golden = ReturnType<typeof readGolden>;

const conv = readGolden<Record<'conv2d' | 'convTranspose2d', ConvCase[]>>('conv');
const trained = readGolden<{
  models: ModelCase[];
  steps: number;
  adam: { lr: number; betas: [number, number] };
}>('models');

// ------------------------------------------------------------------------------------------------------ comparison

const PROBES = 8;
const PROBE_SEED = 1000;

const norm = (values: ArrayLike<number>): number => {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]! ** 2;
  return Math.sqrt(total);
};

/** The random signs, by their number: tensors of few sizes are compared, often. */
const signs = new Map<number, Int8Array[]>();

function signsOf(count: number): Int8Array[] {
  const made =
    signs.get(count) ??
    Array.from({ length: PROBES }, (_, k) =>
      Int8Array.from(numbers(count, -1, 1, PROBE_SEED + k), (probe) => Math.sign(probe)),
    );
  signs.set(count, made);
  return made;
}

/** The norm and the products with random signs, as make.py takes them. */
function digestOf(values: ArrayLike<number>): number[] {
  const products = signsOf(values.length).map((probes) => {
    let total = 0;
    for (let i = 0; i < values.length; i++) total += probes[i]! * values[i]!;
    return total;
  });
  return [norm(values), ...products];
}

/** Largest |actual − expected|, and its norm, relative to those of `expected`. */
function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): { largest: number; norm: number } {
  const difference = Float64Array.from({ length: actual.length }, (_, i) => actual[i]! - expected[i]!);
  const largest = (values: ArrayLike<number>) => {
    let most = 0;
    for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
    return most;
  };
  // A tensor of zeros has to be matched by zeros.
  const relative = (error: number, size: number) => (error === 0 ? 0 : error / size);
  return {
    largest: relative(largest(difference), largest(expected)),
    norm: relative(norm(difference), norm(expected)),
  };
}

/** Fails unless `values` agree with the golden ones of that name: elements if they are there, and the digest. */
function same(
  { tensors }: Pick<Golden, 'tensors'>,
  name: string,
  values: ArrayLike<number>,
  { elements, digest }: Pick<Tolerance, 'elements' | 'digest'>,
): void {
  const within = (what: string, error: number, allowed: number) => {
    if (!(error <= allowed)) throw new Error(`${name}: ${what} differs by ${error}, allowed ${allowed}`);
  };
  const expected = tensors.get(name);
  if (expected) {
    assert.is(values.length, expected.data.length, `${name}: number of elements`);
    const error = distance(values, expected.data as Float32Array);
    within('the largest element', error.largest, elements);
    within('the norm', error.norm, elements);
  }
  const wanted = tensors.get(`${name}.digest`)!.data as Float64Array;
  digestOf(values).forEach((value, k) => {
    const error = value === wanted[k] ? 0 : Math.abs(value - wanted[k]!) / wanted[0]!;
    within(k === 0 ? "the digest's norm" : `product ${k} of the digest`, error, digest);
  });
}

/** Numbers of make.py's `tensor`. */
const given = (where: Device, seed: number, shape: Shape, bound = 1): Tensor =>
  on(where, shape, numbers(sizeOf(shape), -bound, bound, seed));

test('the comparison: a tensor agrees with itself, and one wrong element fails', () => {
  const name = 'ae.5.gradient.encoder.2.weight';
  const right = Float64Array.from(trained.tensors.get(name)!.data as Float32Array);
  same(trained, name, right, { elements: 0, digest: 1e-7 });
  const wrong = right.slice();
  wrong[1234]! += 1e-3 * norm(right);
  const loose = Infinity;
  assert.throws(() => same(trained, name, wrong, { elements: 1e-4, digest: loose }), /largest element/);
  assert.throws(() => same(trained, name, wrong, { elements: loose, digest: 1e-4 }), /of the digest/);
  wrong[1234] = NaN;
  assert.throws(() => same(trained, name, wrong, { elements: loose, digest: loose }), /differs by NaN/);
  assert.throws(
    () =>
      same({ tensors: new Map([...trained.tensors].filter(([key]) => key !== name)) }, name, wrong, {
        elements: loose,
        digest: loose,
      }),
    /digest's norm differs by NaN/,
  );
});

// ---------------------------------------------------------------------------------------------------- convolutions

for (const { name: where, device, tolerance } of devices) {
  for (const [op, cases] of Object.entries(conv.cases)) {
    for (const [i, { image, weight, ...options }] of cases.entries()) {
      const attributes = Object.entries(options).map(([key, pair]) => `${key} ${pair}`);
      test(`${op} ${image} * ${weight}, ${attributes.join(', ')}: output and gradients (${where})`, async () => {
        setDefaultDevice(device);
        const [x, w] = [image, weight].map((shape, k) =>
          requiresGrad(given(device, 10 * i + 1 + k, shape)),
        ) as [Tensor, Tensor];
        const { outputPadding: _, ...own } = options; // 0 for conv2d, which does not have it
        const y = op === 'conv2d' ? conv2d(x, w, own) : convTranspose2d(x, w, options);
        const expect = async (key: string, result: Tensor) => {
          const name = `${op}.${i}.${key}`;
          assert.equal(result.shape, conv.tensors.get(name)!.shape);
          same(conv, name, await result.data(), tolerance);
        };
        await expect('output', y);
        y.mul(given(device, 10 * i + 3, y.shape))
          .sum()
          .backward();
        await expect('inputGradient', x.grad!);
        await expect('weightGradient', w.grad!);
      });
    }
  }
}

// ---------------------------------------------------------------------------------------------------------- models

const BATCH = 4;
const images = trained.tensors.get('images')!;

/** A model with make.py's weights, its batch as numbers, and its ε. */
function build({ model: name, latent, hidden }: ModelCase, device: Device) {
  const spec = models.get(name)!;
  const model = spec.build([1, 28, 28], settingsOf(spec, { latent, hidden }), new Generator(0, { device }));
  const state = [...model.stateDict()].map(([key, { shape }], i) => {
    const fanIn = shape.length > 1 ? sizeOf(shape.slice(1)) : 25;
    return [key, given(device, 100 + i, shape, Math.fround(1 / Math.sqrt(fanIn)))] as const;
  });
  model.loadStateDict(new Map(state));
  const { scale, shift } = model.normalization;
  const x = on(
    device,
    [BATCH, 1, 28, 28],
    Float64Array.from(images.data as Uint8Array, (byte) => byte * scale + shift),
  );
  const noise = { normal: () => given(device, 99, [BATCH, latent], 2) } as unknown as Generator;
  const context: TrainingContext = {
    noise,
    epoch() {
      throw new Error('these models have no schedule');
    },
  };
  return { model, x, context };
}

for (const { name: where, device, tolerance } of devices) {
  for (const c of trained.cases.models) {
    const key = `${c.model}.${c.hidden}`;
    const title = `${c.model}, d ${c.latent}, hidden ${c.hidden}`;
    const expect = async (name: string, result: Tensor, digest = tolerance.digest) =>
      same(trained, `${key}.${name}`, await result.data(), { ...tolerance, digest });

    test(`${title}: codes and reconstructions (${where})`, async () => {
      setDefaultDevice(device);
      const { model, x } = build(c, device);
      const [mean, output] = noGrad(() => [model.encode(x).mean, model.forward(x)]);
      await expect('mean', mean!);
      await expect('output', output!);
    });

    test(`${title}: loss and every gradient (${where})`, async () => {
      setDefaultDevice(device);
      const { model, x, context } = build(c, device);
      const { loss, parts } = model.objective(x, context);
      await expect('loss', loss);
      for (const [metric, value] of Object.entries(parts)) await expect(metric, value);
      loss.backward();
      const prefix = `${key}.gradient.`;
      const names = [...trained.tensors.keys()].flatMap((name) =>
        name.startsWith(prefix) && name.endsWith('.digest') ? [name.slice(prefix.length, -7)] : [],
      );
      assert.equal([...model.namedParameters().keys()], names, "the parameters' names and order");
      for (const [name, parameter] of model.namedParameters()) {
        await expect(`gradient.${name}`, parameter.grad!);
      }
    });

    test(`${title}: ten steps of Adam (${where})`, async () => {
      setDefaultDevice(device);
      const { model, x, context } = build(c, device);
      const before = new Map<string, NumericArray>();
      for (const [name, value] of model.stateDict()) before.set(name, (await value.data()).slice());
      const optimizer = new Adam(model.parameters(), trained.cases.adam);
      for (let step = 0; step < trained.cases.steps; step++) {
        scope(() => {
          optimizer.zeroGrad();
          model.objective(x, context).loss.backward();
          optimizer.step();
        });
      }
      for (const [name, value] of model.stateDict()) {
        await expect(`after.${name}`, value);
        const [now, start] = [await value.data(), before.get(name)!];
        const change = Float64Array.from({ length: now.length }, (_, i) => now[i]! - start[i]!);
        same(trained, `${key}.change.${name}`, change, { ...tolerance, digest: tolerance.change });
      }
      await expect(
        'lossAfter',
        noGrad(() => model.objective(x, context).loss),
      );
    });
  }
}

test.run();
