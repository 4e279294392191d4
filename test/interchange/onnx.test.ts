/* Runs without an adapter. */

import { join } from 'node:path';
import { encodeOnnx, exportOnnx, onnxOps, TracingDevice, traceGraph } from '@tapegrad/interchange';
import { GroupNorm, readTensors } from '@tapegrad/nn';
import * as tg from '@tapegrad/tensor';
import { Generator, ops, referenceDevice, type Tensor, tensor } from '@tapegrad/tensor';
import { models, settingsOf, VectorQuantizedVAE, vaeMlp } from '@tapegrad/vae';
import { exportRun, RunFolder, type StoredRun } from 'tapegrad/node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runOnnx } from '../helpers/onnx.ts';
import { decode, message, messages, text } from '../helpers/protobuf.ts';
import { fewDigits, temporaryFolder } from '../helpers/runs.ts';

/** Numbers that repeat nothing, of both signs, none near 0 or ½, where rounding could decide a comparison. */
const numbers = (count: number, scale = 1) =>
  Float32Array.from({ length: count }, (_, i) => {
    const value = Math.sin(1 + 1.7 * i);
    return scale * (Math.abs(value) < 0.05 ? 0.3 : value);
  });

type Fn = (x: Tensor, p: (shape: readonly number[], scale?: number) => Tensor) => Tensor;

const size = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);

/** A function of a batch as an ONNX file; `p` makes parameters, the same at every call. */
function exported(shape: readonly number[], fn: Fn): Uint8Array {
  const device = new TracingDevice();
  const parameters = new Map<string, Tensor>();
  const graph = traceGraph(device, {
    name: 'function',
    input: { name: 'x', shape },
    batch: (count) => tensor(numbers(count * size(shape)), { shape: [count, ...shape], device }),
    run: (x) => ({ y: fn(x, parameter(parameters, device)) }),
    named: parameters,
  });
  return encodeOnnx(graph, { version: '0', description: '', metadata: {} });
}

const parameter =
  (known: Map<string, Tensor>, device: tg.Device) =>
  (shape: readonly number[], scale = 1): Tensor => {
    const name = `p ${shape} ${scale}`;
    const made = known.get(name) ?? tg.keep(tensor(numbers(size(shape), scale), { shape, device }));
    known.set(name, made);
    return made;
  };

/** Runs the file on batches of 1, 4 and 7, which it has not been traced with, against the reference. */
async function compare(shape: readonly number[], fn: Fn, tolerance = 1e-5): Promise<void> {
  const file = exported(shape, fn);
  for (const count of [1, 4, 7]) {
    const values = numbers(count * size(shape));
    const outputs = await runOnnx(file, { name: 'x', values, shape: [count, ...shape] });
    const y = outputs.get('y')!;
    const x = tensor(values, { shape: [count, ...shape], device: referenceDevice });
    const wanted = fn(x, parameter(new Map(), referenceDevice));
    assert.equal(y.shape, [...wanted.shape], `shape for ${count}`);
    const expected = await wanted.data();
    const worst = Math.max(0, ...expected.map((value, i) => Math.abs(value - y.values[i]!)));
    assert.ok(worst <= tolerance, `batch of ${count}: off by ${worst}`);
  }
}

const conv = { stride: 2, padding: 1 } as const;
const index = (values: number[], shape: number[], like: Tensor) =>
  tensor(Int32Array.from(values), { shape, device: like.device });

/** The same of whole numbers: `y` is a parameter. */
function ofIntegers(fn: (x: Tensor, y: Tensor) => Tensor): Fn {
  return (x, p) => {
    const whole = (t: Tensor) => tg.cast(tg.mul(t, 10), 'int32');
    return tg.cast(fn(whole(x), whole(p([x.shape[1]!]))), 'float32');
  };
}

/** A row for every op that can be exported, some in the several forms that they take. */
const cases: [op: keyof typeof onnxOps, shape: number[], fn: Fn, tolerance?: number][] = [
  ['neg', [3], (x) => tg.neg(x)],
  ['abs', [3], (x) => tg.abs(x)],
  ['sign', [3], (x) => tg.sign(x)],
  ['exp', [3], (x) => tg.exp(x)],
  ['log', [3], (x) => tg.log(tg.abs(x))],
  ['log1p', [3], (x) => tg.log1p(tg.abs(x))],
  ['sqrt', [3], (x) => tg.sqrt(tg.abs(x))],
  ['square', [3], (x) => tg.square(x)],
  ['reciprocal', [3], (x) => tg.reciprocal(x)],
  ['sin', [3], (x) => tg.sin(x)],
  ['cos', [3], (x) => tg.cos(x)],
  ['floor', [3], (x) => tg.floor(tg.mul(x, 3))],
  ['ceil', [3], (x) => tg.ceil(tg.mul(x, 3))],
  ['round', [3], (x) => tg.round(tg.mul(x, 3))],
  ['round', [4], (x) => tg.round(tg.mul(tg.round(tg.mul(x, 9)), 0.5))],
  ['elu', [3], (x) => tg.elu(x, 0.7)],
  ['gelu', [5], (x) => tg.gelu(tg.mul(x, 3))],
  ['geluTanh', [5], (x) => tg.gelu(tg.mul(x, 3), { approximate: 'tanh' })],
  ['normalCdf', [3], (x) => tg.apply(ops.normalCdf, [x], [])],
  ['silu', [3], (x) => tg.silu(tg.mul(x, 3))],
  ['relu', [3], (x) => tg.relu(x)],
  ['leakyRelu', [3], (x) => tg.leakyRelu(x, 0.2)],
  ['sigmoid', [3], (x) => tg.sigmoid(x)],
  ['tanh', [3], (x) => tg.tanh(x)],
  ['softplus', [3], (x) => tg.softplus(x)],
  ['clamp', [3], (x) => tg.clamp(x, { min: -0.5, max: 0.4 })],
  ['clamp', [3], (x) => tg.clamp(x, { min: -0.5 })],
  ['clamp', [3], (x) => tg.clamp(x, { max: 0.4 })],
  ['affine', [3], (x) => tg.sub(tg.mul(x, 3), 2)],
  ['powScalar', [3], (x) => tg.pow(tg.abs(x), 1.5)],
  ['add', [3, 4], (x, p) => tg.add(x, p([3, 1]))],
  ['sub', [3, 4], (x, p) => tg.sub(p([4]), x)],
  ['mul', [3, 4], (x) => tg.mul(x, tg.sum(x, 2, { keepDims: true }))],
  ['div', [3], (x, p) => tg.div(x, p([3]))],
  ['pow', [3], (x, p) => tg.pow(tg.abs(x), p([3]))],
  ['minimum', [3], (x, p) => tg.minimum(x, p([3], 0.7))],
  ['maximum', [3], (x, p) => tg.maximum(x, p([3], 0.7))],
  ['maskPositive', [3], (x, p) => tg.apply(ops.maskPositive, [p([3]), x], [])],
  ['equal', [3], (x) => tg.equal(tg.sign(x), 1)],
  ['notEqual', [3], (x) => tg.notEqual(tg.sign(x), 1)],
  ['less', [3], (x, p) => tg.less(x, p([3], 0.7))],
  ['lessEqual', [3], (x) => tg.lessEqual(tg.sign(x), 1)],
  ['greater', [3], (x) => tg.greater(tg.sign(x), -1)],
  ['greaterEqual', [3], (x, p) => tg.greaterEqual(x, p([3], 0.7))],
  ['where', [3], (x, p) => tg.where(tg.relu(x), x, p([3]))],
  ['sum', [3, 4], (x) => tg.sum(x, [1, 2])],
  ['sum', [3, 4], (x) => tg.sum(x, 0)],
  ['sum', [3, 4], (x) => tg.mean(x, 2, { keepDims: true })],
  ['sum', [3, 4], (x) => tg.std(x, 2, { correction: 0.5 })],
  ['prod', [3, 4], (x) => tg.prod(x, [1, 2])],
  ['prod', [3, 4], (x) => tg.prod(x, -1, { keepDims: true })],
  ['cumsum', [3, 4], (x) => tg.cumsum(x, 1)],
  ['cumsum', [3, 4], (x) => tg.cumsum(x, -1, { reverse: true })],
  ['equal', [4], (x) => tg.oneHot(tg.argmax(x), 4)],
  ['sum', [4, 3, 2], (x) => new GroupNorm(2, 4, { affine: false, device: x.device }).forward(x)],
  ['max', [3, 4], (x) => tg.max(x, 1)],
  ['min', [3, 4], (x) => tg.min(x, 2, { keepDims: true })],
  ['argmax', [5], (x) => tg.cast(tg.argmax(x, 1), 'float32')],
  ['argmin', [5], (x) => tg.cast(tg.argmin(x, 1, { keepDims: true }), 'float32')],
  ['softmax', [5], (x) => tg.softmax(x)],
  ['logSoftmax', [5, 2], (x) => tg.logSoftmax(x, 1)],
  ['matmul', [4], (x, p) => tg.matmul(x, p([5, 4]), { transposeB: true })],
  ['matmul', [4], (x, p) => tg.matmul(p([4, 5]), x, { transposeA: true, transposeB: true })],
  ['matmul', [4, 6], (x, p) => tg.matmul(x, p([4, 3]), { transposeA: true })],
  ['matmul', [4, 6], (x) => tg.matmul(x, x, { transposeB: true })],
  ['matmul', [2, 3, 4], (x, p) => tg.einsum('bhij,hkj->bhik', x, p([2, 5, 4]))],
  ['matmul', [3, 2, 2], (x, p) => tg.einsum('bchw,oc->bohw', x, p([4, 3]))],
  ['conv2d', [3, 8, 7], (x, p) => tg.conv2d(x, p([5, 3, 4, 3]), conv)],
  ['conv2d', [2, 9, 9], (x, p) => tg.conv2d(x, p([2, 2, 3, 3]), { dilation: [2, 1], padding: [0, 2] })],
  ['conv2dInputGradient', [3, 4, 5], (x, p) => tg.convTranspose2d(x, p([3, 2, 4, 3]), conv)],
  [
    'conv2dInputGradient',
    [3, 4, 5],
    (x, p) => tg.convTranspose2d(x, p([3, 2, 3, 3]), { ...conv, outputPadding: [1, 0] }),
  ],
  ['conv2d', [4, 6, 5], (x, p) => tg.conv2d(x, p([6, 2, 3, 3]), { padding: 1, groups: 2 })],
  ['conv2d', [3, 6, 5], (x, p) => tg.conv2d(x, p([3, 1, 4, 3]), { padding: 'same', groups: 3 })],
  [
    'conv2dInputGradient',
    [4, 4, 5],
    (x, p) => tg.convTranspose2d(x, p([4, 3, 3, 3]), { ...conv, groups: 2 }),
  ],
  ['maxPool2d', [2, 5, 6], (x) => tg.maxPool2d(x, 2)],
  ['maxPool2d', [2, 7, 6], (x) => tg.maxPool2d(x, [3, 2], { stride: [2, 1], padding: 1, dilation: [1, 2] })],
  ['maxPool2d', [1, 6, 6], (x) => tg.maxPool2d(x, 3, { stride: 2, padding: [1, 0], ceilMode: true })],
  ['avgPool2d', [2, 5, 6], (x) => tg.avgPool2d(x, 2)],
  ['avgPool2d', [2, 6, 6], (x) => tg.avgPool2d(x, 3, { stride: 2, padding: 1, countIncludePad: false })],
  ['avgPool2d', [1, 6, 6], (x) => tg.avgPool2d(x, 3, { stride: 2, padding: [1, 0], ceilMode: true })],
  [
    'avgPool2d',
    [1, 6, 6],
    (x) => tg.avgPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false }),
  ],
  ['permute', [2, 3], (x) => tg.permute(x, [2, 0, 1])],
  ['expand', [1, 3], (x, p) => tg.add(tg.expand(x, [-1, 4, 3]), p([4, 3]))],
  ['expand', [3], (x, p) => tg.mul(tg.expand(p([1, 3]), [x.shape[0]!, 3]), x)],
  ['slice', [6], (x) => tg.slice(x, null, [1, 6, 2])],
  ['slice', [6, 3], (x) => tg.slice(x, null, [2], [0, 1])],
  ['slice', [6], (x) => tg.slice(x, null, [0, 3])],
  [
    'pad',
    [3, 2],
    (x) =>
      tg.pad(
        x,
        [
          [0, 0],
          [1, 2],
          [0, 1],
        ],
        -1,
      ),
  ],
  ['concat', [3], (x, p) => tg.concat([x, tg.mul(x, 2), tg.expand(p([1, 1]), [x.shape[0]!, 1])], 1)],
  ['gather', [4], (x, p) => tg.indexSelect(p([6, 2]), 0, tg.argmax(x, 1))],
  ['gather', [4, 2], (x) => tg.gather(x, 1, index([3, 0, 1], [1, 3, 1], x))],
  ['gather', [4], (x) => tg.gather(x, 1, tg.argmax(x, 1, { keepDims: true }))],
  ['cast', [3], (x) => tg.cast(tg.cast(tg.mul(x, 10), 'int32'), 'float32')],
  // Of integers: what an op adds has to be one, too.
  ['neg', [3], ofIntegers((x) => tg.neg(x))],
  ['abs', [3], ofIntegers((x) => tg.abs(x))],
  ['sign', [3], ofIntegers((x) => tg.sign(x))],
  ['clamp', [3], ofIntegers((x) => tg.clamp(x, { min: -3, max: 4 }))],
  ['affine', [3], ofIntegers((x) => tg.sub(7, tg.mul(x, 3)))],
  ['add', [3], ofIntegers((x, y) => tg.add(x, y))],
  ['sub', [3], ofIntegers((x, y) => tg.sub(x, y))],
  ['mul', [3], ofIntegers((x, y) => tg.mul(x, y))],
  ['minimum', [3], ofIntegers((x, y) => tg.minimum(x, y))],
  ['maximum', [3], ofIntegers((x) => tg.maximum(x, 2))],
  ['equal', [3], ofIntegers((x) => tg.equal(x, 3))],
  ['notEqual', [3], ofIntegers((x) => tg.notEqual(x, 3))],
  ['less', [3], ofIntegers((x, y) => tg.less(x, y))],
  ['lessEqual', [3], ofIntegers((x) => tg.lessEqual(x, 3))],
  ['greater', [3], ofIntegers((x) => tg.greater(x, 3))],
  ['greaterEqual', [3], ofIntegers((x, y) => tg.greaterEqual(x, y))],
  ['where', [3], ofIntegers((x, y) => tg.where(tg.greater(x, y), x, 5))],
  ['where', [3], (x, p) => tg.where(tg.equal(tg.cast(tg.mul(x, 10), 'int32'), 3), x, p([3]))],
];

for (const [op, shape, fn, tolerance] of cases) {
  test(`${op} on [B, ${shape.join(', ')}]: ${fn
    .toString()
    .replace(/^.*?=> /, '')
    .replace(/\s+/g, ' ')}`, () => compare(shape, fn, tolerance));
}

test('every op that can be exported is tested', () => {
  const tested = new Set(cases.map(([op]) => op));
  assert.equal(
    Object.entries(onnxOps).flatMap(([op, write]) => (write && !tested.has(op as never) ? [op] : [])),
    [],
  );
});

test('reshapes run no op, and are found all the same: with the batch anywhere, or twice', async () => {
  await compare([6, 2], (x) => tg.tanh(tg.reshape(x, [x.shape[0]! * 6, 2])));
  await compare([6, 2], (x) => tg.reshape(tg.reshape(tg.tanh(x), [-1]), [2, x.shape[0]! * 3, 2]));
  await compare([6], (x) => {
    const batch = x.shape[0]!;
    const outer = tg.matmul(x, x, { transposeB: true });
    return tg.neg(tg.reshape(outer, [batch, 1, batch]));
  });
});

test('constants as large as the batch', () =>
  compare([3], (x) => tg.add(x, tg.full(x.shape, 0.5, { device: x.device }))));

test('what the outputs do not need is left out', () => {
  const plain = exported([3], (x) => tg.relu(x));
  const more = exported([3], (x, p) => {
    tg.matmul(tg.exp(x), p([3, 3]));
    return tg.relu(x);
  });
  assert.is(more.length, plain.length);
});

test('parameters that are named as other values of the graph: they get other names', async () => {
  const names = ['x', 'y', '', 'mul_1', 'constant_1', 'kept'];
  const device = new TracingDevice();
  const named = new Map(names.map((name, i) => [name, tensor([i + 2], { device })]));
  const graph = traceGraph(device, {
    name: 'function',
    input: { name: 'x', shape: [3] },
    batch: (count) => tensor(numbers(3 * count), { shape: [count, 3], device }),
    run: (x) => ({ y: [...named.values()].reduce(tg.mul, tg.mul(x, tensor([0.5, 1, 2], { device }))) }),
    named,
  });
  const values = [...graph.initializers, ...graph.inputs].map(({ name }) => name);
  const all = [...values, ...graph.nodes.flatMap(({ outputs }) => outputs)];
  assert.is(new Set(all).size, all.length, all.join());
  assert.ok(all.includes('kept') && !all.includes(''), all.join());
  const file = encodeOnnx(graph, { version: '0', description: '', metadata: {} });
  const outputs = await runOnnx(file, { name: 'x', values: Float32Array.of(1, 2, 3), shape: [1, 3] });
  assert.equal([...outputs.get('y')!.values], [2520, 10_080, 30_240]);
});

test('a bias becomes part of its layer, where it is a bias and of one layer only', async () => {
  const linear: Fn = (x, p) => tg.add(tg.matmul(x, p([5, 4]), { transposeB: true }), p([5]));
  const bias = (p: Parameters<Fn>[1]) => tg.reshape(p([2], 0.5), [2, 1, 1]);
  const layers: [number[], Fn, string[]][] = [
    [[4], linear, ['Gemm', 'Identity']],
    [[3, 4, 4], (x, p) => tg.add(tg.conv2d(x, p([2, 3, 3, 3])), bias(p)), ['Conv', 'Identity']],
    [
      [3, 4, 4],
      (x, p) => tg.add(tg.convTranspose2d(x, p([3, 2, 3, 3])), bias(p)),
      ['ConvTranspose', 'Identity'],
    ],
    // As long as the last axis: not a channel's.
    [[3, 4, 4], (x, p) => tg.add(tg.conv2d(x, p([2, 3, 3, 3])), p([2])), ['Conv', 'Add', 'Identity']],
    [
      [4],
      (x, p) => tg.add(linear(x, p), tg.matmul(x, p([5, 4], 0.5), { transposeB: true })),
      ['Gemm', 'Gemm', 'Add', 'Identity'],
    ],
    [
      [4],
      (x, p) => {
        const product = tg.matmul(x, p([5, 4]), { transposeB: true });
        return tg.mul(product, tg.add(product, p([5])));
      },
      ['Gemm', 'Add', 'Mul', 'Identity'],
    ],
  ];
  for (const [shape, fn, types] of layers) {
    const graph = message(decode(exported(shape, fn)), 7);
    assert.equal(
      messages(graph, 1).map((node) => text(node, 4)),
      types,
    );
    await compare(shape, fn);
  }
});

test('what has no form is refused, naming the op', () => {
  const refused = (fn: Fn, message: RegExp) => assert.throws(() => exported([3], fn), message);
  refused(
    (x) => tg.add(x, new Generator(0, { device: x.device }).normal(x.shape)),
    /random \(op 1 of the function\): has no form in ONNX/,
  );
  // It may compute anything.
  const own: typeof ops.sin = { ...ops.sin };
  refused((x) => tg.apply(own, [x], []), /sin \(op 1 of the function\): has no form in ONNX/);
  refused(
    (x) => tg.mean(x, 0),
    /affine \(op 2 of the function\): depends on the number of images: \[0.5,0\] for 2/,
  );
  refused(
    (x) => tg.slice(x, [0, x.shape[0]! - 1]),
    /slice .*: axis 0 of the output is 1 for 2 images and 2 for 3/,
  );
  refused(
    (x) => (x.shape[0] === 2 ? tg.relu(x) : tg.abs(x)),
    /relu .*: what runs depends on the number of images/,
  );
  refused(
    (x) => tg.add(x, tensor([[x.shape[0]!]], { device: x.device })),
    /uses a constant whose values depend on/,
  );
  refused((x) => {
    tg.assign(x, tg.relu(x));
    return x;
  }, /assign: updates a tensor in place/);
});

// ------------------------------------------------------------------------------------------------------ whole models

const digits = fewDigits(1, 3).test;

for (const spec of models.values()) {
  test(`${spec.name}: the encoder's and decoder's files compute on MNIST's digits what the model computes`, async () => {
    const imageShape = [1, 28, 28] as const;
    const options = { ...settingsOf(spec), hidden: 16, latent: 6 };
    const model = spec.build(imageShape, options, new Generator(3, { device: referenceDevice }));
    model.eval();
    const weights = await readTensors(model.stateDict());
    const files = exportOnnx({ spec, imageShape, options, weights, version: '0' });
    const { scale, shift } = model.normalization;
    const x = Float32Array.from(digits.images, (byte) => byte * scale + shift);
    const shape = [digits.count, ...imageShape];
    const { mean, logSigma } = model.encode(tensor(x, { shape, device: referenceDevice }));
    const encoded = await runOnnx(files.encoder, { name: 'x', values: x, shape });
    await near(encoded, 'mean', mean);
    if (logSigma) await near(encoded, 'log_sigma', logSigma);
    if (model instanceof VectorQuantizedVAE) {
      const codes = await model.indices(tensor(x, { shape, device: referenceDevice })).data();
      assert.equal([...encoded.get('codes')!.values], [...codes]);
    }
    // Codes, scaled so that they differ from each other.
    const z = Float32Array.from(await mean.data(), (value) => 3 * value);
    const output = model.decode(tensor(z, { shape: mean.shape, device: referenceDevice }));
    const decoded = await runOnnx(files.decoder, { name: 'z', values: z, shape: mean.shape });
    await near(decoded, 'output', output);
    await near(decoded, 'pixels', model.pixels(output));
  });
}

async function near(found: Awaited<ReturnType<typeof runOnnx>>, name: string, wanted: Tensor): Promise<void> {
  const { shape, values } = found.get(name)!;
  assert.equal(shape, [...wanted.shape], name);
  const expected = await wanted.data();
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - values[i]!)));
  assert.ok(worst < 1e-4, `${name} is off by ${worst}`);
  assert.ok(new Set(values).size > 3, `${name} is not one number`);
}

test('a model without such a form: an error of one line, and nothing is written, of the other formats neither', async () => {
  const folder = await RunFolder.claim(join(temporaryFolder(), 'run'));
  const options = { ...settingsOf(vaeMlp), hidden: 4 };
  const spec = {
    ...vaeMlp,
    build(...[shape, chosen, generator]: Parameters<typeof vaeMlp.build>) {
      const model = vaeMlp.build(shape, chosen, generator);
      model.decode = (z) => generator.normal(z.shape);
      return model;
    },
  };
  const generator = new Generator(0, { device: referenceDevice });
  const weights = await readTensors(vaeMlp.build([1, 28, 28], options, generator).stateDict());
  const run = { folder, spec, weights, config: { ...options, model: 'vae-mlp', imageShape: [1, 28, 28] } };
  assert.throws(
    () => exportRun(run as unknown as StoredRun, ['safetensors', 'onnx']),
    /vae-mlp cannot be exported to ONNX: random \(op 1 of the decoder\): has no form in ONNX$/,
  );
  assert.not(folder.has('export'));
});

test.run();
