import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { Argument, Command } from 'commander';
import { models, type TrainingDefaults } from '../models/index.ts';
import { UserError } from '../node/errors.ts';
import { loadData, type RunConfig, readRunConfig, specOf } from '../node/run.ts';
import { RunFolder } from '../node/run-folder.ts';
import { type RunState, readRunState, trainRun } from '../node/train-run.ts';
import { ADAPTER_HELP, openAdapter } from './device.ts';
import { real, whole } from './options.ts';
import { jsonReport, progressReport } from './progress.ts';

interface TrainOptions extends Partial<Omit<RunConfig, 'adapter'>> {
  resume?: string;
  out?: string;
  force?: boolean;
  json?: boolean;
  adapter: string;
}

export function trainCommand(): Command {
  const names = [...models.values()].map(({ name, summary }) => `  ${name.padEnd(7)}  ${summary}`);
  return new Command('train')
    .description('train a model and write a run folder')
    .addArgument(new Argument('[model]', 'what to train (see below); may be left out with --resume'))
    .option('--data <name>', 'mnist, fashion-mnist, or a folder with IDX files (default: mnist)')
    .option('--epochs <n>', 'passes over the training set, in all', whole(1))
    .option('--batch-size <n>', 'images a step', whole(1))
    .option('--lr <x>', "Adam's learning rate", real({ above: 0 }))
    .option('--beta1 <x>', "Adam's decay of the first moment", real({ least: 0, below: 1 }))
    .option('--beta2 <x>', "Adam's decay of the second moment", real({ least: 0, below: 1 }))
    .option('--latent <d>', 'latent dimensions', whole(1))
    .option('--hidden <n>', 'units of the hidden layers', whole(1))
    .option('--beta <x>', 'weight of the KL divergence', real({ least: 0 }))
    .option('--seed <n>', 'fixes weights, noise and the order of the data (default: 0)', whole(0))
    .option('--limit <n>', 'use the first N training images (default: all)', whole(1))
    .option('--log-every <n>', 'steps between two lines of metrics.jsonl (default: 10)', whole(1))
    .option('--out <dir>', 'the run folder (default: runs/MODEL-DATE)')
    .option('--force', 'replace a run that is in the folder')
    .option('--resume <run>', 'go on with a run; --epochs N trains until N epochs are done')
    .option('--adapter <which>', ADAPTER_HELP, 'auto')
    .option('--json', 'a JSON object a line on stdout instead of the progress bar')
    .addHelpText('after', () => `\nModels:\n${names.join('\n')}\n\nDefaults by model:\n${defaultsTable()}\n`)
    .action(train);
}

function defaultsTable(): string {
  const specs = [...models.values()];
  const columns = Object.keys(specs[0]!.defaults).map((key) => ({
    key: key as keyof TrainingDefaults,
    title: `  --${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  }));
  const row = (name: string, cell: (column: (typeof columns)[number]) => string) =>
    `  ${name.padEnd(7)}${columns.map((column) => cell(column).padStart(column.title.length)).join('')}`;
  return [
    row('', ({ title }) => title),
    ...specs.map(({ name, defaults }) => row(name, ({ key }) => `  ${defaults[key]}`)),
  ].join('\n');
}

async function train(name: string | undefined, options: TrainOptions): Promise<void> {
  const plan = options.resume ? planResumed(name, options) : planNew(name, options);
  const { model, data: dataset, limit } = plan.config;
  const data = loadData(dataset, limit);
  plan.checkData?.(data.checksums);
  const device = await openAdapter(options.adapter);
  const { name: adapter, driver, kind } = device.found;
  const report = options.json ? jsonReport() : progressReport(plan.config);
  const interruption = catchInterrupts(report.note);
  try {
    const complete = await trainRun({
      folder: plan.folder,
      config: {
        ...plan.config,
        imageShape: data.shape,
        checksums: data.checksums,
        adapter: { name: adapter, driver, kind },
        versions: versions(),
      },
      spec: specOf(model),
      data,
      resume: plan.state,
      listener: report,
      stop: () => interruption.signal !== undefined,
      device,
    });
    report.end(plan.path, complete);
    if (!complete) process.exitCode = exitCodeOf(interruption.signal!);
  } finally {
    report.close();
  }
}

/** The first signal ends the run after the steps that are under way, the second one at once. */
function catchInterrupts(note: (message: string) => void): { signal?: NodeJS.Signals } {
  const interruption: { signal?: NodeJS.Signals } = {};
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interruption.signal) process.exit(exitCodeOf(signal));
      interruption.signal = signal;
      note('stopping after this step; once more stops at once');
    });
  }
  return interruption;
}

/** By the shells' convention: 130 after Ctrl-C. */
const exitCodeOf = (signal: NodeJS.Signals) => 128 + constants.signals[signal];

/** A run to begin or to go on with, as far as it can be checked before the data are read and the device is opened. */
interface Plan {
  readonly config: Omit<RunConfig, 'imageShape' | 'checksums' | 'adapter' | 'versions' | 'parameters'>;
  readonly path: string;
  /** Makes or opens the folder. */
  readonly folder: () => RunFolder;
  readonly state?: RunState;
  readonly checkData?: (checksums: Readonly<Record<string, string>>) => void;
}

function planNew(name: string | undefined, options: TrainOptions): Plan {
  if (!name) throw new UserError(`name a model (${[...models.keys()].join(', ')}) or a run with --resume`);
  const { defaults } = specOf(name);
  const chosen = Object.keys(defaults).flatMap((key) => {
    const value = options[key as keyof TrainOptions];
    return value === undefined ? [] : [[key, value]];
  });
  const path = options.out ?? `runs/${name}-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`;
  const force = options.force ?? false;
  RunFolder.assertFree(path, { force });
  return {
    config: {
      model: name,
      data: options.data ?? 'mnist',
      ...defaults,
      ...Object.fromEntries(chosen),
      seed: options.seed ?? 0,
      limit: options.limit ?? null,
      logEvery: options.logEvery ?? 10,
    },
    path,
    folder: () => RunFolder.create(path, { force }),
  };
}

/** What has to stay as it was when the run began. */
const FIXED = [
  'data',
  'batchSize',
  'lr',
  'beta1',
  'beta2',
  'latent',
  'hidden',
  'beta',
  'seed',
  'limit',
] as const;

/** Of a resumed run only the number of epochs (and how often it logs) may change. */
function planResumed(name: string | undefined, options: TrainOptions): Plan {
  const folder = RunFolder.open(options.resume!);
  const { path } = folder;
  const { config } = readRunConfig(folder);
  if (options.out !== undefined || options.force)
    throw new UserError('--resume writes into the run itself: leave --out and --force out');
  if (name && specOf(name).name !== config.model)
    throw new UserError(`${path}: a run of '${config.model}', not of '${name}'`);
  for (const key of FIXED) {
    if (options[key] !== undefined && options[key] !== config[key]) {
      throw new UserError(
        `${path}: a run goes on as it began: ${key} is ${config[key]} there, not ${options[key]}`,
      );
    }
  }
  const state = readRunState(folder);
  const done = Number(state.metadata.epoch);
  const epochs = options.epochs ?? config.epochs;
  if (epochs < done)
    throw new UserError(`${path}: ${done} epochs are done already, more than --epochs ${epochs}`);
  return {
    config: { ...config, epochs, logEvery: options.logEvery ?? config.logEvery },
    path,
    folder: () => folder,
    state,
    checkData(checksums) {
      const differs = Object.keys(config.checksums).find(
        (file) => checksums[file] !== config.checksums[file],
      );
      if (differs)
        throw new UserError(
          `${path}: was trained on other data: the checksum of ${differs} differs from that in config.json`,
        );
    },
  };
}

function versions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const own = require('../../package.json') as { version: string };
  return { tapegrad: own.version, node: process.versions.node };
}
