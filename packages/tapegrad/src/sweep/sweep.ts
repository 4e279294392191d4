import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolder, renameOver } from '@tapegrad/node';
import { flagOf } from '@tapegrad/vae';
import { attempt, UserError } from '../errors.ts';
import { Lock } from '../lock.ts';
import { differing } from '../run/run-data.ts';
import { RunFolder, runFiles } from '../run/run-folder.ts';
import type { Axis, Point } from './sweep-grid.ts';

/** The settings shared by all calls on a folder: `sweep.json`. */
export interface SweepConfig {
  readonly model: string;
  readonly axes: readonly Axis[];
  /** The other options, as flags of `tapegrad train`. */
  readonly fixed: Readonly<Record<string, string>>;
  /** The identity of the images, wherever they lie. */
  readonly checksums?: Readonly<Record<string, string>>;
}

export type Outcome =
  | { readonly status: 'done'; readonly earlier: boolean }
  | { readonly status: 'failed' | 'interrupted'; readonly reason: string };

export interface SweepRequest {
  readonly folder: string;
  readonly config: SweepConfig;
  /** The points of the grid that are to be run now. */
  readonly points: readonly Point[];
  readonly jobs: number;
  /** Flags that may differ from call to call, such as the adapter. */
  readonly flags: readonly string[];
  readonly listener: (point: Point, outcome: Outcome) => void;
  /** Starts `tapegrad` with these arguments. */
  readonly start?: Start;
}

type Start = (args: readonly string[], log: number) => ChildProcess;

export interface Sweep {
  /** How each point ended. */
  readonly done: Promise<ReadonlyMap<Point, Outcome>>;
  /** The points that are being run, each with the last line of its log. */
  underWay(): { readonly point: Point; readonly last?: string }[];
  /** Starts no more runs, and ends the current ones with a checkpoint. */
  stop(signal: NodeJS.Signals): void;
}

// ------------------------------------------------------------------------------------------------------- the folder

const sweepFile = (folder: string): string => join(folder, 'sweep.json');
export const runOf = (folder: string, { name }: Pick<Point, 'name'>): string => join(folder, name);
/** A finished run's result, its last epoch's record, which exists if and only if the run is finished. */
export const resultOf = (folder: string, { name }: Pick<Point, 'name'>): string =>
  join(folder, 'results', `${name}.json`);
const logOf = (folder: string, { name }: Pick<Point, 'name'>): string => join(folder, 'logs', `${name}.log`);

/** Replaces a file atomically. Several processes may write it: each has a temporary file of its own. */
export function replaceFile(path: string, content: string): void {
  const temporary = `${path}.${randomUUID()}.tmp`;
  attempt(`${path}: cannot write it`, () => {
    try {
      makeFolder(dirname(path));
      writeFileSync(temporary, content);
      renameOver(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}

/** Makes the folder of a sweep, or returns to it; refuses one that holds another sweep or something else. */
export function enterFolder(folder: string, config: SweepConfig): void {
  if (folder === '') throw new UserError("the sweep's folder has no name: name one with --out");
  const path = sweepFile(folder);
  if (existsSync(folder) && !statSync(folder).isDirectory())
    throw new UserError(`${folder}: cannot be the sweep's folder: it is a file; choose another with --out`);
  if (existsSync(join(folder, runFiles.config)))
    throw new UserError(`${folder}: holds a single run, not a sweep; choose another folder with --out`);
  if (!existsSync(path)) replaceFile(path, `${JSON.stringify(config, null, 2)}\n`);
  const text = attempt(`${path}: cannot read it`, () => readFileSync(path, 'utf8'));
  const known = attempt(`${path}: broken`, () => JSON.parse(text) as SweepConfig);
  const difference = differenceOf(known, config);
  if (difference)
    throw new UserError(`${folder}: holds another sweep: ${difference}; choose another folder with --out`);
}

/** The first difference between two sweeps, or undefined. */
function differenceOf(known: SweepConfig, asked: SweepConfig): string | undefined {
  if (known.model !== asked.model) return `of ${known.model} there, of ${asked.model} here`;
  // Two paths may lead to the same data, and one path to other data than before.
  const isKnown = known.checksums !== undefined && asked.checksums !== undefined;
  const other = isKnown ? differing(known.checksums, asked.checksums).at(0) : undefined;
  if (other !== undefined) return `its images are others: the checksum of ${other} is not the same`;
  const flags = ({ axes, fixed }: SweepConfig) =>
    new Map([
      ...Object.entries(fixed).filter(([name]) => !(isKnown && name === 'data')),
      ...axes.map(({ option, values }) => [option, values.join()] as const),
    ]);
  const [there, here] = [flags(known), flags(asked)];
  const name = [...there.keys(), ...here.keys()].find((key) => there.get(key) !== here.get(key));
  if (name !== undefined) {
    const shown = (value: string | undefined) => value ?? 'not given';
    return `--${flagOf(name)} is ${shown(there.get(name))} there, ${shown(here.get(name))} here`;
  }
  const order = ({ axes }: SweepConfig) => axes.map(({ option }) => flagOf(option)).join(', ');
  return order(known) === order(asked)
    ? undefined
    : `its axes are ${order(known)} there, ${order(asked)} here`;
}

// ---------------------------------------------------------------------------------------------------------- running

/** The file that is the command. */
export const bin = fileURLToPath(new URL('../../bin/tapegrad.js', import.meta.url));

const startTapegrad: Start = (args, log) =>
  // A group of its own: Ctrl-C reaches it through `stop`, once. (A second one would end it without a checkpoint.)
  spawn(process.execPath, [bin, ...args], {
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
    windowsHide: true,
  });

/** Windows has no signals: `kill` would end a run at once. There they go through the channel (see `onSignal`). */
function tell(child: ChildProcess, signal: NodeJS.Signals): void {
  if (process.platform === 'win32' && child.connected) child.send(signal);
  else child.kill(signal);
}

/** Runs points, several at a time. A run that fails does not stop the others. */
export function runSweep(request: SweepRequest): Sweep {
  const children = new Map<Point, ChildProcess>();
  let stopped = false;
  const waiting = [...request.points];
  const outcomes = new Map<Point, Outcome>();
  const lane = async () => {
    for (let point = waiting.shift(); point && !stopped; point = waiting.shift()) {
      const outcome = await runPoint(request, point, children, () => stopped).catch(
        (error: Error): Outcome => ({ status: 'failed', reason: error.message }),
      );
      outcomes.set(point, outcome);
      request.listener(point, outcome);
    }
  };
  const lanes = Array.from({ length: Math.min(request.jobs, waiting.length) }, lane);
  return {
    done: Promise.all(lanes).then(() => outcomes),
    underWay: () =>
      [...children.keys()].map((point) => ({ point, last: lastLine(logOf(request.folder, point)) })),
    stop(signal) {
      stopped = true;
      for (const child of children.values()) tell(child, signal);
    },
  };
}

const INTERRUPTED: Outcome = {
  status: 'interrupted',
  reason: 'stopped; the same command goes on with it',
};

async function runPoint(
  { folder, config, flags, start = startTapegrad }: SweepRequest,
  point: Point,
  children: Map<Point, ChildProcess>,
  stopped: () => boolean,
): Promise<Outcome> {
  const run = runOf(folder, point);
  if (isFinished(folder, point)) return { status: 'done', earlier: true };
  const lock = await Lock.take(join(folder, 'locks', point.name));
  try {
    // Another process may have finished it just before.
    if (isFinished(folder, point)) return { status: 'done', earlier: true };
    if (stopped()) return INTERRUPTED;
    const logPath = logOf(folder, point);
    makeFolder(dirname(logPath));
    const log = openSync(logPath, 'a');
    try {
      const child = start([...trainArguments(config, point, run), ...flags], log);
      children.set(point, child);
      const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (code, signal) => resolve({ code, signal }));
      });
      if (child.pid !== undefined) lock.alsoHeldBy(child.pid);
      const { code, signal } = await ended.finally(() => children.delete(point));
      if (code === 0) {
        replaceFile(resultOf(folder, point), `${JSON.stringify(resultFrom(run, point), null, 2)}\n`);
        return { status: 'done', earlier: false };
      }
      if (stopped()) return INTERRUPTED;
      return {
        status: 'failed',
        // A run that was killed has not reported it.
        reason: `${(signal ? undefined : lastLine(logPath)) ?? `ended by ${signal ?? `exit code ${code}`}`} (${logPath})`,
      };
    } finally {
      closeSync(log);
    }
  } finally {
    lock.release();
  }
}

const isFinished = (folder: string, point: Point): boolean =>
  existsSync(resultOf(folder, point)) && existsSync(join(runOf(folder, point), runFiles.config));

/** The arguments that begin a run, resume it, or begin it again if it has no checkpoint yet. */
function trainArguments({ model, fixed }: SweepConfig, { values }: Point, run: string): string[] {
  const options = Object.entries({ ...fixed, ...values }).flatMap(([name, value]) => [
    `--${flagOf(name)}=${value}`,
  ]);
  if (existsSync(join(run, runFiles.state))) return ['train', model, ...options, '--resume', run];
  return ['train', model, ...options, '--out', run, ...(existsSync(run) ? ['--force'] : [])];
}

/** The content of `results/NAME.json`. */
export interface Result {
  readonly name: string;
  readonly values: Point['values'];
  readonly epochs: number;
  readonly seconds: number;
  readonly train: Readonly<Record<string, number>>;
  readonly test: Readonly<Record<string, number>>;
  readonly nats?: Readonly<Record<string, number>>;
}

function resultFrom(run: string, { name, values }: Point): Result {
  const epochs = RunFolder.open(run)
    .readMetrics()
    .filter(({ kind }) => kind === 'epoch') as unknown as (Result & { epoch: number })[];
  const last = epochs.at(-1);
  if (!last) throw new UserError(`${run}: it ended well, but its ${runFiles.metrics} has no epoch`);
  const { epoch, train, test, nats } = last;
  const seconds = epochs.reduce((sum, record) => sum + record.seconds, 0);
  return { name, values, epochs: epoch, seconds, train, test, ...(nats ? { nats } : {}) };
}

function lastLine(path: string): string | undefined {
  const line = readFileSync(path, 'utf8').trimEnd().split('\n').at(-1)?.trim();
  return line?.replace(/^tapegrad: /, '') || undefined;
}
