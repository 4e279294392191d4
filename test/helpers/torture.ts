import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { decodeSafetensors } from '@tapegrad/nn';
import { threefry } from '@tapegrad/tensor';
import { builtCommand } from './built.ts';
import { fewDigits, writeIdx } from './runs.ts';

/* What a training has to bear: being killed at any moment, and going on for long. */

export interface TortureOptions {
  /** Where the runs may be; emptied by whoever made it. */
  readonly root: string;
  readonly seed: number;
  readonly adapter: string;
  /** Of the trainings that are killed: with more, more of the moments are in the middle of one. */
  readonly epochs?: number;
  readonly say?: (line: string) => void;
}

const bin = await builtCommand();
const MODEL = ['train', 'vae-mlp', '--hidden', '8', '--latent', '3', '--batch-size', '4', '--log-every', '1'];
/** After so many a run is left to end: by then it is in its last pictures. */
const MOST_KILLS = 4;

function start(args: readonly string[]): { child: ChildProcess; ended: Promise<string> } {
  const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0 || signal === 'SIGKILL') resolve(signal ?? '');
      else reject(new Error(`tapegrad ${args.join(' ')} ended with ${code}:\n${stderr}`));
    });
  });
  return { child, ended };
}

// -------------------------------------------------------------------------------------------------------------- kills

/** Lines of what a run has come to: all but times, and what the event files and the report say of times. */
export function traceOf(run: string): string[] {
  const hash = (content: Uint8Array | string) =>
    createHash('sha256').update(content).digest('hex').slice(0, 16);
  const { tensors, metadata } = decodeSafetensors(readFileSync(join(run, 'state.safetensors')));
  const { tally: _, ...counts } = metadata;
  const metrics = readFileSync(join(run, 'metrics.jsonl'), 'utf8').replaceAll(/"seconds":[\d.]+/g, '');
  const files = readdirSync(run, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !/^events\.|^report\.html$|^images$|^(metrics|state)\./.test(name),
  );
  return [
    ...files.map((name) => `${name} ${hash(readFileSync(join(run, name)))}`).sort(),
    `metrics.jsonl ${hash(metrics)}, ${metrics.split('\n').length - 1} lines`,
    ...[...tensors].map(
      ([name, { data }]) =>
        `state ${name} ${hash(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))}`,
    ),
    `state ${JSON.stringify(counts)}`,
  ];
}

/** How far a run is, in words. */
function progressOf(run: string): string {
  if (!existsSync(join(run, 'metrics.jsonl')))
    return existsSync(run) ? 'before its first step' : 'before its folder';
  const last = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n').at(-1);
  const step = /"step":(\d+)/.exec(last ?? '')?.[1];
  return `after step ${step ?? 0}, ${existsSync(join(run, 'state.safetensors')) ? '' : 'no '}checkpoint`;
}

/**
 * Kills trainings (SIGKILL) at random moments, `kills` in all, resumes each every time, and compares what it ends with
 * with one that nobody disturbed.
 * @returns how many runs it took
 * @throws Error that names what differs, or what a run has said when it would not go on
 */
export async function killAndResume(kills: number, options: TortureOptions): Promise<number> {
  const { root, seed, adapter, epochs = 10, say = () => {} } = options;
  const data = writeIdx(join(root, 'digits'), fewDigits(200, 20));
  const begin = (run: string) => [
    ...MODEL,
    '--data',
    data,
    '--epochs',
    `${epochs}`,
    '--out',
    run,
    '--adapter',
    adapter,
  ];
  const straight = join(root, 'straight');
  const began = performance.now();
  await start(begin(straight)).ended;
  let whole = performance.now() - began;
  say(`undisturbed: ${(whole / 1000).toFixed(1)} s`);
  const expected = traceOf(straight);
  let killed = 0;
  let runs = 0;
  while (killed < kills) {
    const run = join(root, `disturbed-${++runs}`);
    const last = Math.min(kills, killed + MOST_KILLS);
    for (;;) {
      const isNew = !existsSync(join(run, 'config.json'));
      const args = isNew ? begin(run) : ['train', '--resume', run, '--adapter', adapter];
      const started = performance.now();
      const { child, ended } = start(args);
      const [word] = threefry(seed, 0, killed, runs);
      const delay = killed < last ? (word / 2 ** 32) * whole : Number.POSITIVE_INFINITY;
      const timer =
        delay < Number.POSITIVE_INFINITY
          ? globalThis.setTimeout(() => child.kill('SIGKILL'), delay)
          : undefined;
      const isComplete = (await ended) === '';
      clearTimeout(timer);
      if (isComplete) {
        // The first run may have compiled kernels that are known by now: the moments would all be after the end.
        if (isNew) whole = Math.min(whole, performance.now() - started);
        break;
      }
      say(`kill ${++killed} of ${kills}: run ${runs} at ${(delay / 1000).toFixed(2)} s, ${progressOf(run)}`);
    }
    const found = traceOf(run);
    const wrong =
      found.find((line) => !expected.includes(line)) ?? expected.find((line) => !found.includes(line));
    if (wrong) throw new Error(`${run}: is not what an undisturbed run ends with: ${wrong}`);
  }
  return runs;
}

// ------------------------------------------------------------------------------------------------------------- memory

/**
 * Trains `steps` steps and looks at the resident memory after each of 20 epochs.
 * @returns kB, without those of the first quarter, in which everything that is kept is made
 */
export async function memoryOver(
  steps: number,
  { root, adapter, say = () => {} }: TortureOptions,
): Promise<number[]> {
  const epochs = 20;
  const images = Math.ceil(steps / epochs) * 4;
  const data = writeIdx(join(root, 'many'), fewDigits(images, 20));
  const run = join(root, 'long');
  const { child, ended } = start([
    ...[...MODEL, '--data', data, '--epochs', `${epochs}`, '--out', run, '--adapter', adapter],
  ]);
  let isRunning = true;
  const finished = ended.finally(() => {
    isRunning = false;
  });
  finished.catch(() => {});
  const resident: number[] = [];
  while (isRunning) {
    const done = epochsIn(run);
    if (done > resident.length) {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      resident.push(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]));
      say(`epoch ${done} of ${epochs}: ${resident.at(-1)} kB`);
    }
    await setTimeout(20);
  }
  await finished;
  return resident.slice(epochs / 4);
}

const epochsIn = (run: string): number =>
  existsSync(join(run, 'metrics.jsonl'))
    ? readFileSync(join(run, 'metrics.jsonl'), 'utf8').split('"kind":"epoch"').length - 1
    : 0;
