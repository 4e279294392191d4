/* Runs on the fastest adapter. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { decodeSafetensors } from '@tapegrad/nn';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { shellQuoted } from '../../packages/tapegrad/src/sweep/sweep-script.ts';
import { builtCommand } from '../helpers/built.ts';
import { fewDigits, temporaryFolder, writeIdx } from '../helpers/runs.ts';

/* What ends a training, and what does not. Each is signalled in its second epoch. */

const root = temporaryFolder();
const digits = writeIdx(join(root, 'digits'), fewDigits(300, 20));
const bin = await builtCommand();
const STEPS = 75;
const EPOCHS = 4;

/** The words of a training of 75 steps an epoch. */
const training = (run: string, ...more: string[]): string[] => [
  ...[process.execPath, bin, 'train', 'vae-mlp', '--data', digits, '--hidden', '4', '--latent', '2'],
  ...['--batch-size', '4', '--log-every', '1', '--epochs', `${EPOCHS}`, '--no-tensorboard', '--out', run],
  ...['--adapter', process.env.TAPEGRAD_ADAPTER ?? 'auto', ...more],
];
const shellLine = (words: readonly string[]) => words.map(shellQuoted).join(' ');

/** These tests may themselves be running under `nohup`: nothing of that is passed on. */
const { _, ...env } = process.env;
const CLEAN = `require('child_process').spawn(process.argv[1], process.argv.slice(2), { stdio: 'inherit' })
  .on('exit', (code) => process.exit(code ?? 99))`;

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

/** Starts a command in a group of its own; `act` is called when its training is in the second epoch. */
function run(words: readonly string[], folder: string, act: (child: ChildProcess) => void): Promise<Ended> {
  const child = spawn(process.execPath, ['-e', CLEAN, ...words], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdout.resume();
  const watch = setInterval(() => {
    if (recordsOf(folder).at(-1)?.epoch !== 2) return;
    clearInterval(watch);
    act(child);
  }, 5);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearInterval(watch);
      resolve({ code, stderr });
    });
  });
}

/** The processes that a command consists of: those of its group. */
function groupOf({ pid: group }: ChildProcess): { pid: number; name: string }[] {
  if (!existsSync('/proc/self/stat')) {
    const { stdout } = spawnSync('ps', ['-A', '-o', 'pgid=,pid=,comm='], { encoding: 'utf8' });
    const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/));
    return rows.filter(([id]) => id === `${group}`).map(([, pid, name = '']) => ({ pid: Number(pid), name }));
  }
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const [, name, fields] = /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))!;
      return Number(fields!.split(' ')[2]) === group ? [{ pid: Number(pid), name: name! }] : [];
    } catch {
      return []; // not a process, or none any more
    }
  });
}

/**
 * Signals the whole command, except the process in front, which only passes on how the others end.
 */
function tell(child: ChildProcess, ...signals: NodeJS.Signals[]): void {
  for (const { pid } of groupOf(child))
    if (pid !== child.pid) for (const signal of signals) process.kill(pid, signal);
}

function recordsOf(folder: string): { kind: string; epoch: number; step: number }[] {
  const path = join(folder, 'metrics.jsonl');
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

/** It stopped in the middle of an epoch, with a checkpoint there. */
function assertCheckpoint(folder: string): void {
  const { step } = decodeSafetensors(readFileSync(join(folder, 'state.safetensors'))).metadata;
  assert.ok(Number(step) > STEPS && Number(step) < EPOCHS * STEPS, `step ${step}`);
  assert.is(recordsOf(folder).at(-1)!.step, Number(step));
  assert.not(existsSync(join(folder, '.lock')));
}

const assertComplete = (folder: string) => assert.is(recordsOf(folder).at(-1)!.epoch, EPOCHS);

// Which of several the kernel hands over first is its own affair: any of them may be the one that the code names.
for (const [name, signals] of [
  // A closing terminal's comes from the shell and from the kernel, and with SIGTERM at the end of a session.
  ['a hang-up, once more, and the end of the session', ['SIGHUP', 'SIGHUP', 'SIGTERM']],
  // To the program, and to the group that it is in.
  ["what GNU's timeout sends", ['SIGTERM', 'SIGTERM']],
  ["a scheduler's warning, and the limit on CPU time, every second", ['SIGUSR2', 'SIGXCPU', 'SIGXCPU']],
] as const) {
  test(`signals: ${name} ends the training with a checkpoint`, async () => {
    const folder = join(root, signals[0]);
    const ended = await run(training(folder), folder, (child) => tell(child, ...signals));
    const codes = signals.map((signal) => 128 + constants.signals[signal]);
    assert.ok(codes.includes(ended.code!), `${ended.code}: ${ended.stderr}`);
    assertCheckpoint(folder);
  });
}

const has = (command: string) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;

for (const [name, needed, words] of [
  ['under nohup', ['bash', 'nohup'], (line: string) => ['bash', '-c', `nohup ${line}`]],
  [
    'in a script under nohup',
    ['bash', 'nohup'],
    (line: string) => ['bash', '-c', `nohup sh -c ${shellQuoted(`${line}; true`)}`],
  ],
  ['where the script ignores hang-ups', ['sh'], (line: string) => ['sh', '-c', `trap '' HUP; ${line}; true`]],
] as const) {
  (process.platform === 'linux' && needed.every(has) ? test : test.skip)(
    `signals: ${name} a training goes on after a hang-up`,
    async () => {
      const folder = join(root, name.replaceAll(' ', '-'));
      const ended = await run(words(shellLine(training(folder))), folder, (child) => tell(child, 'SIGHUP'));
      assert.is(ended.code, 0, ended.stderr);
      assertComplete(folder);
    },
  );
}

(process.platform === 'linux' && has('script') ? test : test.skip)(
  'signals: a terminal that closes: what cannot be said any more does not keep it from its checkpoint',
  async () => {
    const folder = join(root, 'terminal');
    const words = ['script', '-qfec', `exec ${shellLine(training(folder))}`, '/dev/null'];
    await run(words, folder, (child) => {
      process.kill(groupOf(child).find(({ name }) => name === 'script')!.pid, 'SIGKILL');
    });
    while (existsSync(join(folder, '.lock'))) await new Promise((resolve) => setTimeout(resolve, 20));
    assertCheckpoint(folder);
  },
);

test('signals: a reader who goes away ends the training with a checkpoint', async () => {
  const folder = join(root, 'reader');
  const ended = await run(training(folder, '--json'), folder, ({ stdout }) => stdout!.destroy());
  assert.is(ended.code, 141, ended.stderr);
  assertCheckpoint(folder);
});

for (const [name, args] of [
  ['results', ['completion', 'bash']],
  ['help', ['train', '--help']],
] as const) {
  (existsSync('/dev/full') ? test : test.skip)(`output: a full disk under ${name} is an error`, () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [bin, ...args], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    assert.match(stderr, /^tapegrad: standard output: cannot write it: the disk is full; [^\n]+\n$/);
    assert.is(status, 1);
  });
}

(existsSync('/dev/full') ? test : test.skip)('output: a full disk under notes changes no result', () => {
  const words = ['train', 'vae-mlp', '--data', digits, '--hidden', '4', '--epochs', '1', '--json'];
  const { status, stdout } = spawnSync(
    process.execPath,
    [bin, ...words, '--adapter', process.env.TAPEGRAD_ADAPTER ?? 'auto', '--out', join(root, 'notes')],
    { stdio: ['ignore', 'pipe', openSync('/dev/full', 'w')], encoding: 'utf8' },
  );
  assert.is(status, 0);
  assert.match(stdout, /"kind":"end"/);
});

test.run();
