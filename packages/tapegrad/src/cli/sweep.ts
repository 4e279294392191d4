import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import { flagOf, type ModelSpec, modelOptions, type Option, trainingOptions } from '@tapegrad/vae';
import { Command, Option as CommandOption } from 'commander';
import { UserError } from '../errors.ts';
import { writeComparison } from '../run/compare.ts';
import { specOf } from '../run/run.ts';
import { type DataOptions, loadData } from '../run/run-data.ts';
import { bin, enterFolder, type Outcome, runSweep, type SweepConfig } from '../sweep/sweep.ts';
import { type Axis, gridPoints, type Point, parseValues, pointsOfTask } from '../sweep/sweep-grid.ts';
import { kubernetesJob, slurmScript } from '../sweep/sweep-script.ts';
import { type SummaryRow, summarize, summaryTable, writeSummary } from '../sweep/sweep-summary.ts';
import { ADAPTER_HELP, openAdapter } from './device.ts';
import { loadingReport } from './loading.ts';
import { whole } from './options.ts';
import { exitCodeOf, onSignal } from './signals.ts';
import { sweepProgress } from './sweep-progress.ts';
import { addDataOptions } from './train.ts';

/** The options that may have several values. */
const sweepable: Readonly<Record<string, Option>> = {
  ...modelOptions,
  ...trainingOptions,
  seed: { kind: 'whole', least: 0, value: 0, help: 'fixes weights, noise and the order of the data' },
};

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

/** The most runs that a page puts side by side. */
const MOST_COMPARED = 40;

export function sweepCommand(): Command {
  const command = new Command('sweep')
    .description('train a grid of runs: options with several values, such as --beta 0.1,1,4 --seed 0..4')
    .argument('<model>', 'what to train')
    .requiredOption(
      '--out <dir>',
      "the sweep's folder: a run folder for each point of the grid, and a summary",
    )
    .option('--jobs <n>', 'runs at the same time', whole(1), 1)
    .option('--task <i>', 'of a job array: run only every N-th point, from the i-th on (from 0)', whole(0))
    .option('--of <n>', 'N, tasks of the job array', whole(1))
    .addOption(
      new CommandOption(
        '--script <which>',
        'print a script for a scheduler instead of running anything',
      ).choices(['slurm', 'kubernetes']),
    )
    .option('--image <name>', 'for kubernetes: the container image, which has tapegrad', 'tapegrad')
    .option('--claim <name>', 'for kubernetes: the claim of the volume for the runs', 'tapegrad-runs')
    .option('--no-compare', 'make no comparison page')
    .option('--json', 'print the summary as JSON');
  addDataOptions(command)
    .option('--limit <n>', 'use the first N training images (default: all)', whole(1))
    .option('--log-every <n>', 'steps between two lines of metrics.jsonl (default: 10)', whole(1))
    .option('--no-tensorboard', 'write no event files for TensorBoard')
    .option('--adapter <which>', ADAPTER_HELP);
  for (const [name, { help }] of Object.entries(sweepable))
    command.option(`--${flagOf(name)} <values>`, help, onlyOnce(`--${flagOf(name)}`));
  return command
    .addHelpText(
      'after',
      `
Options with <values> take one, a list (0.1,1,4) or, where they are whole numbers, a range (0..4, both ends included).
Every combination is a run, in a folder such as beta=0.1,latent=2,seed=0. The same command goes on after an interruption:
finished runs stay, others go on from their checkpoint. A run that fails stops none of the others.
Writes summary.json, summary.csv and compare.html, and logs/ and results/, beside the runs. docs/sweeps.md has job arrays.`,
    )
    .action(sweep);
}

/** Refuses a flag that is given twice: only the last would count, which nobody would notice. */
const onlyOnce = (flag: string) => (text: string, before?: string) => {
  if (before === undefined) return text;
  throw new UserError(`${flag} is given twice: name all values at once, ${flag} ${before},${text}`);
};

async function sweep(model: string, options: SweepOptions): Promise<void> {
  const spec = specOf(model);
  const grid = configOf(spec, options);
  const points = gridPoints(grid.axes);
  const { task, of } = options;
  if (options.script) {
    if (task !== undefined) throw new UserError('--script writes a script for all tasks: leave --task out');
    process.stdout.write(scriptOf(options.script, grid, points, options));
    return;
  }
  if ((task === undefined) !== (of === undefined)) throw new UserError('--task and --of go together');
  const own = task !== undefined && of !== undefined ? pointsOfTask(points, { task, of }) : points;
  const folder = options.out;
  const { checksums } = await loadData(dataOptions(options), loadingReport());
  const config = { ...grid, checksums };
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
    await compare(rows, page, options);
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

/** Of which images the runs are made, as each of them will load them. */
function dataOptions(options: SweepOptions): DataOptions {
  const { data = 'mnist', limit = null, imageSize, channels, badImages } = options as Partial<DataOptions>;
  return { data, limit, imageSize, channels, badImages, binarize: 'none', seed: 0 };
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
  const out = options.out.split(sep).join('/'); // jobs run on Linux, wherever their script is made
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
