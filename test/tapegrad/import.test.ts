/* Runs on the fastest adapter. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeTorchFile, inferOptions, TracingDevice } from '@tapegrad/interchange';
import { decodeSafetensors, encodeSafetensors, type SafetensorsEntry } from '@tapegrad/nn';
import { Generator, referenceDevice, tensor } from '@tapegrad/tensor';
import { models, settingsOf } from '@tapegrad/vae';
import { strToU8, unzipSync, zipSync } from 'fflate';
import { openRun } from 'tapegrad/node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandNamed } from '../../packages/tapegrad/src/cli/commands.ts';
import { readConfigFile } from '../../packages/tapegrad/src/cli/config-file.ts';
import { optionsOf } from '../../packages/tapegrad/src/report/command.ts';
import { withChecksum } from '../../packages/tapegrad/src/run/checksum.ts';
import { readWeights } from '../../packages/tapegrad/src/run/import.ts';
import { runOnnx } from '../helpers/onnx.ts';
import { fewDigits, tapegrad, temporaryFolder, writeIdx } from '../helpers/runs.ts';

const root = temporaryFolder();
const at = (...names: string[]) => join(root, ...names);
const golden = (name: string) => fileURLToPath(new URL(`../interchange/golden/${name}`, import.meta.url));
/** What PyTorch says of the files that it wrote: see test/interchange/golden/make_pt.py. */
const pt = JSON.parse(readFileSync(golden('pt.json'), 'utf8'));
const torchFile = (name: string) => new Uint8Array(readFileSync(golden(name)));

// -------------------------------------------------------------------------------------------------- files of torch

test('torch.save: tensors of every kind and layout are read as PyTorch has them', () => {
  const tensors = decodeTorchFile(torchFile('tensors.pt'), 'model');
  assert.equal([...tensors.keys()], Object.keys(pt.tensors));
  for (const [name, { shape, data }] of tensors) {
    assert.equal(shape, pt.tensors[name].shape, name);
    assert.equal(Array.from(data as ArrayLike<number>, Number), pt.tensors[name].values, name);
  }
  assert.is(tensors.get('count')!.dtype, 'int64');
  assert.is(tensors.get('double')!.dtype, 'float64');
});

/** tensors.pt with some of its files exchanged. */
function altered(change: (files: Record<string, Uint8Array>) => void): Uint8Array {
  const files = unzipSync(torchFile('tensors.pt'));
  change(files);
  return zipSync(files, { level: 0 });
}
const pickled = (pickle: Uint8Array) => zipSync({ 'a/data.pkl': pickle });
const bytes = (...parts: (string | number)[]) =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...strToU8(part)])));

/** A file with the state_dict { w }, of one float32 1.5, or of what else the options say. */
function smallFile({
  type = 'FloatStorage',
  shape = [1] as readonly number[],
  strides = [1] as readonly number[],
  more = ['N'] as readonly (string | number)[],
}): Uint8Array {
  const text = (value: string) => bytes('X', value.length, 0, 0, 0, value);
  const counts = (list: readonly number[]) => bytes('(', ...list.flatMap((count) => ['K', count]), 't');
  const storage = ['((', ...text('storage'), `ctorch\n${type}\n`, ...text('0'), ...text('cpu'), 'K', 1, 'tQ'];
  const view = ['K', 0, ...counts(shape), ...counts(strides), 0x89, 'N', ...more];
  const pickle = ['}', ...text('w'), 'ctorch._utils\n_rebuild_tensor_v2\n', ...storage, ...view, 'tRs.'];
  return zipSync({ 'a/data.pkl': bytes(...pickle), 'a/data/0': new Uint8Array(Float32Array.of(1.5).buffer) });
}

test('torch.save: a view of one element as many, within reason', () => {
  assert.equal(decodeTorchFile(smallFile({})).get('w')!.data, Float32Array.of(1.5));
  const { shape, data } = decodeTorchFile(smallFile({ shape: [200, 100], strides: [0, 0] })).get('w')!;
  assert.equal(shape, [200, 100]);
  assert.equal(data, new Float32Array(20_000).fill(1.5));
});

const REFUSED: [what: string, file: Uint8Array, key: string | undefined, message: RegExp][] = [
  [
    'a checkpoint without its key',
    torchFile('tensors.pt'),
    undefined,
    /'epoch' is no tensor; name the key with the weights: 'model'$/,
  ],
  [
    'a key that is not there',
    torchFile('tensors.pt'),
    'ema',
    /no key 'ema'; it has 'epoch', 'loss', 'notes', 'model'/,
  ],
  ['a key of no dictionary', torchFile('tensors.pt'), 'notes', /not a dictionary/],
  ['half a file', torchFile('tensors.pt').subarray(0, 2000), 'model', /not a whole zip file .*truncated\?/],
  ['another zip', zipSync({ 'a.txt': strToU8('a') }), undefined, /not of torch.save: it holds no data.pkl/],
  ['an old format', bytes(0x80, 2, 0x8a, 10), undefined, /before 1\.6: load it there and save it again/],
  [
    'a program',
    pickled(bytes('cos\nsystem\n(X', 2, 0, 0, 0, 'lstR.')),
    undefined,
    /it holds os\.system, which is not read/,
  ],
  [
    'a program of protocol 4',
    pickled(bytes(0x80, 4, 0x8c, 2, 'os', 0x8c, 6, 'system', 0x93, ')R.')),
    undefined,
    /it holds os\.system, which/,
  ],
  ['a call of no function', pickled(bytes('K', 1, ')R.')), undefined, /calls what is no function/],
  ['an unknown opcode', pickled(bytes(0x80, 2, 'i')), undefined, /opcode 0x69/],
  [
    'a pickle that ends early',
    pickled(bytes(0x80, 2, 'X', 9, 0, 0, 0, 'ab')),
    undefined,
    /ends in the middle/,
  ],
  ['a pickle that takes too much', pickled(bytes(0x80, 2, 's.')), undefined, /takes what is not there/],
  [
    'a pickle that recalls too much',
    pickled(bytes('h', 3, '.')),
    undefined,
    /recalls what it has not stored/,
  ],
  [
    'a dictionary with items of its own',
    pickled(bytes('ccollections\nOrderedDict\n(]tR.')),
    undefined,
    /not made as PyTorch makes one/,
  ],
  [
    'a storage that is missing',
    altered((files) => delete files['tensors/data/3']),
    'model',
    /storage 3 is missing/,
  ],
  [
    'a storage that is too short',
    altered((files) => {
      files['tensors/data/0'] = files['tensors/data/0']!.subarray(4);
    }),
    'model',
    /a storage has 92 bytes, expected 96 for 24 values/,
  ],
  [
    'a view of one element as billions',
    smallFile({ shape: [255, 255, 255, 255], strides: [0, 0, 0, 0] }),
    undefined,
    /far larger than the file: save them as x\.contiguous\(\)/,
  ],
  [
    'a tensor of 65 axes',
    smallFile({ shape: Array(65).fill(1), strides: Array(65).fill(1) }),
    undefined,
    /not made as PyTorch makes one/,
  ],
  [
    'a view beyond its storage',
    smallFile({ shape: [2] }),
    undefined,
    /shape \[2\] reaches beyond its storage/,
  ],
  [
    'a tensor of complex numbers',
    smallFile({ type: 'ComplexFloatStorage' }),
    undefined,
    /'w' is a torch\.ComplexFloatStorage, which is not read/,
  ],
  [
    'a negated view',
    smallFile({ more: ['}X', 3, 0, 0, 0, 'neg', 0x88, 's'] }),
    undefined,
    /as the negative .* of another/,
  ],
  [
    'a file twice',
    // The names of two entries are made one, in the local header and in the directory.
    Uint8Array.from(
      [...zipSync({ 'a/data.pkl': bytes('}.'), 'b/data.pkl': bytes('}.') }, { level: 0 })].map(
        (byte, i, zip) => (byte === 98 && zip[i + 1] === 47 ? 97 : byte),
      ),
    ),
    undefined,
    /two entries a\/data\.pkl/,
  ],
  ...[
    // Of the end of the directory, 22 bytes: the number of entries; of the only entry, 46 and its name: the sizes.
    [12, 2],
    [22 + 46 + 'a/data.pkl'.length - 20, 8],
  ].map(([fromEnd, length]): (typeof REFUSED)[number] => {
    const file = pickled(bytes('}.'));
    const at = file.length - fromEnd!;
    return [
      `zip64 that shows at byte ${at}`,
      file.fill(0xff, at, at + length!),
      undefined,
      /^a zip64 file \(/,
    ];
  }),
  [
    'big-endian numbers',
    altered((files) => (files['tensors/byteorder'] = strToU8('big'))),
    'model',
    /big-endian/,
  ],
];
for (const [what, file, key, message] of REFUSED) {
  test(`torch.save: ${what} is refused`, () => {
    assert.throws(
      () => decodeTorchFile(file, key),
      (error: Error) => message.test(error.message) && !error.message.includes('\n'),
    );
  });
}

// ------------------------------------------------------------------------------------------------ options from shapes

const IMAGE = [1, 28, 28] as const;
const shapesOf = (spec: Parameters<typeof inferOptions>[0], options: object) => {
  const generator = new Generator(0, { device: new TracingDevice() });
  const state = spec.build(IMAGE, settingsOf(spec, options), generator).stateDict();
  return new Map([...state].map(([name, { shape }]) => [name, shape]));
};

for (const spec of models.values()) {
  test(`${spec.name}: sizes and structure are told by the weights' shapes`, () => {
    const unusual = { latent: 3, hidden: 17, codes: 9, levels: 3, network: 'mlp', likelihood: 'sigma' };
    const taken = Object.fromEntries(Object.entries(unusual).filter(([name]) => name in spec.defaults));
    const shapes = shapesOf(spec, taken);
    const found = inferOptions(spec, IMAGE, shapes, {});
    assert.equal(shapesOf(spec, found), shapes);
    for (const name of ['latent', 'codes', 'levels', 'network'] as const) {
      if (name in taken && name in found) assert.is(found[name], taken[name], name);
    }
    if ('latent' in taken) assert.is(found.latent, 3);
  });
}

// ----------------------------------------------------------------------------------------------------- the command

const few = fewDigits(200, 40);
const digits = writeIdx(at('digits'), few);
const worst = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
const ADAPTER = ['--adapter', process.env.TAPEGRAD_ADAPTER ?? 'auto'];

test('PyTorch weights become a run that computes what PyTorch computes', async () => {
  const { code, stdout, stderr } = await tapegrad([
    'import',
    'vae-mlp',
    golden('vae-mlp.pt'),
    '--out',
    at('torch'),
  ]);
  assert.is(code, 0, stderr);
  assert.is(stdout, `${at('torch')}\n`);
  assert.match(stderr, /vae-mlp: 3,948 parameters, --latent 3 --hidden 2 --likelihood bernoulli/);
  const { config, model } = openRun(at('torch'), referenceDevice);
  assert.equal([config.latent, config.hidden, config.parameters], [3, 2, 3948]);
  const ramp = Float32Array.from({ length: 784 }, (_, i) => i / 783);
  const x = tensor(ramp, { shape: [1, 1, 28, 28], device: referenceDevice });
  const { mean } = model.encode(x);
  const logits = model.decode(mean);
  const near = (found: ArrayLike<number>, wanted: number[]) => {
    for (const [i, value] of wanted.entries()) {
      assert.ok(Math.abs(found[i]! - value) < 1e-5, `${found[i]} against ${value}`);
    }
  };
  near(await mean.data(), pt.vaeMlp.mean);
  near(await logits.data(), pt.vaeMlp.logits);
});

for (const prefix of ['module.', '_orig_mod.', 'module.model.', 'net.']) {
  test(`weights whose names all begin with ${prefix} fit without it`, async () => {
    const { tensors } = decodeSafetensors(encodeSafetensors(decodeTorchFile(torchFile('vae-mlp.pt'))));
    const renamed = new Map([...tensors].map(([name, tensor]) => [prefix + name, tensor]));
    const out = at(`prefix-${prefix}`);
    writeFileSync(at('prefixed.safetensors'), encodeSafetensors(renamed));
    const args = ['import', 'vae-mlp', at('prefixed.safetensors'), '--data', digits, '--out', out];
    const { code, stderr } = await tapegrad(args);
    assert.is(code, 0, stderr);
    assert.ok(stderr.includes(`all names begin with ${prefix} (left out)`), stderr);
    assert.equal([openRun(out, referenceDevice).config.latent], [3]);
  });
}

test('what lies beside the weights is not read, and not in their way', () => {
  const weights = decodeTorchFile(torchFile('namespace.pt'), 'state_dict');
  assert.equal([...weights.keys()], ['module.a', 'module.b']);
  assert.equal([...weights.get('module.b')!.data], [0, 1, 2, 3, 4, 5]);
  assert.throws(
    () => decodeTorchFile(torchFile('namespace.pt')),
    /'args' is a argparse\.Namespace, which is not read; name the key with the weights: 'state_dict'/,
  );
  assert.throws(() => decodeTorchFile(torchFile('namespace.pt'), 'args'), /it holds argparse\.Namespace/);
});

test('a flipped byte in a zip directory that says nothing of the content is read past, at once', () => {
  const start = performance.now();
  for (const name of ['whole.pt', 'one-flipped-byte.pt'])
    assert.throws(() => decodeTorchFile(torchFile(name)), /'meta' is no tensor; name the key/);
  assert.ok(performance.now() - start < 1000);
});

test('what is exported computes the same in another runtime; imported again, it draws the same pictures and has the same metrics', async () => {
  const small = ['--data', digits, '--hidden', '8', '--latent', '3', '--batch-size', '64', '--epochs', '1'];
  const steps = [
    ['train', 'vae-mlp', ...small, ...ADAPTER, '--no-tensorboard', '--out', at('run')],
    ['export', at('run')],
    ['import', 'vae-mlp', at('run/export/model.safetensors'), '--data', digits, '--out', at('again')],
    ['reconstruct', at('run'), ...ADAPTER],
    ['reconstruct', at('again'), ...ADAPTER],
  ];
  for (const step of steps) {
    const { code, stderr } = await tapegrad(step);
    assert.is(code, 0, stderr);
  }
  const [a, b] = ['run', 'again'].map((run) => readFileSync(at(run, 'images/reconstructions.png')));
  assert.ok(a!.equals(b!));
  const tensors = ['run', 'again'].map(
    (run) => decodeSafetensors(readFileSync(at(run, 'weights.safetensors'))).tensors,
  );
  assert.equal(tensors[0], tensors[1]);
  const metrics = await Promise.all(
    ['run', 'again'].map((run) => tapegrad(['evaluate', at(run), '--json', ...ADAPTER])),
  );
  const [first, second] = metrics.map(({ stdout }) => JSON.parse(stdout).test);
  assert.equal(first, second);
  const { model } = openRun(at('run'), referenceDevice);
  const pixels = Float32Array.from(few.test.images, (byte) => byte / 255);
  const shape = [few.test.count, 1, 28, 28];
  const { mean } = model.encode(tensor(pixels, { shape, device: referenceDevice }));
  const onnx = async (half: string, name: string, values: Float32Array, extents: readonly number[]) =>
    runOnnx(readFileSync(at('run/export', `${half}.onnx`)), { name, values, shape: extents });
  const codes = (await onnx('encoder', 'x', pixels, shape)).get('mean')!;
  assert.ok(worst(codes.values, await mean.data()) < 1e-4);
  const decoded = (await onnx('decoder', 'z', codes.values, codes.shape)).get('pixels')!;
  assert.ok(worst(decoded.values, await model.pixels(model.decode(mean)).data()) < 1e-4);
  const resumed = await tapegrad(['train', '--resume', at('again'), ...ADAPTER]);
  assert.match(resumed.stderr, /nothing to resume: it has no state.safetensors/);
  // Where they came from is no option: neither for a training with their options, nor in the report.
  const file = readConfigFile(at('again'), undefined, {});
  assert.equal([file.model, file.options.latent, file.options.imported], ['vae-mlp', 3, undefined]);
  assert.is(file.adapter, undefined);
  const { config, spec } = openRun(at('again'), referenceDevice);
  assert.not(optionsOf(config, spec).some(({ flag }) => flag === 'imported'));
});

const good = () => decodeTorchFile(torchFile('vae-mlp.pt'));

test("a run's weights are read by their checksum; what other files call one is theirs", () => {
  const write = (name: string, file: Uint8Array, flips = 0) => {
    const flipped = Uint8Array.from(file);
    flipped[file.length - 1]! ^= flips;
    writeFileSync(at(name), flipped);
    return at(name);
  };
  const weights = good();
  const ours = withChecksum(weights, { format: 'pt', model: 'vae-mlp' });
  assert.equal([...readWeights(write('ours', ours)).tensors.keys()].sort(), [...weights.keys()].sort());
  assert.throws(
    () => readWeights(write('flipped', ours, 1)),
    /flipped: cannot be read as weights: it was changed after it was written: its checksum is another/,
  );
  const theirs = encodeSafetensors(weights, { format: 'pt', checksum: 'of something else' });
  assert.is(readWeights(write('theirs', theirs, 1)).tensors.size, weights.size);
});

function weightsFile(name: string, change: (tensors: Map<string, SafetensorsEntry>) => void): string {
  const tensors = good();
  change(tensors);
  writeFileSync(at(name), encodeSafetensors(tensors));
  return at(name);
}
const entry = (shape: number[], value = 0): SafetensorsEntry => ({
  dtype: 'float32',
  shape,
  data: new Float32Array(shape.reduce((product, extent) => product * extent, 1)).fill(value),
});
writeFileSync(at('notes.txt'), 'no weights at all');

const BAD: [what: string, args: string[], message: RegExp][] = [
  ['no --out', ['vae-mlp', golden('vae-mlp.pt')], /required option '--out <dir>' not specified/],
  [
    'an unknown model',
    ['vae-mpl', golden('vae-mlp.pt')],
    /no model is named 'vae-mpl'; did you mean 'vae-mlp'\?/,
  ],
  ['a file that is not there', ['vae-mlp', at('none.pt')], /none\.pt: cannot read it: no such file/],
  [
    'a file of something else',
    ['vae-mlp', at('notes.txt')],
    /notes\.txt: cannot be read as weights: safetensors: /,
  ],
  [
    '--key for safetensors',
    ['vae-mlp', weightsFile('keyed.safetensors', () => {}), '--key', 'model'],
    /--key is for files written by torch.save/,
  ],
  [
    'weights of another model',
    ['ae', golden('vae-mlp.pt')],
    /not the weights of ae for images of 1x28x28: \d+ missing \(.*; and \d+ more\); 10 unexpected \(fc1\.weight \[2, 784\]; .*; and 6 more\)$/,
  ],
  [
    'names and shapes that do not fit',
    [
      'vae-mlp',
      weightsFile('names.safetensors', (tensors) => {
        tensors.delete('fc3.bias');
        tensors.set('fc5.bias', entry([4]));
        tensors.set('fc4.bias', entry([783]));
      }),
    ],
    /not the weights of vae-mlp for images of 1x28x28: 1 missing \(fc3\.bias \[2\]\); 1 unexpected \(fc5\.bias \[4\]\); 1 of another shape \(fc4\.bias is \[783\], expected \[784\]\)$/,
  ],
  [
    "a size that is not the weights'",
    ['vae-mlp', golden('vae-mlp.pt'), '--latent', '4'],
    /fc21\.weight is \[3, 2\], expected \[4, 2\]/,
  ],
  ['an option of another model', ['ae', golden('vae-mlp.pt'), '--beta', '2'], /ae has no --beta/],
  [
    'a weight that is no number',
    ['vae-mlp', weightsFile('nan.safetensors', (tensors) => tensors.set('fc3.bias', entry([2], Number.NaN)))],
    /fc3\.bias \[2\] is not finite: NaN at element 0/,
  ],
];
for (const [what, args, message] of BAD) {
  test(`bad input: ${what}`, async () => {
    const out = what === 'no --out' ? [] : ['--out', at('never')];
    const command = (await commandNamed('import')).exitOverride().configureOutput({ outputError: () => {} });
    const error: Error = await command.parseAsync([...args, '--data', digits, ...out], { from: 'user' }).then(
      () => assert.unreachable('it was imported'),
      (reason) => reason,
    );
    assert.match(error.message, message);
    assert.not.match(error.message, /\n/);
    assert.not(existsSync(at('never')));
  });
}

test.run();
