/* Runs on every adapter. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openDevice, readTuned, tuneCachePath, writeTuned } from '@tapegrad/node';
import {
  capture,
  contractionsOf,
  contractionVariants,
  conv2d,
  convTranspose2d,
  matmul,
  type TunedTable,
  tuneContractions,
  zeros,
} from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { shapeKey } from '../../packages/tensor/src/lowering/contraction/shape-key.ts';
import type { Variant } from '../../packages/tensor/src/lowering/contraction/variant.ts';
import { adapter, close, device, numbers, on } from '../helpers/device.ts';

const folder = mkdtempSync(join(tmpdir(), 'tapegrad-tune-'));
const env = { XDG_CACHE_HOME: folder };
const here = { name: 'Some GPU (x, 4.2)', driver: 'Mesa 1.2.3' };
const table: TunedTable = new Map([
  ['product float32 b0 m6 n6 k6', { variant: 'tiles64', parts: 2 }],
  ['window float32 b0 m4 n12 k4', { variant: 'lanes8', parts: 1 }],
]);
const path = tuneCachePath(here, env);
const store = (text: string) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};

test('the cache is written whole, with nothing left beside it, and read back', () => {
  assert.equal(readTuned(here, env), {});
  assert.is(writeTuned(here, table, env), path);
  assert.ok(path.startsWith(join(folder, 'tapegrad', 'tune')));
  assert.equal(readTuned(here, env), { table: new Map(table) });
  assert.equal(readdirSync(dirname(path)), [path.slice(dirname(path).length + 1)]);
  writeTuned(here, new Map([...table].slice(0, 1)), env);
  assert.is(readTuned(here, env).table!.size, 1);
});

test('TAPEGRAD_TUNE=off ignores it', () => {
  writeTuned(here, table, env);
  assert.equal(readTuned(here, { ...env, TAPEGRAD_TUNE: 'off' }), {});
});

test('another driver, another version, and broken files are ignored with a note', () => {
  writeTuned(here, table, env);
  const good = readFileSync(path, 'utf8');
  const other = readTuned({ ...here, driver: 'Mesa 9' }, env);
  assert.is(other.table, undefined);
  assert.match(
    other.note!,
    /is for Some GPU \(x, 4\.2\) with driver Mesa 1\.2\.3, and this is .* with Mesa 9; .*tune/,
  );
  const broken: [string, RegExp][] = [
    [good.slice(0, good.length / 2), /no JSON/],
    ['', /no JSON/],
    ['null', /version undefined/],
    [good.replace('"version": 1', '"version": 0'), /version 0, expected 1/],
    [good.replace('tiles64', 'toString'), /the choice for 'product .* is .*toString/],
    [good.replace('"parts": 2', '"parts": -2'), /the choice for/],
    [good.replace(/"choices": \{[\s\S]*\}/, '"choices": 3}'), /no choices|no JSON/],
  ];
  for (const [text, why] of broken) {
    store(text);
    const { table: read, note } = readTuned(here, env);
    assert.is(read, undefined, text);
    assert.match(note!, why);
  }
});

test(`a device opens with what is stored for it, or says why not: ${adapter}`, async () => {
  const { XDG_CACHE_HOME, TAPEGRAD_TUNE } = process.env;
  const notes: string[] = [];
  const listen = (warning: Error) => notes.push(warning.message);
  process.on('warning', listen);
  try {
    process.env.XDG_CACHE_HOME = folder;
    delete process.env.TAPEGRAD_TUNE;
    writeTuned(device.found, table, env);
    const first = await openDevice(adapter);
    assert.equal(first.tuned, new Map(table));
    first.destroy();
    process.env.TAPEGRAD_TUNE = 'off';
    const second = await openDevice(adapter);
    assert.is(second.tuned, undefined);
    second.destroy();
    delete process.env.TAPEGRAD_TUNE;
    writeFileSync(tuneCachePath(device.found, env), '{');
    const third = await openDevice(adapter);
    assert.is(third.tuned, undefined);
    third.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.is(notes.length, 1);
    assert.match(notes[0]!, /is ignored: it is no JSON/);
  } finally {
    process.off('warning', listen);
    restore('XDG_CACHE_HOME', XDG_CACHE_HOME);
    restore('TAPEGRAD_TUNE', TAPEGRAD_TUNE);
  }
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** What the launches of a matrix product are, with these choices. */
async function kernels(tuned: TunedTable | undefined, n: number): Promise<string[]> {
  const before = device.tuned;
  device.tuned = tuned;
  const [a, b] = [on(device, [n, n], numbers(n * n, -1, 1)), on(device, [n, n], numbers(n * n, -1, 1, 2))];
  const f = capture((x: typeof a, y: typeof a) => matmul(x, y));
  const result = await f(a, b).data();
  device.tuned = undefined;
  close(result, await matmul(a, b).data(), { absolute: 1e-4 });
  device.tuned = before;
  const labels = f.programs[0]!.dispatches.map(({ kernel, launch }) =>
    `${kernel.label} ${launch.constants!.TILE_M ?? ''}`.trim(),
  );
  f.dispose();
  return labels;
}

test(`a tuned choice is used, for shapes of its bucket and for no other: ${adapter}`, async () => {
  const [task] = contractionsOf(() => matmul(zeros([64, 64], { device }), zeros([64, 64], { device })));
  const key = shapeKey(task!);
  assert.is(key, 'product float32 b0 m6 n6 k6');
  const chosen = new Map([[key, { variant: 'tiles32', parts: 2 }]]);
  const tiled = ['contraction_tiles.main 32', 'add_parts.main'];
  assert.equal(await kernels(chosen, 64), tiled);
  assert.equal(await kernels(chosen, 60), tiled);
  assert.not.equal(await kernels(chosen, 128), tiled);
  assert.not.equal(await kernels(undefined, 64), adapter === 'gpu' ? ['contraction_naive.main'] : tiled);
  // A table from another build may name what is not there any more.
  const unknown = new Map([[key, { variant: 'gone', parts: 1 }]]);
  assert.equal(await kernels(unknown, 64), await kernels(undefined, 64));
});

test('buckets: neighbouring sizes share one, types and kinds do not', () => {
  const image = zeros([8, 3, 16, 16], { device });
  const weights = zeros([8, 3, 4, 4], { device });
  const task = contractionsOf(() => conv2d(image, weights, { stride: 2, padding: 1 }))[0]!;
  assert.is(shapeKey(task), 'window float32 b0 m3 n9 k6');
  assert.is(shapeKey({ ...task, rows: 7 }), shapeKey(task));
  assert.is.not(shapeKey({ ...task, rows: 20 }), shapeKey(task));
  assert.is.not(shapeKey({ ...task, half: true }), shapeKey(task));
});

test(`tuning finds a variant that is faster than a bad one, and keeps a good one: ${adapter}`, async () => {
  const seen = contractionsOf(() => matmul(zeros([96, 96], { device }), zeros([96, 96], { device })));
  const told: string[] = [];
  const [result, ...more] = await tuneContractions(device, [...seen, ...seen], {
    variants: ['naive', 'alone4'],
    atLeast: 2,
    onProgress: (done, total, key) => told.push(`${done}/${total} ${key}`),
  });
  assert.equal(more, []);
  assert.equal(told, ['0/1 product float32 b0 m7 n7 k7']);
  const { key, choice, milliseconds } = result!;
  assert.is(key, 'product float32 b0 m7 n7 k7');
  assert.ok(milliseconds.best > 0 && milliseconds.best <= milliseconds.default);
  assert.is(choice !== undefined, milliseconds.best < 0.95 * milliseconds.default);
  if (choice) assert.ok(['naive', 'alone4'].includes(choice.variant));
  const mistaken = tuneContractions(device, seen, { variants: ['fastest'] });
  await mistaken.then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /no variant is named 'fastest': there are naive, /),
  );
});

/** The plain kernel, but for the last of the summed elements: faster, and wrong. */
const plain = contractionVariants.get('naive')!;
const hasty: Variant = {
  name: 'hasty',
  plan: plain.plan,
  launch: (plan, operands) => {
    const [k0, k1, k2] = plan.task.sums;
    return plain.launch({ ...plan, task: { ...plan.task, sums: [k0, k1, k2 - 1] } }, operands);
  },
};

test(`a variant that computes something else is never chosen, however fast: ${adapter}`, async () => {
  const all = contractionVariants as Map<string, Variant>;
  const image = zeros([4, 3, 16, 16], { device });
  const weights = zeros([8, 3, 4, 4], { device });
  const seen = contractionsOf(() => {
    matmul(zeros([96, 96], { device }), zeros([96, 96], { device }));
    conv2d(image, weights, { stride: 2, padding: 1 });
    convTranspose2d(zeros([4, 8, 8, 8], { device }), zeros([8, 3, 4, 4], { device }), {
      stride: 2,
      padding: 1,
    });
  });
  all.set('hasty', hasty);
  try {
    const results = await tuneContractions(device, seen, { variants: ['hasty', 'alone4'], atLeast: 1 });
    assert.is(results.length, 3);
    for (const { wrong, choice } of results) {
      assert.equal(wrong, ['hasty, 1 part']);
      assert.is.not(choice?.variant, 'hasty');
    }
    // Nor is it believed where the plain kernel makes the same mistake.
    all.set('naive', { ...hasty, name: 'naive' });
    await tuneContractions(device, seen, { variants: ['alone4'], atLeast: 1 }).then(
      () => assert.unreachable(),
      (error: Error) =>
        assert.match(error.message, /^tune: on .* the plain kernel computes -?\d+ instead of -?\d+ at/),
    );
  } finally {
    all.delete('hasty');
    all.set('naive', plain);
  }
});

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
