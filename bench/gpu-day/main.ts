import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { UserError } from 'tapegrad/node';
import { writeAtomically } from '../results-file.ts';
import { pageOf } from './page.ts';
import { type DayRecord, newRecord, type Row, type StageRecord, writeRecord } from './record.ts';
import type { Conditions, Stage } from './stage.ts';
import { stages } from './stages.ts';

/** Seconds for which the stages' own times are meant. */
const DAY = 480;
/** Seconds that a stage needs to come to anything. */
const LEAST = 5;

const HELP = `npm run bench -- gpu-day [options]

All that a few minutes on a GPU can tell, in one command that needs nothing but Node and a driver: what the adapter is;
fixed costs and roofs; whether training is the same to the byte; training steps of all models; PyTorch beside them; kernels
by variant; the tests. Each part runs in a process of its own with a time of its own; none stops the others, and what was
found is written after each: DIR/gpu-day.json, and DIR/gpu-day.md to be read.

  --adapter <which>    auto, gpu, lavapipe, swiftshader, or part of a name (default: gpu)
  --seconds <n>        for everything together (default: ${DAY})
  --only <names>       parts, separated by commas: ${stages.map(({ name }) => name).join(', ')}
  --out <dir>          where results go (default: gpu-day)
  --page <file>        writes the page there, too: docs/results-gpu.md
  --from <file>        measures nothing: makes the page from a gpu-day.json
  --seed <n>           of the random shapes (default: 1)
  --small              small sizes and few samples: a rehearsal, on any adapter
  --help               this text
`;

/** `npm run bench -- gpu-day`: see HELP. Returns the exit code: 1 where a check failed. */
export async function gpuDay(argv: readonly string[]): Promise<number> {
  const values = parsed(argv);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.from !== undefined) {
    const page = pageOf(readRecord(values.from));
    if (values.page === undefined) process.stdout.write(page);
    else writeAtomically(values.page, page);
    return 0;
  }
  const names = values.only?.split(',').map((name) => name.trim());
  const unknown = names?.find((name) => !stages.some((stage) => stage.name === name));
  if (unknown !== undefined) {
    throw new UserError(`gpu-day: --only ${unknown}: there is ${stages.map(({ name }) => name).join(', ')}`);
  }
  const seconds = wholeNumber('--seconds', values.seconds);
  const conditions = {
    adapter: values.adapter,
    small: values.small,
    seed: wholeNumber('--seed', values.seed),
  };
  mkdirSync(values.out, { recursive: true });
  const record = await live(names, conditions, seconds, (so) => {
    writeRecord(join(values.out, 'gpu-day.json'), so);
    const page = pageOf(so);
    writeAtomically(join(values.out, 'gpu-day.md'), page);
    if (values.page !== undefined) writeAtomically(values.page, page);
  });
  return record.stages.some(hasFailure) ? 1 : 0;
}

/** Whether a stage did not get through, or what it checked was wrong. */
export const hasFailure = ({ state, rows }: StageRecord): boolean =>
  state === 'failed' ||
  rows.some((row) => 'why' in row || 'differs' in row || 'failed' in row || row.same === false);

/** Goes through the stages; `save` is called after each. */
async function live(
  names: readonly string[] | undefined,
  conditions: Conditions,
  seconds: number,
  save: (record: DayRecord) => void,
): Promise<DayRecord> {
  const end = performance.now() + 1000 * seconds;
  let record = newRecord(conditions.small);
  for (const stage of stages) {
    if (names && !names.includes(stage.name)) continue;
    const left = (end - performance.now()) / 1000;
    const may = Math.min(left, (stage.seconds * seconds) / DAY);
    process.stderr.write(`${stage.name} …\n`);
    const done: StageRecord =
      left < LEAST
        ? { name: stage.name, state: 'left out', reason: 'no time was left', seconds: 0, rows: [] }
        : await inProcess(stage, conditions, Math.max(LEAST, may));
    record = { ...record, stages: [...record.stages, done] };
    save(record);
    process.stderr.write(`${stage.name}: ${describe(done)}\n`);
  }
  return record;
}

function describe({ state, reason, rows, seconds }: StageRecord): string {
  return `${state}${reason ? ` (${reason})` : ''}, ${rows.length} rows in ${seconds.toFixed(0)} s`;
}

/** A stage in a process of its own, with all that it starts, until it ends or its time does. */
function inProcess(stage: Stage, conditions: Conditions, seconds: number): Promise<StageRecord> {
  const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
  const started = performance.now();
  // A group of its own: the suites' processes end with it.
  const child = spawn(
    process.execPath,
    [...process.execArgv, worker, stage.name, JSON.stringify(conditions)],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  );
  const rows: Row[] = [];
  let complaints = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    try {
      rows.push(JSON.parse(line) as Row);
    } catch {
      complaints += `${line}\n`;
    }
  });
  child.stderr.on('data', (data: Buffer) => {
    complaints += data;
  });
  const end = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, 1000 * seconds);
  process.once('exit', end);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      process.off('exit', end);
      end();
      const spent = (performance.now() - started) / 1000;
      const common = { name: stage.name, seconds: Number(spent.toFixed(1)), rows };
      if (isLate) resolve({ ...common, state: 'cut off', reason: `after ${seconds.toFixed(0)} s` });
      else if (code === 0) resolve({ ...common, state: 'done' });
      else {
        const last = complaints.trim().split('\n').slice(-12).join('\n');
        resolve({ ...common, state: 'failed', reason: last || `ended by ${signal ?? `code ${code}`}` });
      }
    });
  });
}

function parsed(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...argv],
      options: {
        adapter: { ...text, default: 'gpu' },
        seconds: { ...text, default: String(DAY) },
        only: text,
        out: { ...text, default: 'gpu-day' },
        page: text,
        from: text,
        seed: { ...text, default: '1' },
        small: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UserError(`gpu-day: ${(error as Error).message.split('. ')[0]}; --help lists what there is`);
  }
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UserError(`gpu-day: ${name} ${text}: has to be a whole number, 1 or more`);
  return value;
}

function readRecord(path: string): DayRecord {
  if (!existsSync(path)) throw new UserError(`gpu-day: --from ${path}: there is no such file`);
  try {
    const record = JSON.parse(readFileSync(path, 'utf8')) as DayRecord;
    if (record.format === 'tapegrad-gpu-day' && record.version === 1) return record;
  } catch {
    // said below
  }
  throw new UserError(`gpu-day: --from ${path}: is no gpu-day.json of this version`);
}
