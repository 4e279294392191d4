/* Runs on the fastest adapter, for long. */

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDevice } from '@tapegrad/node';
import type { WebGPUDevice } from '@tapegrad/tensor';
import { models } from '@tapegrad/vae';
import { chromeTrace, profileTable } from 'tapegrad/node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compare } from '../../bench/compare.ts';
import { countContraction } from '../../bench/kernels/case.ts';
import { contractionsOf } from '../../bench/kernels/layers.ts';
import { parseOptions } from '../../bench/options.ts';
import { permuted, turned } from '../../bench/peers/layout.ts';
import type { Results } from '../../bench/results.ts';
import { readResults } from '../../bench/results-file.ts';
import { boundOf, leastTime, type Roof } from '../../bench/roofline.ts';
import { quantile, timingOf } from '../../bench/timing.ts';
import { trainingStep } from '../../bench/training.ts';
import { profiler } from '../../packages/tapegrad/src/cli/profile.ts';
import { fewDigits, tapegrad, temporaryFolder, writeIdx } from '../helpers/runs.ts';

const adapter = process.env.TAPEGRAD_ADAPTER ?? 'auto';
const root = temporaryFolder();
const at = (name: string) => join(root, name);

const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

/** Runs the suite as `npm run bench -- …` does. */
function bench(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', main, ...args]);
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (text) => {
      output.stdout += text;
    });
    child.stderr.on('data', (text) => {
      output.stderr += text;
    });
    child.on('close', (code) => resolve({ code, ...output }));
  });
}

// ------------------------------------------------------------------------------------------------ what is computed

test('quantiles interpolate', () => {
  assert.is(quantile([3, 1, 2], 0.5), 2);
  assert.is(quantile([4, 1, 2, 3], 0.5), 2.5);
  assert.is(quantile([0, 10], 0.25), 2.5);
});

test('the roof is the slower of the two, by arithmetic intensity', () => {
  const roof = (rate: number): Roof => ({ probe: '', rate, ms: timingOf([1]) });
  const roofs = { bandwidth: roof(10), kernelBandwidth: roof(10), compute: roof(100) };
  // 10 GB/s move 1e7 bytes in 1 ms; 100 GFLOP/s do 1e8 operations in 1 ms.
  assert.is(leastTime(roofs, 5e7, 1e7), 1);
  assert.is(boundOf(roofs, 5e7, 1e7), 'memory');
  assert.is(leastTime(roofs, 4e8, 1e7), 4);
  assert.is(boundOf(roofs, 4e8, 1e7), 'compute');
});

test('a convolution and its two gradients count the same operations', () => {
  // [2, 3, 8, 8] with [5, 3, 4, 4], stride 2, padding 1: 2·2·5·4·4 outputs of 48 multiply-adds.
  const attributes = { stride: [2, 2], padding: [1, 1], dilation: [1, 1] } as const;
  const [x, w, y] = [
    [2, 3, 8, 8],
    [5, 3, 4, 4],
    [2, 5, 4, 4],
  ];
  const flops = 2 * (2 * 5 * 4 * 4) * (3 * 4 * 4);
  assert.equal(countContraction({ op: 'conv2d', shapes: [x!, w!], attributes }), { flops, output: y });
  assert.equal(
    countContraction({
      op: 'conv2dInputGradient',
      shapes: [y!, w!],
      attributes: { ...attributes, size: [8, 8] },
    }),
    { flops, output: x },
  );
  assert.equal(
    countContraction({
      op: 'conv2dWeightGradient',
      shapes: [x!, y!],
      attributes: { ...attributes, size: [4, 4] },
    }),
    { flops, output: w },
  );
  const transposed = { transposeA: true, transposeB: false };
  assert.equal(
    countContraction({
      op: 'matmul',
      shapes: [
        [7, 2, 3],
        [2, 5],
      ],
      attributes: transposed,
    }),
    { flops: 2 * 7 * 3 * 5 * 2, output: [7, 3, 5] },
  );
});

test('the contractions found in the models are those that their captured steps launch', async () => {
  const nothing = await openDevice('gpu', { nullBackend: true });
  for (const name of ['ae', 'vae-mlp']) {
    const spec = models.get(name)!;
    const found = contractionsOf(spec, nothing).reduce((sum, call) => sum + countContraction(call).flops, 0);
    const step = trainingStep(spec, nothing, false);
    step.captured();
    const launched = step.captured.programs[0]!.dispatches.reduce(
      (sum, { launch }) => sum + (launch.flops ?? 0),
      0,
    );
    assert.is(found, launched, name);
    step.captured.dispose();
  }
  nothing.destroy();
});

test("weights find their places in the peers' layouts", () => {
  const array = { shape: [1, 2, 1, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
  const moved = permuted(array, [3, 0, 2, 1]);
  assert.equal(moved.shape, [3, 1, 1, 2]);
  assert.equal([...moved.data], [1, 4, 2, 5, 3, 6]);
  assert.equal([...turned(array).data], [3, 2, 1, 6, 5, 4]);
});

// ---------------------------------------------------------------------------------------------------- comparisons

const timing = (...samples: number[]) => timingOf(samples);
const resultsOf = (kernels: Record<string, ReturnType<typeof timing>>) =>
  ({
    format: 'tapegrad-bench',
    version: 1,
    adapter: { name: 'none', driver: '', kind: 'gpu' },
    kernels: Object.entries(kernels).map(([id, ms]) => ({ id, ms })),
    steps: [],
    host: [],
  }) as unknown as Results;

test('compare: only what leaves the range of the samples, and by more than 5 %, has changed', () => {
  const before = resultsOf({
    steady: timing(1, 1.01, 1.02),
    noisy: timing(1, 2, 3),
    slower: timing(1, 1.1, 1.2),
    faster: timing(10, 11, 12),
    gone: timing(1),
  });
  const after = resultsOf({
    steady: timing(1.04, 1.05, 1.06), // apart, but by less than 5 %
    noisy: timing(2, 2.9, 4), // by half, but within what it spread before
    slower: timing(2, 2.2, 2.4),
    faster: timing(5, 5.5, 6),
    fresh: timing(1),
  });
  const { slower, faster, same, unmatched } = compare(before, after);
  assert.equal(
    slower.map(({ id, ratio }) => [id, ratio.toFixed(2)]),
    [['slower', '2.00']],
  );
  assert.equal(
    faster.map(({ id, ratio }) => [id, ratio.toFixed(2)]),
    [['faster', '0.50']],
  );
  assert.is(same, 2);
  assert.is(unmatched, 2);
});

test('compare: a file that is none is refused in one line, before anything is measured', async () => {
  const file = (name: string, content: string) => {
    writeFileSync(at(name), content);
    return at(name);
  };
  const whole = JSON.stringify(resultsOf({ one: timing(1, 2) }));
  const bad: [file: string, message: RegExp][] = [
    [at('nowhere.json'), /^--compare .*nowhere\.json: cannot be read: .*; name a file that --json wrote$/],
    [file('half.json', whole.slice(0, -20)), /: is not JSON, or not whole; /],
    [file('foreign.json', '{"results": []}'), /: is no result of this suite; /],
    [file('null.json', 'null'), /: is no result of this suite; /],
    [file('old.json', whole.replace('"version":1', '"version":0')), /: has version 0 of the format, /],
    [file('empty.json', whole.replace(/"kernels":\[.*?\]\}?\}?\],/, '')), /: is damaged /],
    [file('hurt.json', whole.replace('"median":1.5', '"median":null')), /: is damaged \(one\); /],
  ];
  for (const [path, message] of bad) {
    assert.throws(
      () => readResults(path),
      (error: Error) => message.test(error.message) && !error.message.includes('\n'),
      path,
    );
  }
  assert.is(readResults(file('whole.json', whole)).kernels.length, 1);
  const { code, stdout, stderr } = await bench('--compare', at('half.json'), '--adapter', adapter);
  assert.is(code, 2);
  assert.is(stdout, '');
  assert.match(
    stderr,
    /^bench: --compare .*half\.json: is not JSON, or not whole; name a file that --json wrote\n$/,
  );
});

test('options that cannot be are refused in one line', () => {
  const bad: [args: string[], message: RegExp][] = [
    [['--rouns', '3'], /^Unknown option '--rouns'; --help lists what there is$/],
    [['--rounds', '0.5'], /^--rounds 0\.5: has to be a whole number, 1 or more$/],
    [['--as', 'cuda'], /^--as cuda: has to be gpu, lavapipe, swiftshader$/],
    [['--longest', 'x'], /^--longest x: has to be a number above 0$/],
    [
      ['--json', at('no/such/file.json')],
      /^--json .*: the folder .* does not exist or cannot be written to$/,
    ],
    [['--html', root], /^--html .*: is a folder; name a file$/],
  ];
  for (const [args, message] of bad) {
    assert.throws(
      () => parseOptions(args),
      (error: Error) => message.test(error.message),
      args.join(' '),
    );
  }
  const { filters, effort } = parseOptions(['MatMul', '--quick', '--rounds', '2']);
  assert.equal(filters, ['matmul']);
  assert.is(effort.rounds, 2);
});

// ---------------------------------------------------------------------------------------------------- the suite runs

test("what a step costs the host as a GPU's program takes no adapter", async () => {
  const json = at('host.json');
  const ran = await bench(
    'host/vae-mlp',
    '--as',
    'gpu',
    '--quick',
    '--json',
    json,
    '--html',
    at('host.html'),
  );
  assert.is(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /^adapter: none \(null backend\)/);
  assert.not.match(ran.stdout, /roofs:/);
  const { host, adapter, roofs } = readResults(json);
  assert.equal([adapter.name, adapter.kind, roofs], ['null', 'gpu', undefined]);
  const [{ launches, chain }] = host as [(typeof host)[0]];
  assert.match(ran.stdout, new RegExp(`host/vae-mlp .* ${launches} +${chain} `));
  assert.ok(chain > 10 && chain <= launches, `${chain} of ${launches}`);
  assert.not.match(readFileSync(at('host.html'), 'utf8'), /NaN|undefined|Infinity/);
});

test('a quick run measures, writes both files whole, and is compared', async () => {
  const [json, html] = [at('results.json'), at('page.html')];
  const rows = ['matmul/3x1021x509', 'loss/crossEntropyLoss 512x10', 'steps/vae-mlp', 'host/vae-mlp'];
  const quick = ['--quick', '--adapter', adapter];
  const first = await bench(...rows, ...quick, '--json', json, '--html', html);
  assert.is(first.code, 0, first.stderr);
  const results = readResults(json);
  const [product, loss] = results.kernels;
  assert.is(product!.id, 'matmul/3x1021x509');
  assert.is(product!.flops, 2 * 3 * 1021 * 509);
  assert.is(product!.bytes, 4 * (3 * 509 + 509 * 1021 + 3 * 1021));
  assert.ok(Math.abs(product!.gflops * product!.ms.median * 1e6 - product!.flops) < 1);
  assert.is(product!.roof, leastTime(results.roofs!, product!.flops, product!.bytes) / product!.ms.median);
  assert.is(loss!.id, 'loss/crossEntropyLoss 512x10');
  const [step] = results.steps;
  assert.is(step!.id, 'steps/vae-mlp');
  assert.ok(step!.captured.launches > 0 && step!.captured.launches <= step!.eager.launches);
  assert.ok(step!.plannedBytes >= step!.liveSetBytes && step!.liveSetBytes > 0);
  assert.is(results.host[0]!.launches, step!.captured.launches);
  for (const text of ['roofs:', 'matmul/3x1021x509', 'steps/vae-mlp, batch 16, captured', 'host/vae-mlp'])
    assert.ok(first.stdout.includes(text), `${text} in ${first.stdout}`);

  const page = readFileSync(html, 'utf8');
  assert.ok(page.startsWith('<!doctype html>') && page.trimEnd().endsWith('</html>'));
  assert.match(page, /<svg[\s\S]*<title>matmul\/3x1021x509: /);
  assert.not.match(page, /(src|href)=|@import|url\(/);
  assert.not.match(page, /NaN|undefined|Infinity/);

  // The same row, claimed to have taken a thousandth of the time, and one of another machine.
  const claim = (change: (text: string) => string) => {
    writeFileSync(at('claim.json'), change(readFileSync(json, 'utf8')));
    return at('claim.json');
  };
  const { median } = product!.ms;
  const faster = claim((text) => {
    const results = JSON.parse(text);
    results.kernels[0].ms = timingOf([median / 1000, median / 1001]);
    return JSON.stringify(results);
  });
  const second = await bench('matmul/3x1021x509', ...quick, '--compare', faster);
  assert.is(second.code, 1, second.stderr);
  assert.match(second.stdout, /1 slower, 0 faster/);
  assert.match(second.stdout, /slower [\d.]+x: matmul\/3x1021x509, /);
  const other = claim((text) =>
    text.replace(/"adapter": \{\s*"name": "[^"]*"/, '"adapter": {"name": "another"'),
  );
  const third = await bench('matmul/3x1021x509', ...quick, '--compare', other);
  assert.is(third.code, 2);
  assert.match(third.stderr, /was measured on another, and this is .*: name the adapter/);
  assert.is(third.stdout, '');
});

test('peers do the same work', async () => {
  const json = at('peers.json');
  const ended = await bench('peers/matmul', '--peers', '--quick', '--adapter', adapter, '--json', json);
  assert.is(ended.code, 0, ended.stderr);
  const [row] = readResults(json).peers;
  assert.is(row!.id, 'peers/matmul 64x64x64');
  const names = row!.placements.map(({ peer }) => peer);
  assert.equal(names.slice(0, 3), ['tapegrad', 'jax-js (WebGPU)', 'TensorFlow.js (WebGPU)'], ended.stdout);
  assert.ok(
    row!.placements.every(({ agrees }) => agrees),
    ended.stdout,
  );
  assert.ok(names.length + row!.absent.length >= 4, 'PyTorch takes part, or it is said why not');
});

// --------------------------------------------------------------------------------------------------------- profiles

const launch = (op: string, nanoseconds: number, flops?: number) => ({
  op,
  kernel: `${op}.main`,
  workgroups: [2, 1, 1],
  writes: ['[2, 2]'],
  reads: ['[2, 3]', '[3, 2]'],
  bytes: 64,
  flops,
  nanoseconds,
});
const profile = { launches: [launch('relu', 1500), launch('matmul', 500, 24)], nanoseconds: 2000 };

test('a trace has the fields that Perfetto reads, launches end to end, and rates where they are known', () => {
  const trace = JSON.parse(chromeTrace(profile, { model: 'ae', adapter: 'some "GPU"' }));
  const [process, thread, step, ...launches] = trace.traceEvents;
  assert.equal(process, { ph: 'M', pid: 1, tid: 1, name: 'process_name', args: { name: 'some "GPU"' } });
  assert.is(thread.name, 'thread_name');
  assert.equal([step.ph, step.ts, step.dur], ['X', 0, 2]);
  assert.equal(
    launches.map(({ ph, name, ts, dur, pid, tid }: Record<string, unknown>) => [ph, name, ts, dur, pid, tid]),
    [
      ['X', 'relu', 0, 1.5, 1, 1],
      ['X', 'matmul', 1.5, 0.5, 1, 1],
    ],
  );
  assert.equal([launches[0].args['GFLOP/s'], launches[1].args['GFLOP/s']], [undefined, 0.048]);
  assert.equal(launches[1].args.reads, ['[2, 3]', '[3, 2]']);
  const table = profileTable(profile, 1);
  assert.match(table, /0\.002 +75\.0 % +0\.0 +relu +relu\.main +\[2, 2\]/);
  assert.match(table, /2 launches, 0\.002 ms in all, of which the 1 longest are above$/);
});

test('--profile refuses what it could not do before anything is trained', () => {
  const on = (...features: string[]) =>
    ({ name: 'some GPU', gpu: { features: new Set(features) } }) as unknown as WebGPUDevice;
  assert.throws(
    () => profiler(on(), 'ae', { profile: true }),
    /^--profile: some GPU has no timestamps; choose another --adapter$/,
  );
  assert.throws(
    () => profiler(on('timestamp-query'), 'ae', { profile: at('no/such/trace.json') }),
    /^--profile .*trace\.json: its folder does not exist or cannot be written to$/,
  );
});

test('train --profile leaves a trace whose launches add up, and the same weights as without', async () => {
  const digits = writeIdx(at('digits'), fewDigits(64, 20));
  const small = [
    'train',
    'vae-mlp',
    '--data',
    digits,
    '--hidden',
    '8',
    '--batch-size',
    '32',
    '--epochs',
    '1',
  ];
  const train = (out: string, ...more: string[]) =>
    tapegrad([...small, '--adapter', adapter, '--out', at(out), ...more]);
  const profiled = await train('profiled', '--profile');
  assert.is(profiled.code, 0, profiled.stderr);
  assert.match(profiled.stdout, /\d+ launches, [\d.]+ ms in all/);
  const { traceEvents } = JSON.parse(readFileSync(at('profiled/profile.json'), 'utf8'));
  const of = (category: string) => traceEvents.filter(({ cat }: { cat?: string }) => cat === category);
  const [step] = of('step');
  const launches = of('launch');
  assert.is(launches.length, step.args.launches);
  const total = launches.reduce((sum: number, { dur }: { dur: number }) => sum + dur, 0);
  assert.ok(step.dur > 0 && Math.abs(total - step.dur) < 1e-6 * step.dur, `${total} and ${step.dur}`);
  const products = launches.filter(({ args }: { args: { flops?: number } }) => args.flops);
  assert.ok(products.length >= 12, 'five layers forward, and back to all but the images');
  const plain = await train('plain');
  assert.is(plain.code, 0, plain.stderr);
  assert.equal(
    readFileSync(at('profiled/weights.safetensors')),
    readFileSync(at('plain/weights.safetensors')),
  );
});

test.run();
