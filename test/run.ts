import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { diagnose } from '@tapegrad/tensor/node';

/*
 * `npm test`: type check, lint, and every suite; suites that run kernels once for each adapter. Ends with a line
 * `N passed, N failed`. Options: `--adapter NAME` (repeatable; default: each software adapter and GPU that is here),
 * and a pattern that suites' names have to match.
 */

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Suites that use no kernels, or that choose adapters themselves: once is enough. */
const adapterless = [
  'adapters',
  'autograd',
  'compare',
  'data',
  'gallery',
  'image-folder',
  'imports',
  'matrix',
  'onnx',
  'pictures',
  'report',
  'run-folder',
  'safetensors',
  'template',
];
/** Suites that train through the command line: long, so they run on the fastest adapter only. */
const once = [
  'bench',
  'cli',
  'image-training',
  'import',
  'interchange',
  'readme',
  'sweep',
  'tensorboard',
  'trainer',
];

interface Result {
  passed: number;
  failed: number;
}

/** Runs a command, showing its output; resolves with its exit code and what it printed. */
function shell(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data;
        process.stdout.write(data);
      });
    }
    child.on('error', reject);
    // Without the colours, which uvu prints whether wanted or not.
    child.on('close', (code) => resolve({ code: code ?? 1, output: stripVTControlCharacters(output) }));
  });
}

async function check(name: string, args: string[]): Promise<Result> {
  const { code } = await shell(process.execPath, args);
  process.stdout.write(`${code === 0 ? 'ok' : 'FAILED'}: ${name}\n`);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 };
}

/** Runs suites in one process. A suite that was forgotten (no `.run()`) or that died counts as a failure. */
async function suites(label: string, names: string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  if (names.length === 0) return { passed: 0, failed: 0 };
  process.stdout.write(`\n── ${label}: ${names.join(', ')}\n`);
  const pattern = `^(${names.join('|')})\\.test\\.ts$`;
  const uvu = join(root, 'node_modules/uvu/bin.js');
  const { code, output } = await shell(process.execPath, ['--import', 'tsx', uvu, 'test', pattern], {
    ...env,
  });
  const total = Number(/Total: +(\d+)/.exec(output)?.[1] ?? 0);
  const passed = Number(/Passed: +(\d+)/.exec(output)?.[1] ?? 0);
  const seen = new Set([...output.matchAll(/^([\w-]+)\.test\.ts/gm)].map((match) => match[1]));
  const silent = names.filter((name) => names.length > 1 && !seen.has(name));
  for (const name of silent) process.stdout.write(`FAILED: suite ${name} ran no test\n`);
  const failed = total - passed + silent.length;
  return { passed, failed: failed === 0 && (code !== 0 || total === 0) ? 1 : failed };
}

async function adaptersHere(): Promise<string[]> {
  const { candidates } = await diagnose();
  const kinds = new Set(candidates.map(({ kind }) => kind));
  return ['gpu', 'lavapipe', 'swiftshader'].filter((kind) => kinds.has(kind as never));
}

const args = process.argv.slice(2);
const chosen = args.flatMap((arg, i) => (args[i - 1] === '--adapter' ? [arg] : []));
const filter = new RegExp(
  args.filter((arg, i) => arg !== '--adapter' && args[i - 1] !== '--adapter')[0] ?? '.',
);
const adapters = chosen.length > 0 ? chosen : await adaptersHere();
const all = readdirSync(join(root, 'test'))
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => file.replace('.test.ts', ''))
  .filter((name) => filter.test(name));

const results: Result[] = [];
if (args.length === 0 || chosen.length > 0) {
  const bin = (path: string) => join(root, 'node_modules', path);
  results.push(await check('types (tsc)', [bin('typescript/bin/tsc'), '--noEmit']));
  results.push(
    await check('lint and format (biome)', [
      bin('@biomejs/biome/bin/biome'),
      'check',
      '--error-on-warnings',
      '.',
    ]),
  );
}
results.push(
  await suites(
    'without an adapter',
    all.filter((name) => adapterless.includes(name)),
  ),
);
const onKernels = all.filter((name) => !adapterless.includes(name));
for (const [i, adapter] of adapters.entries()) {
  const names = i === 0 ? onKernels : onKernels.filter((name) => !once.includes(name));
  results.push(await suites(adapter, names, { TAPEGRAD_ADAPTER: adapter, TAPEGRAD_TUNE: 'off' }));
}
if (adapters.length === 0) {
  process.stdout.write('FAILED: no adapter to run kernels on; `npx tapegrad doctor` says what to install\n');
  results.push({ passed: 0, failed: 1 });
}
const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.reduce((sum, result) => sum + result.failed, 0);
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
