/* Runs without an adapter. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Diagnosis, waitIdly } from '@tapegrad/node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorIn } from '../../packages/node/src/install.ts';
import { isQuiet } from '../helpers/quiet.ts';

const PREAMBLE = `if (process.env.TEST_TMPDIR) process.env.TMPDIR = process.env.TEST_TMPDIR;`;

/** What is tried is a process's environment and what it has loaded: every case gets a process of its own. */
const FIND = `
${PREAMBLE}
const { findAdapter } = await import('@tapegrad/node');
const [choice, options] = JSON.parse(process.argv[1]);
try {
  const { adapter, kind, name, driver, packed, announcement } = await findAdapter(choice, options);
  const device = await adapter.requestDevice();
  device.destroy();
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
  const constants = typeof GPUBufferUsage === 'function' || typeof GPUBufferUsage === 'object';
  console.log(JSON.stringify({ kind, name, driver, packed, announcement, constants, VK_DRIVER_FILES, VK_ICD_FILENAMES }));
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}`;

const DIAGNOSE = `
${PREAMBLE}
const { diagnose } = await import('@tapegrad/node');
console.log(JSON.stringify(await diagnose(...JSON.parse(process.argv[1]))));`;

/** Keeps what it opened no longer than it must, collects garbage all the time, and lets Dawn's polling run on. */
const COLLECT = `
${PREAMBLE}
const { findAdapter } = await import('@tapegrad/node');
for (let time = 0; time < 4; time++) {
  const { adapter } = await findAdapter(...JSON.parse(process.argv[1]));
  const opening = adapter.requestDevice();
  gc();
  (await opening).destroy();
  gc();
  await new Promise((done) => setTimeout(done, 20));
  gc();
}
console.log(JSON.stringify('alive'));`;

interface Found {
  kind?: string;
  name?: string;
  driver?: string;
  packed?: boolean;
  announcement?: string;
  constants?: boolean;
  VK_DRIVER_FILES?: string;
  VK_ICD_FILENAMES?: string;
  error?: string;
}

type Environment = Record<string, string | undefined>;

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'tapegrad-adapters-'));
const cache = join(scratch, 'cache');
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

const argv = (code: string, args: unknown[]) => [
  '--expose-gc',
  ...process.execArgv,
  '--input-type=module',
  '-e',
  code,
  JSON.stringify(args),
];
const settings = (extra: Environment) => {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, ...rest } = process.env;
  return { cwd: root, env: { ...rest, XDG_CACHE_HOME: cache, ...extra } };
};

function run<T>(code: string, args: unknown[], environment: Environment = {}): T {
  const child = spawnSync(process.execPath, argv(code, args), { ...settings(environment), encoding: 'utf8' });
  assert.is(child.status, 0, `ended with ${child.signal ?? child.status}:\n${child.stderr}`);
  return JSON.parse(child.stdout) as T;
}

const find = (args: unknown[], environment?: Environment) => run<Found>(FIND, args, environment);

/** No Vulkan driver of the system. */
const BARE = { VK_ICD_FILENAMES: '/nonexistent.json', VK_DRIVER_FILES: '/nonexistent.json' };
/** Nowhere to unpack SwiftShader to. `TMPDIR` itself would hit tsx too, so the child sets it when tsx is loaded. */
const FULL = { XDG_CACHE_HOME: '/dev/null/cache', TEST_TMPDIR: '/dev/null/tmp' };

test('auto finds an adapter, says so in one line, and sets WebGPU constants', () => {
  const found = find(['auto']);
  assert.is(found.error, undefined);
  assert.match(found.kind!, /^(gpu|lavapipe|swiftshader)$/);
  assert.match(found.announcement!, /^adapter: [^\n]+$/);
  assert.ok(found.announcement!.includes(found.name!));
  assert.ok(found.constants);
});

test("part of the chosen adapter's name finds it again, in either case", () => {
  const { name, kind } = find(['auto']);
  assert.is(find([name!.toUpperCase()]).name, name);
  assert.is(find([kind!]).kind, kind);
});

test('an unknown choice names what is available', () => {
  const { error } = find(['no such adapter']);
  assert.match(error!, /^adapter 'no such adapter' is not available; available: \S/);
  assert.match(error!, /auto, gpu, lavapipe, swiftshader/);
});

test('the null backend needs no driver and takes the kind from the choice', () => {
  const found = find(['lavapipe', { nullBackend: true }], { ...BARE, ...FULL });
  assert.is(found.error, undefined);
  assert.is(found.kind, 'lavapipe');
  assert.is(found.name, 'null');
});

test('an adapter outlives the garbage collection of the instance that it came from', () => {
  assert.is(run<string>(COLLECT, ['auto']), 'alive');
});

test('toggles reach Dawn', () => {
  assert.is(find(['auto', { toggles: ['allow_unsafe_apis', 'disable_robustness'] }]).error, undefined);
});

test('diagnose says what was chosen, with features, limits and subgroup sizes', () => {
  const report = run<Diagnosis>(DIAGNOSE, ['auto']);
  assert.is(report.node, process.version);
  assert.is(report.error, undefined);
  assert.is(report.candidates.filter(({ status }) => status === 'chosen').length, 1);
  const chosen = report.chosen!;
  assert.ok(chosen.features.length > 0);
  assert.ok(chosen.limits.maxBufferSize! >= 2 ** 28);
  assert.ok(chosen.subgroupMinSize > 0 && chosen.subgroupMinSize <= chosen.subgroupMaxSize);
  for (const { reason } of report.candidates) assert.ok(reason.length > 0);
});

if (!isQuiet)
  process.stdout.write("\nSKIPPED: Dawn's warnings are held back on Linux, with the package ffi-rs\n");
const quiet = isQuiet ? test : test.skip;

/** As BARE, with a file that is there. */
function driverless(): Environment {
  const manifest = join(scratch, 'driverless.json');
  writeFileSync(manifest, JSON.stringify({ ICD: { library_path: '/nonexistent.so', api_version: '1.3.0' } }));
  return { VK_ICD_FILENAMES: manifest, VK_DRIVER_FILES: manifest };
}

for (const [name, args, environment] of [
  ['the first adapter', ['auto'], {}],
  ['SwiftShader', ['swiftshader'], {}],
  ['SwiftShader where no driver works', ['auto'], driverless()],
  ['none at all', ['lavapipe'], driverless()],
  ['the null backend', ['auto', { nullBackend: true }], {}],
] as const) {
  quiet(`nothing is written to the standard error on the way to ${name}`, () => {
    const child = spawnSync(process.execPath, argv(FIND, [...args]), {
      ...settings(environment),
      encoding: 'utf8',
    });
    assert.is(child.stderr, '');
    assert.is(child.status, 0);
  });
}

/** Writes to the descriptor, as native code does. */
const NATIVE = `
import { writeSync } from 'node:fs';
import { quietly } from './packages/node/src/quiet.ts';
process.stderr.write('before\\n');
const noise = 'Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit dynamic offset allocation limit.\\n';
const value = quietly(() => {
  writeSync(2, noise + 'Error: the device is on fire\\n' + noise);
  console.log('meanwhile');
  return 7;
});
try {
  quietly(() => {
    writeSync(2, 'Warning: vkCreateInstance failed with VK_ERROR_OUT_OF_HOST_MEMORY\\n    at f (g.cpp:1)\\n');
    throw new Error('it threw ' + value);
  });
} catch (error) {
  process.stderr.write(error.message + '\\n');
}
writeSync(2, noise);`;
const PASSED_ON =
  'before\nError: the device is on fire\n' +
  'Warning: vkCreateInstance failed with VK_ERROR_OUT_OF_HOST_MEMORY\n    at f (g.cpp:1)\nit threw 7\n' +
  'Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit dynamic offset allocation limit.\n';

quiet('errors of native code are passed on, and warnings outside of Dawn too', () => {
  const child = spawnSync(process.execPath, argv(NATIVE, []), { ...settings({}), encoding: 'utf8' });
  assert.is(child.stderr, PASSED_ON);
  assert.is(child.stdout, 'meanwhile\n');
});

quiet('a file that has both outputs keeps their order', () => {
  const log = join(scratch, 'both.log');
  const shell = (redirection: string) =>
    spawnSync('sh', ['-c', `"$@" ${redirection}`, 'sh', process.execPath, ...argv(NATIVE, [])], settings({}));
  assert.is(shell(`>${log} 2>&1`).status, 0);
  assert.is(readFileSync(log, 'utf8'), PASSED_ON.replace('\n', '\nmeanwhile\n'));
});

// The packed SwiftShader, and the environment that steers Vulkan's loader.
if (process.platform === 'linux' && process.arch === 'x64') {
  test('swiftshader comes from npm, unpacked once, and leaves the environment as it was', () => {
    for (let time = 0; time < 2; time++) {
      const found = find(['swiftshader']);
      assert.is(found.kind, 'swiftshader');
      assert.ok(found.packed);
      assert.is(found.VK_ICD_FILENAMES, undefined);
      assert.is(found.VK_DRIVER_FILES, undefined);
    }
    assert.is(readdirSync(join(cache, 'tapegrad')).length, 1);
  });

  test('auto falls back to the packed SwiftShader where no driver is', () => {
    const found = find(['auto'], BARE);
    assert.is(found.kind, 'swiftshader');
    assert.ok(found.packed);
    assert.is(found.VK_ICD_FILENAMES, BARE.VK_ICD_FILENAMES);
    assert.match(found.announcement!, /lavapipe would be .* faster/);
  });

  test('processes that unpack at the same time all succeed and leave one copy', async () => {
    const home = join(scratch, 'race');
    const children: ChildProcess[] = [0, 1, 2].map(() =>
      spawn(process.execPath, argv(FIND, ['swiftshader']), settings({ XDG_CACHE_HOME: home })),
    );
    const outputs = await Promise.all(
      children.map(async (child) => {
        let text = '';
        for await (const chunk of child.stdout!) text += chunk;
        return JSON.parse(text) as Found;
      }),
    );
    for (const found of outputs) assert.is(found.kind, 'swiftshader', found.error);
    const folders = readdirSync(join(home, 'tapegrad'));
    assert.is(folders.length, 1, folders.join(' '));
  });

  test('half an unpacked copy is replaced', () => {
    const home = join(scratch, 'half');
    find(['swiftshader'], { XDG_CACHE_HOME: home });
    const folder = join(home, 'tapegrad', readdirSync(join(home, 'tapegrad'))[0]!);
    rmSync(join(folder, 'libvk_swiftshader.so'));
    assert.is(find(['swiftshader'], { XDG_CACHE_HOME: home }).kind, 'swiftshader');
    assert.is(readdirSync(folder).length, 3);
  });

  test('without a cache folder a temporary one is used and removed', () => {
    const temporary = join(scratch, 'temporary');
    mkdirSync(temporary);
    const found = find(['swiftshader'], { XDG_CACHE_HOME: '/dev/null/cache', TEST_TMPDIR: temporary });
    assert.is(found.kind, 'swiftshader', found.error);
    const left = readdirSync(temporary).filter((name) => name.startsWith('tapegrad'));
    assert.equal(left, []);
  });

  test('with nothing at all the error says what was tried and what to install on every system', () => {
    const { error } = find(['auto'], { ...BARE, ...FULL });
    assert.match(error!, /^no WebGPU adapter found/);
    for (const word of ['SwiftShader from npm', 'Debian 12', 'Ubuntu', 'Fedora', 'macOS', 'Windows']) {
      assert.ok(error!.includes(word), `${word} is not in:\n${error}`);
    }
  });

  test('an unavailable kind says why, and what there is', () => {
    const { error } = find(['lavapipe'], BARE);
    assert.match(error!, /^adapter 'lavapipe' is not available; available: swiftshader/);
    assert.match(error!, /to install it: /);
  });

  test('diagnose does not throw where nothing is found, and reports broken driver files', () => {
    const manifest = join(scratch, 'broken.json');
    writeFileSync(manifest, JSON.stringify({ ICD: { library_path: '/nonexistent/libvulkan_lvp.so' } }));
    const environment = { ...FULL, VK_ICD_FILENAMES: manifest, VK_DRIVER_FILES: manifest };
    const report = run<Diagnosis>(DIAGNOSE, ['auto'], environment);
    assert.is(report.chosen, null);
    assert.match(report.error!, /^no WebGPU adapter found/);
    assert.is(report.vulkan!.drivers[0]!.problem, 'the library is missing');
    assert.ok(report.candidates.every(({ status }) => status === 'unavailable'));
    assert.ok(report.advice.length > 0);
  });
}

test('waiting for a software adapter takes ever fewer polls, and little more than what is awaited', async () => {
  let [turns, waits] = [0, true];
  const count = () => {
    turns++;
    if (waits) setImmediate(count);
  };
  setImmediate(count);
  const start = performance.now();
  await waitIdly(new Promise((resolve) => setTimeout(resolve, 300)));
  const waited = performance.now() - start;
  waits = false;
  // A pause of √waited / 2 after each: 4 √waited of them, up to 100 ms; 5 ms from there on.
  assert.ok(turns <= 5 + 4 * Math.sqrt(100) + waited / 5, `${turns} in ${waited} ms`);
});

test("the advice for Debian 12 names the machine's own mirror", () => {
  assert.is(mirrorIn('deb http://mirror.example/debian bookworm main\n'), 'http://mirror.example/debian');
  assert.is(
    mirrorIn('# a comment\ndeb [arch=amd64 signed-by=/k] https://m.example/x/debian/ bookworm main'),
    'https://m.example/x/debian/',
  );
  assert.is(
    mirrorIn('Types: deb\nURIs: http://m.example/debian\nSuites: bookworm'),
    'http://m.example/debian',
  );
  assert.is(mirrorIn('deb http://security.example/debian-security bookworm-security main'), undefined);
  assert.is(mirrorIn(''), undefined);
});

test.run();
