/* Runs without an adapter. */
import { readdirSync, readFileSync } from 'node:fs';
import { openDevice } from '@tapegrad/node';
import * as shaders from '@tapegrad/shaders';
import { models } from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { trainingStep } from '../../bench/training.ts';
import type { RecordedLaunch } from '../../packages/tensor/src/webgpu/dispatch.ts';
import { link, linkedSize, sharedBytes } from '../../packages/tensor/src/webgpu/link.ts';
import type { GpuStorage } from '../../packages/tensor/src/webgpu/memory.ts';
import {
  dependenciesOf,
  levelsOf,
  longestChain,
} from '../../packages/tensor/src/webgpu/passes/dependencies.ts';
import { wgslModule } from '../../packages/tensor/src/webgpu/wgsl-module.ts';

/* Several kernels as one: what is understood of a kernel's WGSL, and what becomes of names, buffers and shared memory. */

const moduleOf = (body: string, head = '', entry = 'main') => wgslModule({ enables: [], head, body }, entry)!;

const BUILTINS =
  '@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32';

const SCALE = `
// Doubles.
alias Element = f32;
const FACTOR = 2u;
struct Pair { x: f32, out: f32, }
@group(0) @binding(1) var<storage, read_write> out: array<Element>; // what comes of it
@group(0) @binding(2) var<storage, read> x: array<vec4<Element>>;
@group(0) @binding(2) var<storage, read> unused: array<u32>;
fn twice(v: f32) -> f32 { return v * f32(FACTOR); }
@compute @workgroup_size(SIZE)
fn main(${BUILTINS}) {
  let x_out = Pair(x[local].x, 0.0);
  if local < params.size { out[local] = twice(x_out.x + x_out.out); }
}`;

const TILE = `
const LENGTH = SIDE * (SIDE + 1u);
var<workgroup> tile: array<f32, LENGTH>;
var<workgroup> walk: array<vec4<i32>, SIDE>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(64)
fn main(${BUILTINS}) {
  tile[local] = 1.0;
  walk[local % SIDE].x = 2;
  workgroupBarrier();
  out[local] = tile[0];
}`;

test('a module is what its entry point refers to, in an order in which everything is known', () => {
  const { entry, buffers, others, aliases, shared, meets } = moduleOf(SCALE, 'const SIZE = 32u;');
  assert.equal([entry.name, entry.size], ['main', 32]);
  assert.equal(entry.builtins, ['workgroup_id', 'num_workgroups', 'local_invocation_index']);
  assert.equal(buffers, [
    { name: 'x', slot: 1, type: 'array<vec4f>' },
    { name: 'out', slot: 0, type: 'array<f32>' },
  ]);
  assert.equal(
    others.map(({ kind, name }) => `${kind} ${name}`),
    ['struct Pair', 'const FACTOR', 'fn twice'],
  );
  assert.equal([...aliases], [['Element', 'f32']]);
  assert.equal([shared, meets], [[], false]);
});

test('shared memory has the size that its constants say, and its threads meet', () => {
  const module = moduleOf(TILE, 'const SIDE = 8u;');
  assert.equal(module.shared, [
    { name: 'tile', type: 'f32', length: 72, bytes: 288 },
    { name: 'walk', type: 'vec4i', length: 8, bytes: 128 },
  ]);
  assert.ok(module.meets);
});

test('what is not understood is no module', () => {
  const uses = (body: string) => wgslModule({ enables: [], head: '', body }, 'main');
  const main = (inside = '', parameters = BUILTINS, size = '64') =>
    `@compute @workgroup_size(${size})\nfn main(${parameters}) { ${inside} }`;
  assert.ok(uses(main()));
  assert.is(uses(main('', BUILTINS, '8, 8')), undefined);
  assert.is(uses(main('', BUILTINS, 'UNKNOWN')), undefined);
  assert.is(uses(main('', 'input: Input')), undefined);
  assert.is(uses(`override SIZE = 3;\n${main('let s = SIZE;')}`), undefined);
  assert.is(uses(`var<workgroup> count: atomic<u32>;\n${main('let n = atomicLoad(&count);')}`), undefined);
  assert.is(uses('fn other() {}'), undefined);
});

test('every file under shaders/ is exported, by itself or as a part of others', () => {
  const folder = new URL('../../shaders/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.wgsl'));
  const names = files.map((file) => file.slice(0, -'.wgsl'.length));
  const parts = files.flatMap((file) =>
    [...readFileSync(new URL(file, folder), 'utf8').matchAll(/^\/\/% include (\w+)$/gm)].map(
      ([, part]) => part!,
    ),
  );
  assert.equal([...new Set(parts)].sort(), ['contraction_tiled', 'digits']);
  assert.equal(
    names.filter((name) => !parts.includes(name)),
    Object.values(shaders)
      .map(({ name }) => name)
      .sort(),
  );
  assert.not.match(shaders.contractionTiles.wgsl, /\/\/% include/);
});

test('every file under shaders/ that has no template is understood', () => {
  const head = 'alias Out0 = f32; alias In0 = f32; const WORKGROUP = 64u;';
  const { addParts, mergePhases, copy, random, optimize } = shaders;
  for (const { name, wgsl } of [addParts, mergePhases, copy, random, optimize]) {
    const body = wgsl.replace(/^ *\/\/%.*$/gm, '');
    for (const [, entry] of body.matchAll(/@compute[^{]*fn (\w+)\(/g))
      assert.ok(
        wgslModule({ enables: [], head: `${head} alias Word = u32;`, body }, entry!),
        `${name}.${entry}`,
      );
  }
});

test('kernels go together if threads that meet have the workgroup to themselves', () => {
  const [small, large] = [32, 128].map((size) => moduleOf(SCALE, `const SIZE = ${size}u;`)) as [never, never];
  const tile = moduleOf(TILE, 'const SIDE = 8u;');
  assert.is(linkedSize([small, large]), 128);
  assert.is(linkedSize([small, tile]), 64);
  assert.is(linkedSize([tile, tile]), 64);
  // The tile's 64 threads would be half a workgroup.
  assert.is(linkedSize([large, tile]), undefined);
  const odd = moduleOf(SCALE, 'const SIZE = 48u;');
  assert.is(linkedSize([odd, tile]), undefined);
  // Where a thread is in the whole grid means something else in the linked kernel.
  const global = moduleOf(
    '@compute @workgroup_size(64)\nfn main(@builtin(global_invocation_id) id: vec3u) {}',
  );
  assert.is(linkedSize([global, small]), undefined);
});

test('what is alike is declared once, what is not gets a name of its own, and members keep theirs', () => {
  const parts = [32, 32, 64].map((size, k) => ({
    module: moduleOf(SCALE.replace('2u;', k === 1 ? '3u;' : '2u;'), `const SIZE = ${size}u;`),
    slots: [k, 3],
    outputs: 1,
  }));
  const text = link(parts);
  const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
  assert.is(count(/^struct Pair/gm), 1);
  assert.match(text, /^struct Pair \{ x: f32, out: f32, \}$/m);
  assert.is(count(/const FACTOR\w* = /g), 2);
  assert.is(count(/^fn twice/gm), 2);
  assert.match(text, /^fn twice__1\(v: f32\) -> f32 \{ return v \* f32\(FACTOR__1\); \}$/m);
  // The input is bound once, three outputs; uniforms are each part's own.
  assert.is(count(/var<storage/g), 4);
  assert.is(count(/@binding\(4\) var<storage, read> /g), 1);
  assert.match(
    text,
    /if local < params\.size__2 \{ buffer__2\[local\] = twice\(x_out\.x \+ x_out\.out\); \}/,
  );
  // 32 threads are half a workgroup of 64.
  assert.match(text, /@workgroup_size\(64\)/);
  assert.is(count(/thread % 32u/g), 2);
});

test('shared memory lies in one place, as long as the longest part wants it', () => {
  const modules = [8, 4].map((side) => moduleOf(TILE, `const SIDE = ${side}u;`));
  assert.is(sharedBytes(modules), 288 + 128);
  const text = link(modules.map((module, k) => ({ module, slots: [k], outputs: 1 })));
  assert.equal(text.match(/var<workgroup>.*/g), [
    'var<workgroup> shared_f32_0: array<f32, 72>;',
    'var<workgroup> shared_vec4i_0: array<vec4i, 8>;',
  ]);
});

// --------------------------------------------------------------------------------------------------- dependencies

const buffers = new Map<string, GpuStorage>();
/** `a` is all of a buffer of 100 bytes, `a:0-20` a part of it. */
function bindingOf(text: string): RecordedLaunch['bindings'][0] {
  const [, name, from = '0', to = '100'] = /^(\w+)(?::(\d+)-(\d+))?$/.exec(text)!;
  const storage = buffers.get(name!) ?? ({} as GpuStorage);
  buffers.set(name!, storage);
  return { storage, offset: Number(from), bytes: Number(to) - Number(from), shape: [] };
}
const launch = (writes: string, reads = '') => {
  const [outputs, inputs] = [writes, reads].map((list) => list.split(' ').filter(Boolean).map(bindingOf));
  return { bindings: [...outputs!, ...inputs!], outputs: outputs!.length };
};

test('a launch waits for who writes what it binds, and for who binds what it writes', () => {
  const launches = [
    launch('a'),
    launch('b', 'a'),
    launch('c', 'a'), // two who read do not wait for each other
    launch('a', 'b'), // writes what 0 wrote, and 1 and 2 read
    launch('flat:0-20', 'c'),
    launch('flat:20-40', 'c'), // another part of the buffer
    launch('flat:10-30'), // parts of both
    launch('d', 'flat:40-60'),
  ];
  assert.equal(dependenciesOf(launches), [[], [0], [0], [0, 1, 2], [2], [2], [4, 5], []]);
  assert.equal(levelsOf(dependenciesOf(launches)), [0, 1, 1, 2, 2, 2, 3, 0]);
  assert.is(longestChain(launches), 4);
  assert.is(longestChain([]), 0);
});

/** The most launches that a step of a GPU may have. */
const MOST = { ae: 32, 'vae-mlp': 36, vae: 45 };

for (const [name, most] of Object.entries(MOST))
  test(`a training step of ${name} is at most ${most} launches on a GPU`, async () => {
    const nothing = await openDevice('gpu', { nullBackend: true });
    const step = trainingStep(models.get(name)!, nothing, false);
    step.captured();
    const { launches, chain } = step.captured.programs[0]!;
    assert.ok(launches <= most && chain <= launches, `${launches} launches, the longest chain ${chain}`);
    nothing.destroy();
  });

test.run();
