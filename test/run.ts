import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { diagnose } from '@tapegrad/node';
import { optionsOf, pattern, refuse, wholeNumber } from './helpers/script.ts';

/*
 * `npm test`: type check, lint, and every suite in a process of its own; suites that run kernels once for each adapter.
 * Ends with a line `N passed, N failed`.
 */

const USAGE = `npm test -- [PATTERN] [options]    the suites whose names match; without a pattern all, and types, layers and lint
  --adapter NAME    repeatable; default: each software adapter and GPU that is here
  --jobs N          processes at once
  --suites-only     no types, layers and lint`;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/**
 * How a suite wants to be run; it says so in its first line. Those that use no kernels, or that choose adapters themselves,
 * run once; so do those that train, since they are long and their kernels have suites of their own. Those that add `, for
 * long` come first: begun last, they would keep one core busy when there is nothing left for the others.
 */
const schedules = ['without an adapter', 'on the fastest adapter', 'on every adapter'] as const;
type Schedule = (typeof schedules)[number];

/** `name` is the path below `test/`, without its ending. */
interface Suite {
  readonly name: string;
  readonly schedule: Schedule;
  readonly isLong: boolean;
}

function readSuite(name: string): Suite {
  const [first = ''] = readFileSync(join(root, 'test', `${name}.test.ts`), 'utf8').split(/\r?\n/, 1);
  const [, said = '', long] = /^\/\* Runs (.*?)(, for long)?\. \*\/$/.exec(first) ?? [];
  const schedule = schedules.find((known) => known === said);
  if (!schedule) {
    throw new Error(
      `test/${name}.test.ts: the first line has to be one of ${schedules.map((known) => `/* Runs ${known}. */`).join(', ')}`,
    );
  }
  return { name, schedule, isLong: long !== undefined };
}

interface Result {
  passed: number;
  failed: number;
}

/** Runs a command; resolves with its exit code and what it printed. */
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
      });
    }
    child.on('error', reject);
    // Without the colours, which uvu prints whether wanted or not.
    child.on('close', (code) => resolve({ code: code ?? 1, output: stripVTControlCharacters(output) }));
  });
}

async function check(name: string, args: string[]): Promise<Result> {
  const { code, output } = await shell(process.execPath, args);
  process.stdout.write(`${code === 0 ? '' : output}${code === 0 ? 'ok' : 'FAILED'}: ${name}\n`);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 };
}

/**
 * Where Mesa keeps the kernels that it compiled for lavapipe: suites that give the command a cache folder of its own would else
 * compile all of them anew.
 */
const shaderCache =
  process.env.MESA_SHADER_CACHE_DIR ?? process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');

/** A suite to be run, on an adapter or on none. */
interface Task extends Pick<Suite, 'name' | 'isLong'> {
  readonly adapter?: string;
}

/** A suite that was forgotten (no `.run()`) or that died counts as a failure. What failed is shown in full. */
async function suite({ name, adapter }: Task): Promise<Result> {
  const started = performance.now();
  const env = {
    TAPEGRAD_TUNE: 'off',
    MESA_SHADER_CACHE_DIR: shaderCache,
    ...(adapter && { TAPEGRAD_ADAPTER: adapter }),
  };
  const { code, output } = await shell(process.execPath, ['--import', 'tsx', `test/${name}.test.ts`], env);
  const count = (what: string) => Number(new RegExp(`${what}: +(\\d+)`).exec(output)?.[1] ?? 0);
  const [total, passed, skipped] = [count('Total'), count('Passed'), count('Skipped')];
  const missing = total - passed;
  const failed = missing === 0 && (code !== 0 || total + skipped === 0) ? 1 : missing;
  const notes = output.split('\n').filter((line) => line.startsWith('SKIPPED'));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const what = `${failed > 0 ? 'FAILED' : 'ok'}: ${name}${adapter ? ` on ${adapter}` : ''}`;
  const counts = `${passed} of ${total}${skipped > 0 ? `, ${skipped} skipped` : ''}, ${seconds} s`;
  process.stdout.write(
    `${failed > 0 ? `\n${output}\n` : ''}${[`${what} (${counts})`, ...notes].join('\n')}\n`,
  );
  return { passed, failed };
}

/** Runs processes side by side, one for each core. */
async function inParallel(processes: readonly (() => Promise<Result>)[]): Promise<Result[]> {
  const waiting = [...processes];
  const results: Result[] = [];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) results.push(await next());
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return results;
}

async function adaptersHere(): Promise<string[]> {
  const { candidates } = await diagnose();
  const kinds = new Set(candidates.map(({ kind }) => kind));
  return ['gpu', 'lavapipe', 'swiftshader'].filter((kind) => kinds.has(kind as never));
}

const { values, positionals } = optionsOf(USAGE, {
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    adapter: { type: 'string', multiple: true, default: [] },
    jobs: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    'suites-only': { type: 'boolean', default: false },
  },
});
const chosen = values.adapter;
const jobs = wholeNumber('--jobs', values.jobs, 1);
if (positionals.length > 1) refuse(`one pattern, not ${positionals.length}: a|b matches both\n${USAGE}`);
const filter = pattern(positionals[0] ?? '.');
const adapters = chosen.length > 0 ? chosen : await adaptersHere();
const suites = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => file.replaceAll('\\', '/').replace('.test.ts', ''))
  .filter((name) => filter.test(name))
  .sort()
  .map(readSuite);
if (suites.length === 0)
  refuse(`no suite's name matches ${filter}: they are the paths below test/, such as nn/nn`);

const bin = (path: string) => join(root, 'node_modules', path);
const checks: [name: string, args: string[]][] = [
  ['types (tsc)', [bin('@typescript/native/bin/tsc'), '--noEmit']],
  [
    'layers (dependency-cruiser)',
    [bin('dependency-cruiser/bin/dependency-cruise.mjs'), '--config', '.dependency-cruiser.js', '.'],
  ],
  ['lint and format (biome)', [bin('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.']],
];
const isChecked = !values['suites-only'] && (positionals.length === 0 || chosen.length > 0);
const tasks: Task[] = [
  ...adapters.flatMap((adapter, i) =>
    suites
      .filter(
        ({ schedule }) =>
          schedule === 'on every adapter' || (i === 0 && schedule === 'on the fastest adapter'),
      )
      .map((suite) => ({ ...suite, adapter })),
  ),
  ...suites.filter(({ schedule }) => schedule === 'without an adapter'),
];
const results = await inParallel([
  ...(isChecked ? checks : []).map((one) => () => check(...one)),
  ...[true, false].flatMap((long) =>
    tasks.filter(({ isLong }) => isLong === long).map((task) => () => suite(task)),
  ),
]);
if (adapters.length === 0) {
  process.stdout.write('FAILED: no adapter to run kernels on; `npx tapegrad doctor` says what to install\n');
  results.push({ passed: 0, failed: 1 });
}
const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.reduce((sum, result) => sum + result.failed, 0);
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
