/* Runs on every adapter. */
import { spawnSync } from 'node:child_process';
import { openDevice } from '@tapegrad/node';
import * as tg from '@tapegrad/tensor';
import { type Device, referenceDevice, type Tensor } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BufferPool, storageOf } from '../../packages/tensor/src/webgpu/memory.ts';
import { noStats } from '../../packages/tensor/src/webgpu/stats.ts';
import { adapter, close, device, integers, on } from '../helpers/device.ts';

/** The message with which a promise is rejected. */
async function rejection(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

const row = (...values: number[]): Tensor => tg.tensor(values, { device });

// ----------------------------------------------------------------------------------------------------- creation

for (const where of [device, referenceDevice] as Device[]) {
  test(`tensor: shapes, types and values as given ${where.kind}`, async () => {
    const make = (values: Parameters<typeof tg.tensor>[0], options = {}) =>
      tg.tensor(values, { device: where, ...options });
    const nested = make([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    assert.equal([nested.shape, nested.dtype, nested.size, nested.rank], [[2, 3], 'float32', 6, 2]);
    assert.equal(await nested.array(), [
      [1, 2, 3],
      [4, 5, 6],
    ]);
    assert.is(await make(7).item(), 7);
    assert.equal(make(7).shape, []);
    assert.equal(await make([[], []]).array(), [[], []]);
    assert.equal(make([[], []]).shape, [2, 0]);
    for (const [values, dtype] of [
      [Int32Array.of(-1, 2), 'int32'],
      [Uint32Array.of(1, 4294967295), 'uint32'],
      [Uint8Array.of(1, 2, 255), 'uint8'],
      [Float64Array.of(1, 2), 'float32'],
    ] as const) {
      const t = make(values);
      assert.is(t.dtype, dtype);
      assert.equal([...(await t.data())], [...values]);
    }
    assert.equal(await make([1.9, -1], { dtype: 'int32' }).array(), [1, -1]);
    assert.equal(await tg.ones([2, 2], { device: where }).array(), [
      [1, 1],
      [1, 1],
    ]);
    assert.equal(await tg.full([3], 7, { device: where, dtype: 'uint8' }).array(), [7, 7, 7]);
  });

  test(`empty tensors are made, computed with and read ${where.kind}`, async () => {
    const x = tg.zeros([0, 3], { device: where });
    assert.is((await x.data()).length, 0);
    assert.equal(await x.array(), []);
    assert.equal(await tg.transpose(x).array(), [[], [], []]);
    assert.equal(await tg.exp(tg.add(x, 1)).array(), []);
    assert.equal(await x.sum(0).array(), [0, 0, 0]);
    assert.match(await rejection(x.item()), /item: expects one element, got shape \[0, 3\]/);
    const bytes = tg.tensor(new Uint8Array(), { device: where });
    assert.is((await bytes.data()).length, 0);
  });
}

test('the reference keeps float64', async () => {
  assert.is(await tg.full([], 0.1, { device: referenceDevice }).item(), 0.1);
  assert.is(await tg.pow(0.1, tg.tensor(1, { device: referenceDevice })).item(), 0.1);
});

test(`sums over nothing do not show what the memory held before ${adapter}`, async () => {
  for (let i = 0; i < 3; i++) {
    tg.full([64], 12_345, { device }).dispose();
    const x = tg.empty([0, 3, 0], { device });
    assert.equal(await tg.sum(x, [0, 2]).array(), [0, 0, 0]);
    assert.equal(await tg.sum(tg.empty([2, 0, 3, 0, 2, 0], { device }), [1, 3, 5]).array(), [
      [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
    ]);
    x.dispose();
  }
});

test('no default device: the error says what to call', () => {
  const program =
    "import { zeros } from '@tapegrad/tensor'; try { zeros([1]); } catch (e) { console.log(e.message); }";
  const { stdout } = spawnSync(
    process.execPath,
    [...process.execArgv, '--input-type=module', '-e', program],
    {
      encoding: 'utf8',
    },
  );
  assert.match(stdout, /^no default device: call setDefaultDevice/);
});

// ------------------------------------------------------------------------------------------------------- scopes

test(`scope disposes what it does not return or keep ${adapter}`, async () => {
  let inner!: Tensor;
  let kept!: Tensor;
  let nested!: Tensor;
  const { a, list } = tg.scope(() => {
    inner = row(1);
    kept = tg.keep(row(2));
    const passed = tg.scope(() => {
      nested = row(3);
      return tg.mul(nested, 2);
    });
    assert.ok(nested.disposed);
    assert.not(passed.disposed);
    return { a: passed, list: [[row(4)], 5] as [Tensor[], number] };
  });
  assert.ok(inner.disposed);
  assert.equal([kept.disposed, a.disposed, list[0][0]!.disposed], [false, false, false]);
  assert.equal([await kept.item(), await a.item(), await list[0][0]!.item()], [2, 6, 4]);
});

test(`what an inner scope returns belongs to the outer one ${adapter}`, () => {
  let passed!: Tensor;
  tg.scope(() => {
    passed = tg.scope(() => row(1));
  });
  assert.ok(passed.disposed);
});

test(`keep reaches through nested scopes ${adapter}`, () => {
  let kept!: Tensor;
  tg.scope(() =>
    tg.scope(() => {
      kept = tg.keep(row(1));
    }),
  );
  assert.not(kept.disposed);
});

test(`a scope that throws disposes everything, and scopes go on working ${adapter}`, () => {
  let made!: Tensor;
  const fail = () => {
    made = row(1);
    throw new Error('boom');
  };
  assert.throws(() => tg.scope(() => tg.scope(fail)), 'boom');
  assert.ok(made.disposed);
  const after = row(2);
  assert.not(after.disposed);
  after.dispose();
});

test(`scope refuses async functions, without an unhandled rejection ${adapter}`, async () => {
  let made!: Tensor;
  const asynchronous = async () => {
    made = row(1);
    await null;
    return made.item();
  };
  assert.throws(() => tg.scope(asynchronous), /scope: the function must not be async/);
  assert.ok(made.disposed);
  await new Promise((resolve) => setTimeout(resolve, 5));
});

test(`a view outlives the tensor that it was made from ${adapter}`, async () => {
  const x = row(1, 2, 3, 4);
  const y = tg.reshape(x, [2, 2]);
  x.dispose();
  const other = row(9, 9, 9, 9);
  assert.equal(await y.array(), [
    [1, 2],
    [3, 4],
  ]);
  other.dispose();
  y.dispose();
});

test(`dispose twice gives the memory back once ${adapter}`, async () => {
  const x = row(1, 2);
  x.dispose();
  x.dispose();
  assert.ok(x.disposed);
  const [a, b] = [row(3, 4), row(5, 6)];
  assert.equal(await a.array(), [3, 4]);
  assert.equal(await b.array(), [5, 6]);
});

test(`a disposed tensor is refused everywhere, in words ${adapter}`, async () => {
  const x = row(1, 2);
  x.dispose();
  const message = /tensor of shape \[2\] was disposed already; .*return it from the scope, keep\(\) it/;
  for (const [name, use] of Object.entries({
    add: () => tg.add(x, 1),
    mul: () => tg.mul(row(1), x),
    reshape: () => tg.reshape(x, [2, 1]),
    constant: () => tg.constant(x),
    assign: () => tg.assign(row(1, 2), x),
    flattenInto: () => tg.flattenInto([row(1), x]),
  })) {
    assert.throws(
      use,
      (error: Error) => error.message.startsWith(`${name}:`) && message.test(error.message),
      name,
    );
  }
  for (const read of [x.data(), x.array()]) assert.match(await rejection(read), message);
});

// ------------------------------------------------------------------------------------------------------- errors

test(`a destroyed device says so, to reads under way too ${adapter}`, async () => {
  const other = await openDevice(process.env.TAPEGRAD_ADAPTER ?? 'auto');
  const x = tg.tensor([1, 2], { device: other });
  const underWay = tg.add(x, 1).data();
  other.destroy();
  const message = /the GPU device was lost: the program destroyed it/;
  assert.match(await rejection(underWay), message);
  assert.match(await rejection(x.data()), message);
  assert.throws(() => tg.add(x, 1), message);
});

test(`more interleaved axes than kernels decode are refused in words ${adapter}`, () => {
  const nine = [2, 3, 2, 3, 2, 3, 2, 3, 2];
  const other = nine.map((extent, axis) => (axis % 2 ? 1 : extent));
  assert.throws(() => tg.add(zeros(...nine), zeros(...other)), /^add: more than 8/);
  assert.throws(
    () => tg.permute(zeros(...nine), [8, 7, 6, 5, 4, 3, 2, 1, 0]),
    /more than 8 interleaved axes/,
  );
});

const zeros = (...shape: number[]) => tg.zeros(shape, { device });
const ints = (...values: number[]) => on(device, [values.length], Int32Array.from(values));

const BAD: [string, () => unknown, RegExp][] = [
  ['tensor ragged', () => tg.tensor([[1, 2], [3]], { device }), /^tensor: the nested arrays are ragged/],
  [
    'tensor shape',
    () => tg.tensor([1, 2, 3], { shape: [2], device }),
    /^tensor: 3 values do not fill shape \[2\]/,
  ],
  ['tensor extent', () => tg.zeros([2, -1], { device }), /^zeros: a shape has whole.*\[2, -1\]/],
  ['tensor fraction', () => tg.empty([1.5], { device }), /^empty: a shape has whole.*\[1.5\]/],
  ['add', () => tg.add(zeros(2, 3), zeros(4)), /^add: shapes do not broadcast: \[2, 3\] x \[4\]/],
  ['add empty', () => tg.add(zeros(0), zeros(3)), /^add: .*\[0\] x \[3\]/],
  ['where', () => tg.where(zeros(2), zeros(3), zeros(1)), /^where: .*\[2\] x \[3\] x \[1\]/],
  ['numbers', () => tg.minimum(1, 2), /^minimum: expects at least one tensor/],
  ['exp int32', () => tg.exp(ints(1)), /^exp: expects float32, got int32; cast it first/],
  ['div int32', () => tg.div(ints(1), 2), /^div: expects float32, got int32/],
  ['pow int32', () => tg.pow(ints(1), 2), /^pow: expects float32, got int32/],
  ['mean int32', () => tg.mean(ints(1)), /^mean: expects float32, got int32/],
  ['logSumExp int32', () => tg.logSumExp(ints(1)), /^logSumExp: expects float32, got int32/],
  ['clamp', () => tg.clamp(zeros(1), { min: 2, max: 1 }), /^clamp: min 2 is above max 1/],
  ['cast', () => tg.cast(zeros(1), 'uint8' as 'int32'), /^cast: cannot make "uint8" of \[1\]/],
  ['sum axis', () => tg.sum(zeros(2, 3), 2), /^sum: axis 2 is out of range for rank 2/],
  ['sum axis -3', () => tg.sum(zeros(2, 3), [-3]), /^sum: axis -3 is out of range for rank 2/],
  ['sum twice', () => tg.sum(zeros(2, 3), [1, -1]), /^sum: an axis is named twice: \[1, -1\]/],
  ['max empty', () => tg.max(zeros(0, 3)), /^max: an empty axis has no max: shape \[0, 3\]/],
  ['argmax empty', () => tg.argmax(zeros(3, 0)), /^argmax: axis 1 of shape \[3, 0\] is empty/],
  ['softmax axis', () => tg.softmax(zeros(3), 1), /^softmax: axis 1 is out of range for rank 1/],
  [
    'matmul',
    () => tg.matmul(zeros(32, 784), zeros(768, 512)),
    /^matmul: inner dimensions differ: \[32, 784\] x \[768, 512\]/,
  ],
  ['reshape', () => tg.reshape(zeros(2, 3), [4, 2]), /^reshape: \[2, 3\].*\[4, 2\]/],
  ['reshape -1', () => tg.reshape(zeros(2, 3), [4, -1]), /^reshape: \[2, 3\] cannot become \[4, -1\]/],
  ['reshape -1 -1', () => tg.reshape(zeros(2, 3), [-1, -1]), /^reshape: \[2, 3\] cannot become \[-1, -1\]/],
  [
    'reshape negative',
    () => tg.reshape(zeros(2, 3), [-2, -3]),
    /^reshape: a shape has whole extents, .*\[-2, -3\]/,
  ],
  [
    'reshape fraction',
    () => tg.reshape(zeros(2, 3), [1.5, 4]),
    /^reshape: a shape has whole extents, .*\[1.5, 4\]/,
  ],
  ['flatten', () => tg.flatten(zeros(2, 3, 4), 2, 1), /^flatten: axis 2 comes after axis 1 in \[2, 3, 4\]/],
  [
    'permute',
    () => tg.permute(zeros(2, 3), [0, 0]),
    /^permute: \[0, 0\] is not a permutation of the axes of \[2, 3\]/,
  ],
  ['permute rank', () => tg.permute(zeros(2, 3), [0]), /^permute: \[0\] is not a permutation/],
  ['transpose', () => tg.transpose(zeros(2)), /^transpose: axis -2 is out of range for rank 1/],
  ['expand', () => tg.expand(zeros(2, 3), [2, 4]), /^expand: \[2, 3\] does not expand to \[2, 4\]/],
  ['expand rank', () => tg.expand(zeros(2, 3), [3]), /^expand: \[2, 3\] does not expand to \[3\]/],
  ['expand new -1', () => tg.expand(zeros(3), [-1, 3]), /^expand: \[3\] does not expand to \[-1, 3\]/],
  ['slice ranges', () => tg.slice(zeros(2), null, null), /^slice: 2 ranges for shape \[2\]/],
  ['slice step', () => tg.slice(zeros(2), [0, 2, 0]), /^slice: a step is a whole number from 1, got 0/],
  [
    'slice fraction',
    () => tg.slice(zeros(2), [0.5]),
    /^slice: a range is .* in whole numbers, .* got \[0.5\]/,
  ],
  ['pad rank', () => tg.pad(zeros(2, 3), [[1, 1]]), /^pad: the widths are .* got \[\[1, 1\]\] for \[2, 3\]/],
  ['pad negative', () => tg.pad(zeros(2), [[-1, 0]]), /^pad: before \[-1\]/],
  ['concat none', () => tg.concat([]), /^concat: expects at least one tensor/],
  [
    'concat',
    () => tg.concat([zeros(2, 3), zeros(3, 2)]),
    /^concat: shapes differ in more than axis 0: \[2, 3\], \[3, 2\]/,
  ],
  ['concat types', () => tg.concat([zeros(2), ints(1)]), /^concat: mixed types: float32, int32/],
  ['stack', () => tg.stack([zeros(2), zeros(3)]), /^stack: shapes differ: \[2\], \[3\]/],
  ['gather type', () => tg.gather(zeros(2), 0, zeros(1)), /^gather: the index has to be int32, got float32/],
  ['gather shape', () => tg.gather(zeros(2, 3), 0, ints(1)), /^gather: .*\[2, 3\] with index \[1\], axis 0/],
  [
    'indexSelect',
    () => tg.indexSelect(zeros(2), 0, zeros(1)),
    /^indexSelect: the index is int32 with one axis, got float32 \[1\]/,
  ],
  [
    'scatterAdd',
    () => tg.scatterAdd(zeros(2, 3), 0, tg.reshape(ints(1), [1, 1]), 4),
    /^scatterAdd: .*\[2, 3\] with index \[1, 1\]/,
  ],
  [
    'uint8',
    () => tg.permute(on(device, [2, 2], Uint8Array.of(1, 2, 3, 4)), [1, 0]),
    /^permute: uint8 tensors only store/,
  ],
  ['assign', () => tg.assign(zeros(2), zeros(3)), /^assign: float32 \[2\] cannot take float32 \[3\]/],
  ['assign type', () => tg.assign(zeros(2), ints(1, 2)), /^assign: float32 \[2\] cannot take int32 \[2\]/],
  [
    'accumulate',
    () => tg.run(tg.updates.accumulate, [ints(1), ints(1)], null),
    /^accumulate: expects float32/,
  ],
  [
    'sgd',
    () => tg.run(tg.updates.sgd, [zeros(4), zeros(8), zeros(4), zeros(4)], null),
    /^sgd: .*\[4\], \[8\], \[4\]/,
  ],
  ['flattenInto none', () => tg.flattenInto([]), /^flattenInto: expects at least one tensor/],
  ['flattenInto int32', () => tg.flattenInto([ints(1)]), /^flattenInto: expects float32, got int32/],
  ['bernoulli', () => new tg.Generator(1.5, { device }), /^Generator: a seed is a whole number/],
  [
    'devices',
    () => tg.add(zeros(2), tg.zeros([2], { device: referenceDevice })),
    /^add: tensors on different devices: .+ and reference/,
  ],
];

for (const [name, call, message] of BAD) {
  test(`bad call: ${name} ${adapter}`, () => {
    assert.throws(
      () => tg.scope(call),
      (error: Error) => {
        if (!message.test(error.message)) throw new Error(`got: ${error.message}`);
        return true;
      },
    );
  });
}

test(`flattenInto refuses a tensor named twice ${adapter}`, () => {
  const x = row(1);
  assert.throws(() => tg.flattenInto([x, x]), /^flattenInto: a tensor is named twice/);
});

test('the reference refuses an index out of range', () => {
  const d = referenceDevice;
  const index = tg.tensor(Int32Array.of(3), { device: d });
  assert.throws(
    () => tg.gather(tg.zeros([3], { device: d }), 0, index),
    /gather: index 3 is out of range for axis 0 of \[3\]/,
  );
});

test(`a tensor beyond the adapter's limit is refused with both figures ${adapter}`, () => {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.gpu.limits;
  const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  const size = Math.floor(limit / 4) + 1;
  assert.throws(
    () => tg.empty([size], { device }),
    new RegExp(`a tensor of ${size * 4} bytes .* \\(${limit - (limit % 4)} bytes\\)`),
  );
});

test('the largest tensor that fits is not rounded up beyond the limit', () => {
  globalThis.GPUBufferUsage ??= { STORAGE: 1, COPY_SRC: 2, COPY_DST: 4 } as typeof GPUBufferUsage;
  const gpu = {
    limits: { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 31 - 4 },
    createBuffer: ({ size }: { size: number }) => ({ size }),
  } as unknown as GPUDevice;
  const pool = new BufferPool(gpu, noStats());
  const block = pool.take(2 ** 31 - 8);
  assert.is(block.bytes, 2 ** 31 - 4);
  pool.give(block);
  assert.is(pool.take(2 ** 31 - 4), block);
  assert.throws(() => pool.take(2 ** 31), /a tensor of 2147483648 bytes/);
  for (const bytes of [4, 256, 260, 1000, 1024, 1028, 123_456]) {
    const { bytes: got } = pool.take(bytes);
    assert.ok(got >= bytes && got % 4 === 0 && got <= Math.max(256, bytes * 1.25), `${bytes}: ${got}`);
  }
});

// ------------------------------------------------------------------------------------------------- memory, order

test(`1000 iterations in scopes leave no memory behind ${adapter}`, async () => {
  const [x, w] = [on(device, [64, 32], integers(2048, -3, 4)), on(device, [32, 16], integers(512, -3, 4))];
  const step = () =>
    tg.scope(() => {
      const y = tg.relu(tg.matmul(x, w));
      return tg.mean(tg.square(tg.softmax(tg.permute(tg.concat([y, tg.add(y, 1)]), [1, 0]))), [0, 1]);
    });
  for (let i = 0; i < 20; i++) step().dispose();
  const { buffers, bufferBytes, pipelines, bindGroups } = { ...device.stats };
  let last = 0;
  for (let i = 0; i < 1000; i++) {
    const y = step();
    if (i % 250 === 249) last = await y.item();
    y.dispose();
  }
  assert.ok(Number.isFinite(last));
  assert.equal(
    [device.stats.buffers, device.stats.bufferBytes, device.stats.pipelines],
    [buffers, bufferBytes, pipelines],
  );
  // Buffers of earlier tests, freed by the garbage collector meanwhile, may come into use: a few, not one a step.
  assert.ok(
    device.stats.bindGroups - bindGroups < 100,
    `${device.stats.bindGroups - bindGroups} bind groups`,
  );
});

test(`ops wait in one pass until a result is read ${adapter}`, async () => {
  const x = row(1, 2, 3);
  await device.synchronize();
  const { submits, readbacks } = { ...device.stats };
  let y = x;
  for (let i = 0; i < 200; i++) y = tg.add(y, 1);
  assert.is(device.stats.submits, submits);
  assert.equal(await y.array(), [201, 202, 203]);
  assert.is(device.stats.submits, submits + 1);
  assert.is(device.stats.readbacks, readbacks + 1);
});

test(`more launches than one batch holds stay in order ${adapter}`, async () => {
  const y = tg.scope(() => {
    let y = row(0, 1);
    for (let i = 1; i <= 1000; i++) y = i % 2 ? tg.add(y, i) : tg.sub(y, i);
    return y;
  });
  assert.equal(await y.array(), [-500, -499]);
});

test(`a host write does not overtake launches that read the old values ${adapter}`, async () => {
  const x = row(1, 2, 3);
  const before = tg.mul(x, 10);
  tg.writeTo(x, Float32Array.of(4, 5, 6));
  const after = tg.mul(x, 10);
  tg.writeTo(x, Float32Array.of(7), 1);
  const last = tg.mul(x, 10);
  assert.equal(await Promise.all([before, after, last].map((t) => t.array())), [
    [10, 20, 30],
    [40, 50, 60],
    [40, 70, 60],
  ]);
});

test(`memory that is used again does not change results still waiting ${adapter}`, async () => {
  const results: Tensor[] = [];
  for (let i = 0; i < 50; i++) {
    results.push(
      tg.scope(() => {
        const x = tg.full([100], i, { device }); // takes the buffer that the last round freed
        return tg.sum(tg.mul(x, x));
      }),
    );
  }
  const values = await Promise.all(results.map((t) => t.item()));
  assert.equal(
    values,
    Array.from({ length: 50 }, (_, i) => 100 * i * i),
  );
});

test(`values read at once are those of the time of the call ${adapter}`, async () => {
  const x = row(1, 2);
  const first = x.data();
  tg.run(tg.updates.accumulate, [x, row(10, 10)], null);
  const second = x.data();
  tg.writeTo(x, Float32Array.of(0, 0));
  const third = x.data();
  x.dispose();
  assert.equal(
    (await Promise.all([first, second, third])).map((values) => [...values]),
    [
      [1, 2],
      [11, 12],
      [0, 0],
    ],
  );
});

test(`flattenInto moves tensors into one buffer at multiples of 64 ${adapter}`, async () => {
  for (const where of [device, referenceDevice] as Device[]) {
    const tensors = [[65], [], [2, 3], [0], [64]].map((shape, k) =>
      tg.internalsOf(on(where, shape, integers(tg.sizeOf(shape), -9, 9, k + 1))),
    );
    const before = await Promise.all(tensors.map((t) => t.data()));
    const flat = tg.internalsOf(tg.flattenInto(tensors));
    assert.equal(
      tensors.map((t) => t.offset),
      [0, 128, 192, 256, 320],
    );
    assert.is(flat.size, 384);
    assert.ok(tensors.every((t) => t.storage === flat.storage && !t.disposed));
    const after = await Promise.all(tensors.map((t) => t.data()));
    after.forEach((values, i) => {
      close(values, before[i]!, {}, `tensor ${i}`);
    });
    const all = await flat.data();
    assert.ok(all.every((v, i) => v === 0 || tensors.some((t) => i >= t.offset && i < t.offset + t.size)));
    // The buffer and the tensors are the same memory.
    tg.run(tg.updates.accumulate, [flat, tg.full([384], 1, { device: where })], null);
    assert.equal(
      [...(await tensors[2]!.data())],
      [...before[2]!].map((v) => v + 1),
    );
    tg.assign(tensors[1]!, tg.tensor(42, { device: where }));
    assert.is((await flat.data())[128], 42);
    assert.equal(
      await tg.add(tensors[2]!, tensors[1]!).data(),
      (await tensors[2]!.data()).map((v) => v + 42),
    );
    flat.dispose();
    assert.is(await tensors[1]!.item(), 42); // lives on through its slots
  }
});

test(`freed buffers are found again, and trim lets them go ${adapter}`, async () => {
  const x = zeros(1000);
  const { block } = storageOf(x);
  x.dispose();
  const y = zeros(1001);
  assert.is(storageOf(y).block, block);
  y.dispose();
  const bytes = device.stats.bufferBytes;
  device.trim();
  assert.ok(device.stats.bufferBytes < bytes);
  assert.equal(await tg.add(row(1), row(2)).array(), [3]);
});

// ------------------------------------------------------------------------------------------------ ops of the user's own

/** x³, as a user would write it. */
const cubeOp = (): tg.Op<null, readonly [x: tg.TensorView]> => ({
  name: 'cube',
  infer: ([x]) => ({ shape: x.shape, dtype: x.dtype }),
  reference([x], _, y) {
    for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[i]! ** 3;
  },
});

test(`an op of the user runs on the reference, and on WebGPU once it has a lowering ${adapter}`, async () => {
  const cube = cubeOp();
  const x = tg.tensor([1, -2, 3], { device: referenceDevice });
  assert.equal(await tg.apply(cube, [x], null).array(), [1, -8, 27]);
  assert.throws(
    () => tg.apply(cube, [row(1, -2, 3)], null),
    /^cube: nothing says how it runs on WebGPU: .*defineLowering\(op, lower\)/,
  );
  const wgsl = `
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @group(0) @binding(2) var<storage, read> x: array<f32>;
    @compute @workgroup_size(1)
    fn cube(@builtin(workgroup_id) id: vec3u) { y[id.x] = params.factor * x[id.x] * x[id.x] * x[id.x]; }`;
  const scaledCube = tg.shader({ name: 'cube', entry: 'cube', wgsl }, { unused: 'vec2u', factor: 'f32' });
  tg.defineLowering(cube, (gpu, [input], _, output) =>
    gpu.launch({
      shader: scaledCube,
      outputs: [output],
      inputs: [input],
      uniforms: { unused: [7, 7], factor: 1 },
      workgroups: output.size,
    }),
  );
  assert.equal(await tg.apply(cube, [row(1, -2, 3)], null).array(), [1, -8, 27]);
  const elementwise = cubeOp();
  tg.defineLowering(elementwise, (gpu, inputs, _, output) =>
    tg.elementwiseLowering({ name: 'cube', expression: 'a * a * a' })(gpu, inputs, [], output),
  );
  assert.equal(await tg.apply(elementwise, [row(1, -2, 3)], null).array(), [1, -8, 27]);
});

test(`uniforms of every type arrive where the shader reads them ${adapter}`, async () => {
  const fields = {
    a: 'u32',
    b: 'vec2f',
    c: 'i32',
    d: 'vec4u',
    e: 'f32',
    f: 'vec3i',
    g: 'u32',
    h: 'array<vec4f, 2>',
    i: 'vec2i',
    j: 'array<vec4u, 1>',
    k: 'u32',
  } as const;
  const read = [
    ...[
      'params.a',
      'params.b.x',
      'params.b.y',
      'params.c',
      'params.e',
      'params.g',
      'params.i.x',
      'params.i.y',
    ],
    ...['x', 'y', 'z', 'w'].flatMap((at) => [`params.d.${at}`, `params.h[0].${at}`, `params.h[1].${at}`]),
    ...['params.f.x', 'params.f.y', 'params.f.z', 'params.j[0].w', 'params.k'],
  ];
  const wgsl = `@group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(1) fn main() { ${read.map((value, i) => `y[${i}] = f32(${value});`).join('\n')} }`;
  const shader = tg.shader({ name: 'uniforms', wgsl }, fields);
  const op: tg.Op<null, readonly [x: tg.TensorView]> = {
    name: 'uniforms',
    infer: () => ({ shape: [read.length], dtype: 'float32' }),
    reference() {},
  };
  const uniforms = {
    a: 1,
    b: [2.5, 3.5],
    c: -4,
    d: [5, 6, 7, 8],
    e: 0.25,
    f: [-9, 10, -11],
    g: 12,
    h: [13, 14, 15, 16, 17],
    i: [18, -19],
    j: [20, 21, 22, 23],
    k: 24,
  } as const;
  tg.defineLowering(op, (gpu, _, __, output) =>
    gpu.launch({ shader, outputs: [output], inputs: [], uniforms, workgroups: 1 }),
  );
  const expected = [
    ...[1, 2.5, 3.5, -4, 0.25, 12, 18, -19],
    ...[5, 13, 17, 6, 14, 0, 7, 15, 0, 8, 16, 0],
    ...[-9, 10, -11, 23, 24],
  ];
  assert.equal(await tg.apply(op, [row(0)], null).array(), expected);
  assert.throws(
    () => shader.uniforms.pack({ ...uniforms, j: [1, 2, 3, 4, 5] }),
    /^uniforms: j holds 4 numbers, got 5/,
  );
  // 68, and one that no compiler knows, padded to whole vec4s.
  assert.throws(
    () => tg.shader({ name: 'copy', wgsl }, { a: 'array<vec4u, 17>' }),
    /72 words are more than 64/,
  );
});

test.run();
