import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { Generator } from '@tapegrad/tensor';
import { Argument, Command } from 'commander';
import { models } from '../models/index.ts';
import { UserError } from '../node/errors.ts';
import { loadData, type RunConfig, readRunConfig, specOf } from '../node/run.ts';
import { RunFolder } from '../node/run-folder.ts';
import { trainRun } from '../node/train-run.ts';
import { ADAPTER_HELP, openAdapter } from './device.ts';
import { real, whole } from './options.ts';
import { jsonListener, progressListener } from './progress.ts';

/** Exit code of a run that Ctrl-C ended, by the shells' convention. */
const INTERRUPTED = 130;

interface TrainOptions extends Partial<Omit<RunConfig, 'adapter'>> {
  resume?: string;
  out?: string;
  force?: boolean;
  json?: boolean;
  adapter: string;
}

export function trainCommand(): Command {
  const names = [...models.values()].map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`).join('\n');
  return new Command('train')
    .description('train a model and write a run folder')
    .addArgument(new Argument('[model]', 'what to train (see below); may be left out with --resume'))
    .option('--data <name>', 'mnist, fashion-mnist, or a folder with IDX files', undefined)
    .option('--epochs <n>', 'passes over the training set, in all', whole(1))
    .option('--batch-size <n>', 'images a step', whole(1))
    .option('--lr <x>', "Adam's learning rate", real({ above: 0 }))
    .option('--beta1 <x>', "Adam's decay of the first moment", real({ least: 0, below: 1 }))
    .option('--beta2 <x>', "Adam's decay of the second moment", real({ least: 0, below: 1 }))
    .option('--latent <d>', 'latent dimensions', whole(1))
    .option('--hidden <n>', 'units of the hidden layers', whole(1))
    .option('--beta <x>', 'weight of the KL divergence', real({ least: 0 }))
    .option('--seed <n>', 'fixes weights, noise and the order of the data (default: 0)', whole(0))
    .option('--limit <n>', 'use the first N training images', whole(1))
    .option('--log-every <n>', 'steps between two lines of metrics.jsonl (default: 10)', whole(1))
    .option('--out <dir>', 'the run folder (default: runs/MODEL-DATE)')
    .option('--force', 'replace a run that is in the folder')
    .option('--resume <run>', 'go on with a run; --epochs N trains until N epochs are done')
    .option('--adapter <which>', ADAPTER_HELP, 'auto')
    .option('--json', 'a JSON object a line on stdout instead of the progress bar')
    .addHelpText('after', `\nModels:\n${names}\n`)
    .action(train);
}

async function train(name: string | undefined, options: TrainOptions): Promise<void> {
  const prepared = options.resume ? prepareResume(name, options) : prepareNew(name, options);
  const data = loadData(prepared.config.data, prepared.config.limit);
  prepared.checkData?.(data.checksums);
  const device = await openAdapter(options.adapter);
  const folder = prepared.folder();
  const spec = specOf(prepared.config.model);
  const { found } = device;
  const config: RunConfig = {
    ...prepared.config,
    imageShape: data.shape,
    checksums: data.checksums,
    adapter: { name: found.name, driver: found.driver, kind: found.kind },
    versions: versions(),
    parameters: parametersOf(spec, data.shape, prepared.config),
  };
  folder.writeConfig(config);

  let interrupted = false;
  const onInterrupt = () => {
    if (interrupted) process.exit(INTERRUPTED);
    interrupted = true;
    process.stderr.write('\nstopping after this step; once more stops at once\n');
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  const listener = options.json ? jsonListener() : progressListener(config);
  const complete = await trainRun({
    folder,
    config,
    spec,
    data,
    resume: options.resume !== undefined,
    listener,
    stop: () => interrupted,
  });
  if (complete) listener.note(`done: ${folder.path}`);
  else {
    listener.note(`stopped; go on with \`tapegrad train --resume ${folder.path}\``);
    process.exitCode = INTERRUPTED;
  }
}

interface Prepared {
  config: Omit<RunConfig, 'imageShape' | 'checksums' | 'adapter' | 'versions' | 'parameters'>;
  /** Makes or opens the folder: last, when nothing else can refuse. */
  folder: () => RunFolder;
  checkData?: (checksums: Readonly<Record<string, string>>) => void;
}

function prepareNew(name: string | undefined, options: TrainOptions): Prepared {
  if (!name)
    throw new UserError(`train: name a model (${[...models.keys()].join(', ')}) or a run with --resume`);
  const { defaults } = specOf(name);
  const own = Object.fromEntries(
    Object.keys(defaults).flatMap((key) => {
      const value = options[key as keyof TrainOptions];
      return value === undefined ? [] : [[key, value]];
    }),
  );
  const out = options.out ?? `runs/${name}-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`;
  return {
    config: {
      model: name,
      data: options.data ?? 'mnist',
      ...defaults,
      ...own,
      seed: options.seed ?? 0,
      limit: options.limit ?? null,
      logEvery: options.logEvery ?? 10,
    },
    folder: () => RunFolder.create(out, { force: options.force ?? false }),
  };
}

/** Of a resumed run only the number of epochs (and how often it logs) may change. */
function prepareResume(name: string | undefined, options: TrainOptions): Prepared {
  const folder = RunFolder.open(options.resume!);
  const { config } = readRunConfig(folder);
  if (name && name !== config.model) {
    throw new UserError(`${folder.path} holds a run of '${config.model}', not of '${name}'`);
  }
  const fixed = [
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
  for (const key of fixed) {
    if (options[key] !== undefined && options[key] !== config[key]) {
      throw new UserError(
        `--resume goes on as the run began: ${key} is ${config[key]} there, not ${options[key]}`,
      );
    }
  }
  if (options.out !== undefined || options.force)
    throw new UserError('--resume writes into the run itself: leave --out and --force out');
  return {
    config: {
      ...config,
      epochs: options.epochs ?? config.epochs,
      logEvery: options.logEvery ?? config.logEvery,
    },
    folder: () => folder,
    checkData(checksums) {
      if (JSON.stringify(checksums) !== JSON.stringify(config.checksums)) {
        throw new UserError(
          `${basename(folder.path)} was trained on other data: the checksums of '${config.data}' differ`,
        );
      }
    },
  };
}

function parametersOf(
  spec: ReturnType<typeof specOf>,
  shape: RunConfig['imageShape'],
  config: Prepared['config'],
): number {
  const model = spec.build(shape, config, new Generator(config.seed));
  return model.parameters().reduce((sum, parameter) => sum + parameter.size, 0);
}

function versions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const own = require('../../package.json') as { version: string };
  return { tapegrad: own.version, node: process.versions.node };
}
