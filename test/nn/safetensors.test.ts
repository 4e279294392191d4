/* Runs without an adapter. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors, type SafetensorsEntry } from '@tapegrad/nn';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/** One tensor of every kind that can be written, a scalar and an empty one among them. */
const sample = (): Map<string, SafetensorsEntry> =>
  new Map<string, SafetensorsEntry>([
    ['bytes', { dtype: 'uint8', shape: [5], data: Uint8Array.of(0, 1, 127, 128, 255) }],
    [
      'encoder.0.weight',
      { dtype: 'float32', shape: [2, 3], data: Float32Array.of(0.1, -2, 3e38, -0, 5, 6e-45) },
    ],
    ['step', { dtype: 'uint32', shape: [], data: Uint32Array.of(4_000_000_000) }],
    ['empty', { dtype: 'float32', shape: [0, 7], data: new Float32Array(0) }],
    ['indices', { dtype: 'int32', shape: [3], data: Int32Array.of(-1, 0, 2 ** 31 - 1) }],
    ['exact', { dtype: 'float64', shape: [2], data: Float64Array.of(Math.PI, Number.NaN) }],
    ['counter', { dtype: 'int64', shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 53n + 1n) }],
    ['short', { dtype: 'int16', shape: [1], data: Int16Array.of(-32768) }],
  ]);

/** A file made by hand, so that the reader is tested with what the writer would never write. */
function file(header: unknown, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

test('safetensors: every dtype survives the round trip', () => {
  const written = sample();
  const texts = JSON.parse('{"model":"väe","epoch":"3","__proto__":"as any other"}');
  const { tensors, metadata } = decodeSafetensors(encodeSafetensors(written, texts));
  assert.equal(Object.entries(metadata), Object.entries(texts));
  assert.is(tensors.size, written.size);
  for (const [name, entry] of written) {
    const read = tensors.get(name)!;
    assert.is(read.dtype, entry.dtype, name);
    assert.equal(read.shape, entry.shape, name);
    assert.is(read.data.constructor, entry.data.constructor, name);
    assert.ok(
      [...read.data].every((value, i) => Object.is(value, entry.data[i])),
      name,
    );
  }
});

test('safetensors: the layout is what the reference reader insists on', () => {
  const bytes = encodeSafetensors(sample());
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  assert.is(length % 8, 0);
  const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  assert.is(text[0], '{');
  assert.match(text, /\} *$/);
  const spans = Object.values(JSON.parse(text) as Record<string, { dtype: string; data_offsets: number[] }>);
  spans.sort((a, b) => a.data_offsets[0]! - b.data_offsets[0]! || a.data_offsets[1]! - b.data_offsets[1]!);
  let end = 0;
  for (const { dtype, data_offsets: offsets } of spans) {
    assert.is(offsets[0], end);
    const size = Number(dtype.slice(1)) / 8;
    assert.is(offsets[0]! % size, 0, `${dtype} is aligned`);
    end = offsets[1]!;
  }
  assert.is(8 + length + end, bytes.length);
});

test('safetensors: the same tensors give the same bytes', () => {
  assert.equal(encodeSafetensors(sample(), { a: 'b' }), encodeSafetensors(sample(), { a: 'b' }));
});

test('safetensors: no tensors at all is a file too', () => {
  const { tensors, metadata } = decodeSafetensors(encodeSafetensors(new Map()));
  assert.is(tensors.size, 0);
  assert.equal(metadata, {});
});

test('safetensors: float64 values are stored as the dtype says', () => {
  const data = Float64Array.of(0.1, 1e-60, 7);
  const { tensors } = decodeSafetensors(
    encodeSafetensors(new Map([['w', { dtype: 'float32', shape: [3], data }]])),
  );
  assert.equal(tensors.get('w')!.data, Float32Array.from(data));
});

test('safetensors: a view into a larger buffer, read from an odd position', () => {
  const whole = Float32Array.of(9, 1, 2, 3, 9);
  const bytes = encodeSafetensors(
    new Map([['w', { dtype: 'float32', shape: [3], data: whole.subarray(1, 4) }]]),
  );
  const shifted = Buffer.concat([Buffer.of(0xff, 0xff, 0xff), bytes]).subarray(3);
  assert.equal(decodeSafetensors(shifted).tensors.get('w')!.data, Float32Array.of(1, 2, 3));
});

test('safetensors: half precision is read as float32', () => {
  const half = [0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x8000, 0x7c00, 0xfc00, 0x7e00, 0x3555];
  const expected = [1, -2, 65504, 2 ** -24, 2 ** -14, -0, Infinity, -Infinity, NaN, 0.333251953125];
  const brain = [0x3f80, 0xc049, 0x7f80, 0x0000];
  const data = new Uint8Array(Uint16Array.from([...half, ...brain]).buffer);
  const { tensors } = decodeSafetensors(
    file(
      {
        half: { dtype: 'F16', shape: [10], data_offsets: [0, 20] },
        brain: { dtype: 'BF16', shape: [2, 2], data_offsets: [20, 28] },
      },
      data,
    ),
  );
  assert.equal([...tensors.get('half')!.data], expected);
  assert.equal([...tensors.get('brain')!.data], [1, -3.140625, Infinity, 0]);
  assert.is(tensors.get('brain')!.dtype, 'float32');
});

const one = { dtype: 'F32', shape: [1], data_offsets: [0, 4] };
const four = new Uint8Array(4);
const whole = encodeSafetensors(sample());
const broken: [string, Uint8Array, RegExp][] = [
  ['empty file', new Uint8Array(0), /0 bytes.*truncated/],
  ['shorter than its header', whole.subarray(0, 40), /header takes \d+ bytes, but 32 follow: truncated/],
  ['last byte missing', whole.subarray(0, whole.length - 1), /ends at byte \d+ .* truncated/],
  ['bytes after the last tensor', new Uint8Array([...whole, 0]), /1 bytes after the last tensor/],
  ['absurd header length', new Uint8Array(16).fill(0xff), /header of \d+ bytes: not a safetensors file/],
  ['not JSON', file('{"a": '), /not valid JSON/],
  ['not UTF-8', new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, 0xc3, 0x28]), /not valid JSON/],
  ['an array', file('[1]'), /not a JSON object/],
  ['entry of another kind', file({ a: 3 }), /a is not described by an object/],
  ['unknown dtype', file({ a: { ...one, dtype: 'F8' } }, four), /a has dtype "F8"; known are F64, F32/],
  ['inherited dtype', file({ a: { ...one, dtype: 'toString' } }, four), /a has dtype "toString"/],
  ['negative extent', file({ a: { ...one, shape: [-1] } }, four), /a has a broken shape: \[-1\]/],
  ['no shape', file({ a: { ...one, shape: undefined } }, four), /a has a broken shape/],
  ['reversed offsets', file({ a: { ...one, data_offsets: [4, 0] } }, four), /a has broken offsets/],
  [
    'shape against bytes',
    file({ a: { ...one, shape: [2] } }, four),
    /F32 of shape \[2\] takes 8 bytes.*give 4/,
  ],
  ['out of range', file({ a: { ...one, data_offsets: [4, 8] } }, four), /a ends at byte 8.*has 4/],
  ['overlap', file({ a: one, b: one }, four), /b starts at byte 0 of the data, expected 4/],
  ['gap', file({ a: { ...one, data_offsets: [4, 8] } }, new Uint8Array(8)), /a starts at byte 4.*expected 0/],
  [
    'a tensor twice',
    file('{"a":ONE,"\\u0061":ONE}'.replaceAll('ONE', JSON.stringify(one)), four),
    /header has a twice/,
  ],
  [
    'a shape twice',
    file(`{"a:{":${JSON.stringify(one).replace('{', '{"shape":[],')}}`, four),
    /has shape twice/,
  ],
  ['a byte order mark', file('\ufeff{}'), /not valid JSON/],
  ['metadata of numbers', file({ __metadata__: { a: 1 } }), /__metadata__ must map strings/],
];
for (const [name, bytes, message] of broken) {
  test(`safetensors: refuses: ${name}`, () => {
    assert.throws(
      () => decodeSafetensors(bytes),
      (error: Error) =>
        message.test(error.message) &&
        error.message.startsWith('safetensors: ') &&
        !error.message.includes('\n'),
    );
  });
}

test('safetensors: refuses to write what could not be read', () => {
  const encode = (name: string, entry: SafetensorsEntry) => () => encodeSafetensors(new Map([[name, entry]]));
  const data = new Float32Array(3);
  assert.throws(
    encode('w', { dtype: 'float32', shape: [2, 2], data }),
    /w: 3 values do not fill shape \[2, 2\]/,
  );
  assert.throws(encode('__metadata__', { dtype: 'float32', shape: [3], data }), /cannot be named/);
  assert.throws(encode('w', { dtype: 'int64', shape: [3], data }), /Float32Array does not convert to int64/);
  assert.throws(
    encode('w', { dtype: 'float16' as 'float32', shape: [3], data }),
    /cannot write dtype float16/,
  );
});

// An independent reader, from the format's description alone. It checks what PyTorch's own reader checks.
const reader = `
import json, struct, sys
import numpy
types = {'F64': '<f8', 'F32': '<f4', 'I64': '<i8', 'I32': '<i4', 'U32': '<u4', 'I16': '<i2', 'U8': 'u1'}
data = open(sys.argv[1], 'rb').read()
length, = struct.unpack('<Q', data[:8])
header, body = json.loads(data[8:8 + length].decode()), data[8 + length:]
result, end = {'metadata': header.pop('__metadata__', {})}, 0
for name, entry in sorted(header.items(), key=lambda item: item[1]['data_offsets']):
    start, stop = entry['data_offsets']
    assert start == end, name
    end = stop
    values = numpy.frombuffer(body[start:stop], types[entry['dtype']]).reshape(entry['shape'])
    result[name] = [str(values.dtype), list(values.shape), [repr(v) for v in values.ravel().tolist()]]
assert end == len(body)
print(json.dumps(result))
`;
const python = spawnSync('/usr/bin/python3', ['-c', 'import numpy']).status === 0;
(python ? test : test.skip)('safetensors: Python and numpy read the same values', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapegrad-'));
  try {
    const path = join(folder, 'sample.safetensors');
    writeFileSync(path, encodeSafetensors(sample(), { model: 'vae' }));
    const { status, stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', reader, path], {
      encoding: 'utf8',
    });
    assert.is(status, 0, stderr);
    const read = JSON.parse(stdout) as Record<string, [string, number[], string[]]>;
    assert.equal(read.metadata, { model: 'vae' });
    for (const [name, { dtype, shape, data }] of sample()) {
      assert.equal(read[name]!.slice(0, 2), [dtype, shape], name);
      const values = read[name]![2].map((text) =>
        typeof data[0] === 'bigint' ? BigInt(text) : text === 'nan' ? Number.NaN : Number(text),
      );
      assert.equal(values, [...data], name);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
