import { createRequire } from 'node:module';
import { flagOf, type ModelSpec, models } from '@tapegrad/vae';
import { Argument, Command } from 'commander';
import { badImagesChoices } from '../data/image-folder.ts';
import { specOf } from '../run/run.ts';
import { trainRun } from '../run/train-run.ts';
import { ADAPTER_HELP, openAdapter } from './device.ts';
import { loadingReport } from './loading.ts';
import { optionParser, whole } from './options.ts';
import { exactTimes, profiler } from './profile.ts';
import { jsonReport, progressReport } from './progress.ts';
import { exitCodeOf, onSignal, type Stop } from './signals.ts';
import { planNew, planResumed, type TrainOptions, tunable } from './train-plan.ts';

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

/** Adds the options that choose a run's images. */
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

/** `title: word word …`, wrapped at 100 characters. */
function wrapped(title: string, words: readonly string[]): string {
  const lines = [`  ${title}:`];
  for (const word of words) {
    if (lines.at(-1)!.length + word.length > 98) lines.push('   ');
    lines.push(`${lines.pop()} ${word}`);
  }
  return lines.join('\n');
}

async function train(name: string | undefined, options: TrainOptions): Promise<void> {
  const loading = loadingReport();
  const plan = options.resume
    ? await planResumed(name, options, loading.note)
    : planNew(name, options, loading.note);
  const { model } = plan.config;
  const report = options.json ? jsonReport() : progressReport(plan.config);
  const listener = { ...loading, note: report.note };
  if (plan.note) report.note(plan.note);
  const { data, config } = await plan.load(listener);
  if (options.limit && options.limit > data.train.count)
    report.note(`--limit ${options.limit}: there are ${data.train.count} training images; all are used`);
  const device = await openAdapter(options.adapter, options.profile ? exactTimes : {});
  const profile = options.profile && profiler(device, model, options);
  const { name: adapter, driver, kind } = device.found;
  const interruption = catchInterrupts(report.note);
  let path = '';
  try {
    const complete = await trainRun({
      async folder() {
        const folder = await plan.folder();
        path = folder.path;
        return folder;
      },
      config: {
        ...plan.config,
        ...config,
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
    report.end(path, complete);
    if (!complete) process.exitCode = exitCodeOf(interruption.signal!);
  } finally {
    report.close();
  }
}

/** The first signal ends the run after the current steps, the second one at once. */
const catchInterrupts = (note: (message: string) => void): Stop =>
  onSignal((signal, atOnce) => {
    if (atOnce) process.exit(exitCodeOf(signal));
    note('stopping after this step; once more stops at once');
  });

export function versions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const own = require('../../package.json') as { version: string };
  return { tapegrad: own.version, node: process.versions.node };
}
