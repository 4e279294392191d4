import { createRequire } from 'node:module';
import { constants } from 'node:os';
import {
  flagOf,
  type ModelOptions,
  type ModelSpec,
  modelOptions,
  models,
  type Option,
  settingsOf,
  type TrainingOptions,
  trainingOptions,
} from '@tapegrad/vae';
import { Argument, Command } from 'commander';
import type { Dataset } from '../data/dataset.ts';
import { type BadImages, badImagesChoices } from '../data/image-folder.ts';
import { UserError } from '../errors.ts';
import { assertOfModel, loadData, type RunConfig, readRunConfig, specOf } from '../run/run.ts';
import { RunFolder } from '../run/run-folder.ts';
import { type RunState, readRunState, trainRun } from '../run/train-run.ts';
import { ADAPTER_HELP, openAdapter } from './device.ts';
import { loadingReport } from './loading.ts';
import { optionParser, whole } from './options.ts';
import { exactTimes, profiler } from './profile.ts';
import { jsonReport, progressReport } from './progress.ts';
import { onSignal } from './signals.ts';

export interface TrainOptions extends Partial<ModelOptions & TrainingOptions> {
  data?: string;
  imageSize?: number;
  channels?: 1 | 3;
  badImages?: BadImages;
  seed?: number;
  limit?: number;
  logEvery?: number;
  tensorboard?: boolean;
  profile?: string | true;
  resume?: string;
  out?: string;
  force?: boolean;
  json?: boolean;
  adapter: string;
}

const tunable = { ...modelOptions, ...trainingOptions } as Record<string, Option>;

const oneOf = (choices: readonly string[]) =>
  optionParser({ kind: 'choice', choices, value: choices[0]!, help: '' });

export function trainCommand(): Command {
  const width = Math.max(...[...models.keys()].map((name) => name.length));
  const names = [...models.values()].map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  const command = new Command('train')
    .description('train a model and write a run folder')
    .addArgument(new Argument('[model]', 'what to train (see below); may be left out with --resume'));
  addDataOptions(command)
    .option('--seed <n>', 'fixes weights, noise and the order of the data (default: 0)', whole(0))
    .option('--limit <n>', 'use the first N training images (default: all)', whole(1))
    .option('--log-every <n>', 'steps between two lines of metrics.jsonl (default: 10)', whole(1))
    .option('--tensorboard', 'write event files for TensorBoard into the run folder (default)')
    .option('--no-tensorboard', 'write none')
    .option('--out <dir>', 'the run folder (default: runs/MODEL-DATE)')
    .option('--force', 'replace a run that is in the folder')
    .option('--resume <run>', 'go on with a run; --epochs N trains until N epochs are done')
    .option(
      '--profile [file]',
      'time every launch of a step at the end, for Perfetto (default: RUN/profile.json)',
    )
    .option('--adapter <which>', ADAPTER_HELP, 'auto')
    .option('--json', 'a JSON object a line on stdout instead of the progress bar');
  addTunable(command);
  return command
    .addHelpText(
      'after',
      () =>
        `\nModels, and the options that each takes with their defaults:\n${names.join('\n')}\n\n${defaultsByModel()}\n`,
    )
    .action(train);
}

/** What says of which images a run is made. */
export function addDataOptions(command: Command): Command {
  return command
    .option('--data <name>', 'mnist, fashion-mnist, or a folder of images or IDX files (default: mnist)')
    .option('--image-size <n>', 'of a folder of images: scale and crop to n x n (default: 64)', whole(1))
    .option('--channels <1|3>', 'of a folder of images: grey or colour (default: 3)', (text: string) =>
      Number(oneOf(['1', '3'])(text)),
    )
    .option(
      '--bad-images <refuse|skip>',
      'of a folder of images: those that are broken (default: refuse)',
      oneOf(badImagesChoices),
    );
}

/** All options of models and trainer, as flags. */
export function addTunable(command: Command): void {
  for (const [name, option] of Object.entries(tunable)) {
    const what =
      option.kind === 'whole' ? '<n>' : option.kind === 'real' ? '<x>' : `<${option.choices.join('|')}>`;
    command.option(`--${flagOf(name)} ${what}`, option.help, optionParser(option));
  }
}

function defaultsByModel(): string {
  return [...models.values()].map((spec) => wrapped(spec.name, defaultsOf(spec))).join('\n');
}

const defaultsOf = ({ defaults }: ModelSpec) =>
  Object.entries(defaults).map(([name, value]) => `--${flagOf(name)} ${value}`);

/** `title: word word …` in lines of at most 100 letters. */
function wrapped(title: string, words: readonly string[]): string {
  const lines = [`  ${title}:`];
  for (const word of words) {
    if (lines.at(-1)!.length + word.length > 98) lines.push('   ');
    lines.push(`${lines.pop()} ${word}`);
  }
  return lines.join('\n');
}

/** The options of model and trainer that were given. Refuses those of other models. */
export function chosenOptions(
  spec: ModelSpec,
  options: TrainOptions,
): Partial<ModelOptions & TrainingOptions> {
  const chosen = Object.entries(options).filter(([name, value]) => name in tunable && value !== undefined);
  const foreign = chosen.find(([name]) => !(name in spec.defaults));
  if (foreign) {
    const own = Object.keys(spec.defaults).map((name) => `--${flagOf(name)}`);
    throw new UserError(`${spec.name} has no --${flagOf(foreign[0])}; it takes ${own.join(', ')}`);
  }
  return Object.fromEntries(chosen);
}

async function train(name: string | undefined, options: TrainOptions): Promise<void> {
  const plan = options.resume ? planResumed(name, options) : planNew(name, options);
  const { model } = plan.config;
  const report = options.json ? jsonReport() : progressReport(plan.config);
  const data = await loadData(plan.config, { ...loadingReport(), note: report.note });
  plan.checkData?.(data.checksums);
  if (options.limit && options.limit > data.train.count)
    report.note(`--limit ${options.limit}: there are ${data.train.count} training images; all are used`);
  const device = await openAdapter(options.adapter, options.profile ? exactTimes : {});
  const profile = options.profile && profiler(device, model, options);
  const { name: adapter, driver, kind } = device.found;
  const interruption = catchInterrupts(report.note);
  try {
    const complete = await trainRun({
      folder: plan.folder,
      config: {
        ...plan.config,
        ...plan.pixels?.(data),
        imageShape: data.shape,
        checksums: data.checksums,
        adapter: {
          name: adapter,
          driver,
          kind,
          ...(device.tuned && { tuned: Object.fromEntries(device.tuned) }),
        },
        versions: versions(),
      },
      spec: specOf(model),
      data,
      resume: plan.state,
      listener: report,
      stop: () => interruption.signal !== undefined,
      ...(profile ? { finished: profile } : {}),
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
  onSignal((signal) => {
    if (interruption.signal) process.exit(exitCodeOf(signal));
    interruption.signal = signal;
    note('stopping after this step; once more stops at once');
  });
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
  /** The normalization that suits the data, unless one was asked for. */
  readonly pixels?: (data: Dataset) => Partial<ModelOptions>;
}

function planNew(name: string | undefined, options: TrainOptions): Plan {
  if (!name) throw new UserError(`name a model (${[...models.keys()].join(', ')}) or a run with --resume`);
  const spec = specOf(name);
  const chosen = chosenOptions(spec, options);
  const path = options.out ?? `runs/${name}-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`;
  const force = options.force ?? false;
  RunFolder.assertFree(path, { force });
  return {
    config: {
      model: name,
      data: options.data ?? 'mnist',
      imageSize: options.imageSize,
      channels: options.channels,
      badImages: options.badImages,
      ...settingsOf(spec, chosen),
      seed: options.seed ?? 0,
      limit: options.limit ?? null,
      logEvery: options.logEvery ?? 10,
      tensorboard: options.tensorboard ?? true,
    },
    path,
    folder: () => RunFolder.create(path, { force }),
    pixels({ normalization }) {
      if (!normalization) return {};
      const { mean: pixelMean, std: pixelStd } = normalization;
      return { pixelMean, pixelStd, ...chosen };
    },
  };
}

/** Of a resumed run only the number of epochs (and how often it logs) may change. */
function planResumed(name: string | undefined, options: TrainOptions): Plan {
  const folder = RunFolder.open(options.resume!);
  const { path } = folder;
  const { config } = readRunConfig(folder);
  if (options.out !== undefined || options.force)
    throw new UserError('--resume writes into the run itself: leave --out and --force out');
  if (name && specOf(name).name !== config.model)
    throw new UserError(`${path}: a run of '${config.model}', not of '${name}'`);
  const { epochs: _, ...fixed } = chosenOptions(specOf(config.model), options);
  const { data, imageSize, channels, badImages, seed, limit } = options;
  for (const [key, value] of Object.entries({
    ...fixed,
    data,
    imageSize,
    channels,
    badImages,
    seed,
    limit,
  })) {
    const began = config[key as keyof RunConfig];
    if (value !== undefined && value !== began) {
      throw new UserError(`${path}: a run goes on as it began: ${key} is ${began} there, not ${value}`);
    }
  }
  const state = readRunState(folder);
  assertOfModel(state.file, state.metadata, config);
  const done = Number(state.metadata.epoch);
  const epochs = options.epochs ?? config.epochs;
  if (epochs < done)
    throw new UserError(`${path}: ${done} epochs are done already, more than --epochs ${epochs}`);
  return {
    config: {
      ...config,
      epochs,
      logEvery: options.logEvery ?? config.logEvery,
      tensorboard: options.tensorboard ?? config.tensorboard,
    },
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

export function versions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const own = require('../../package.json') as { version: string };
  return { tapegrad: own.version, node: process.versions.node };
}
