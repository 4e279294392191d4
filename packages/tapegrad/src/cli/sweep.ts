import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import { flagOf, type ModelSpec, models } from '@tapegrad/vae';
import { UserError } from '../errors.ts';
import { specOf } from '../models.ts';
import { writeComparison } from '../run/compare.ts';
import { type DataOptions, loadData } from '../run/run-data.ts';
import { bin, enterFolder, type Outcome, runSweep, type SweepConfig } from '../sweep/sweep.ts';
import { type Axis, gridPoints, type Point, parseValues, pointsOfTask } from '../sweep/sweep-grid.ts';
import { kubernetesJob, slurmScript } from '../sweep/sweep-script.ts';
import { type SummaryRow, summarize, summaryTable, writeSummary } from '../sweep/sweep-summary.ts';
import { type ConfigFile, readConfigFile } from './config-file.ts';
import { openAdapter } from './device.ts';
import { loadingReport } from './loading.ts';
import { sweepable } from './options/tunable.ts';
import { exitCodeOf, onSignal } from './signals.ts';
import { sweepProgress } from './sweep-progress.ts';

/** The options that are passed on to every run unchanged. */
const PASSED = ['data', 'imageSize', 'channels', 'badImages', 'limit', 'logEvery'] as const;

/** Slurm's arrays have at most 1,001 tasks, unless its administrator has raised that limit. */
const MOST_TASKS = 1000;

type SweepOptions = Record<string, string | undefined> & {
  out: string;
  jobs: number;
  adapter?: string;
  task?: number;
  of?: number;
  script?: 'slurm' | 'kubernetes';
  image: string;
  claim: string;
  json?: boolean;
  tensorboard: boolean;
  compare: boolean;
};

/** The most runs that one page compares. */
const MOST_COMPARED = 40;

/** The command `sweep`. */
export async function sweep(model: string | undefined, given: SweepOptions): Promise<void> {
  const file = given.config === undefined ? undefined : readConfigFile(given.config, model, given);
  const name = file?.model ?? model;
  if (!name) throw new UserError(`name a model (${[...models.keys()].join(', ')}), or a run's with --config`);
  const spec = specOf(name);
  const options = file ? withFile(given, file) : given;
  const grid = configOf(spec, options);
  const points = gridPoints(grid.axes);
  const { task, of } = options;
  if (options.script && task !== undefined)
    throw new UserError('--script writes a script for all tasks: leave --task out');
  if (!options.script && (task === undefined) !== (of === undefined))
    throw new UserError('--task and --of go together');
  const own = task !== undefined && of !== undefined ? pointsOfTask(points, { task, of }) : points;
  const images = dataOptions(options);
  const listener = loadingReport();
  const found = file && given.data === undefined ? await file.find(images, listener) : undefined;
  if (found?.note) listener.note(found.note);
  const fixed = { ...grid.fixed, ...(found && { data: found.name }) };
  if (options.script) {
    process.stdout.write(scriptOf(options.script, { ...grid, fixed }, points, options));
    return;
  }
  const { checksums } = found?.data ?? (await loadData(images, listener));
  const config = { ...grid, fixed, checksums };
  const folder = options.out;
  enterFolder(folder, config);
  const outcomes = await run(folder, config, own, options);
  const rows = summarize(folder, points, outcomes);
  writeSummary(folder, config, rows);
  process.stdout.write(
    options.json ? `${JSON.stringify({ ...config, runs: rows })}\n` : summaryTable(config, rows),
  );
  const isNew = [...outcomes.values()].some((outcome) => outcome.status === 'done' && !outcome.earlier);
  const page = join(folder, 'compare.html');
  // In a job array, the task that finishes last makes the page.
  const isTime = task === undefined || rows.every(({ status }) => status === 'done');
  const isStopped = [...outcomes.values()].some(({ status }) => status === 'interrupted');
  if (options.compare && isTime && !isStopped && (isNew || !existsSync(page)))
    await compare(rows, page, given);
}

/** The finished runs side by side; of a grid over seeds, those of the first. */
async function compare(
  rows: readonly SummaryRow[],
  page: string,
  { data, adapter = 'auto' }: SweepOptions,
): Promise<void> {
  const done = rows.filter(({ status }) => status === 'done');
  const seeds = new Set(rows.map(({ values }) => values.seed));
  const distinct =
    seeds.size < rows.length ? done.filter(({ values }) => values.seed === rows[0]!.values.seed) : done;
  if (distinct.length < 2) return;
  if (distinct.length > MOST_COMPARED) {
    process.stderr.write(
      `${distinct.length} runs are too many for one page: name some of them to \`tapegrad compare\`\n`,
    );
    return;
  }
  const device = await openAdapter(adapter);
  const runs = distinct.map(({ run }) => run);
  const { html } = await writeComparison(runs, page, { device, data, listener: loadingReport() });
  process.stderr.write(`${html}\n`);
}

/** The images of the runs, as each run will load them. */
function dataOptions(options: SweepOptions): DataOptions {
  const { data = 'mnist', limit = null, imageSize, channels, badImages } = options as Partial<DataOptions>;
  return { data, limit, imageSize, channels, badImages, binarize: 'none', seed: 0 };
}

/** The given options, and a file's options for the rest. */
function withFile(given: SweepOptions, { options }: ConfigFile): SweepOptions {
  const { tensorboard = true, ...rest } = options;
  const missing = Object.entries(rest).filter(([name]) => given[name] === undefined);
  // As the command line would give them: it parses `PASSED`, but not the values of axes.
  const values = missing.map(([name, value]) => [name, name in sweepable ? `${value}` : value]);
  return {
    ...given,
    ...Object.fromEntries(values),
    tensorboard: given.tensorboard && tensorboard === true,
  };
}

/** The grid and what all its runs share. */
function configOf(spec: ModelSpec, options: SweepOptions): SweepConfig {
  // In the order in which they were given.
  const given = Object.keys(options).filter((name) => name in sweepable);
  const foreign = given.find((name) => name !== 'seed' && !(name in spec.defaults));
  if (foreign) throw new UserError(`${spec.name} has no --${flagOf(foreign)}`);
  const lists = given.map(
    (name): Axis => ({ option: name, values: parseValues(name, sweepable[name]!, options[name]!) }),
  );
  const axes = lists.filter(({ values }) => values.length > 1);
  if (axes.length === 0)
    throw new UserError(
      'nothing to sweep: give an option several values, such as --seed 0..4 or --beta 0.1,1,4',
    );
  const single = lists.filter(({ values }) => values.length === 1);
  const passed = PASSED.flatMap((name) => (options[name] === undefined ? [] : [[name, `${options[name]}`]]));
  const fixed = Object.fromEntries([
    ...single.map(({ option, values }) => [option, `${values[0]}`]),
    ...passed,
  ]);
  return { model: spec.name, axes, fixed };
}

/** Flags of `tapegrad train` and `tapegrad sweep` that do not change what is learned. */
const sharedFlags = ({ adapter, tensorboard }: SweepOptions): string[] => [
  ...(adapter === undefined ? [] : [`--adapter=${adapter}`]),
  ...(tensorboard ? [] : ['--no-tensorboard']),
];

function scriptOf(
  which: 'slurm' | 'kubernetes',
  { model, axes, fixed }: SweepConfig,
  points: readonly Point[],
  options: SweepOptions,
): string {
  const out = options.out.split(sep).join('/'); // jobs run on Linux, wherever their script was written
  const args = [
    ...axes.map(({ option, values }) => `--${flagOf(option)}=${values.join(',')}`),
    ...Object.entries(fixed).map(([name, value]) => `--${flagOf(name)}=${value}`),
    ...sharedFlags(options),
    `--out=${out}`,
  ];
  const tasks = Math.min(points.length, options.of ?? MOST_TASKS);
  const request = { model, args, out, tasks, points: points.length };
  if (which === 'slurm') return slurmScript({ ...request, node: process.execPath, bin });
  const { image, claim, jobs } = options;
  return kubernetesJob({ ...request, image, claim, parallelism: jobs > 1 ? jobs : tasks });
}

/** Runs the points and reports on stderr how each ended; failures and interruptions set the exit code. */
async function run(
  folder: string,
  config: SweepConfig,
  points: readonly Point[],
  options: SweepOptions,
): Promise<ReadonlyMap<Point, Outcome>> {
  let count = 0;
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const { done, stop, underWay } = runSweep({
    folder,
    config,
    points,
    jobs: options.jobs,
    flags: sharedFlags(options),
    listener: ({ name }, outcome) => {
      say(`[${++count}/${points.length}] ${name}: ${messageOf(outcome)}`);
      progress.ended(outcome);
    },
  });
  const progress = sweepProgress(points.length, underWay);
  const interruption = onSignal((_, atOnce) => {
    if (!atOnce) say('stopping the runs under way, with a checkpoint; once more stops at once');
    stop('SIGTERM');
  });
  const outcomes = await done.finally(progress.stop);
  const failed = [...outcomes].filter(([, { status }]) => status === 'failed');
  if (failed.length > 0) {
    process.exitCode = 1;
    say(`${failed.length} of ${points.length} runs failed: ${failed.map(([{ name }]) => name).join(' ')}`);
  }
  if (interruption.signal) process.exitCode = exitCodeOf(interruption.signal);
  return outcomes;
}

const messageOf = (outcome: Outcome): string =>
  outcome.status !== 'done'
    ? `${outcome.status}: ${outcome.reason}`
    : outcome.earlier
      ? 'done before'
      : 'done';
