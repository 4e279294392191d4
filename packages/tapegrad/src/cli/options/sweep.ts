import { flagOf, type Option as ValueRange } from '@tapegrad/vae/options';
import type { Command } from 'commander';
import { schedulers } from '../../choices.ts';
import { UserError } from '../../errors.ts';
import { addFlags, type Flag, flag, whole } from './flag.ts';
import { adapterFlag, configFlag, dataFlags, limitFlag, logEveryFlag } from './shared.ts';
import { addTunable, helpByModel, sweepable } from './tunable.ts';

export function defineSweep(command: Command): void {
  command
    .usage('MODEL --out DIR --OPTION VALUES … [options]')
    .argument('[model]', 'the model to train; may be left out with --config');
  addFlags(command, 'Sweep:', [
    flag('--out <dir>', "the sweep's folder: a run folder for each point of the grid, and a summary")
      .takes({ paths: 'folders' })
      .makeOptionMandatory()
      .common(),
    configFlag(),
    flag('--jobs <n>', 'runs to train at the same time').argParser(whole(1)).default(1).common(),
    flag('--no-compare', 'make no comparison page'),
    flag('--json', 'print the summary as JSON'),
  ]);
  addFlags(command, 'Job arrays:', [
    flag('--task <i>', 'in a job array: run only every N-th point, starting at the i-th (from 0)').argParser(
      whole(0),
    ),
    flag('--of <n>', 'N, the number of tasks in the job array').argParser(whole(1)),
    flag('--script <which>', 'print a script for a scheduler instead of running anything')
      .choices(schedulers)
      .takes({ words: schedulers }),
    flag('--image <name>', 'for kubernetes: the container image that has tapegrad').default('tapegrad'),
    flag('--claim <name>', 'for kubernetes: the persistent volume claim for the runs').default(
      'tapegrad-runs',
    ),
  ]);
  addTunable(
    command,
    { data: [...dataFlags(), limitFlag()], training: [axis('seed', sweepable.seed!).common()] },
    axis,
  );
  addFlags(command, 'Output:', [
    logEveryFlag(),
    flag('--no-tensorboard', 'write no event files for TensorBoard'),
  ]);
  addFlags(command, 'Adapter:', [adapterFlag().common()]);
  helpByModel(command);
  command
    .addHelpText(
      'after',
      `
Options with <values> take one, a list (0.1,1,4) or, where they are whole numbers, a range (0..4, both ends included).
Every combination is a run, in a folder such as beta=0.1,latent=2,seed=0. After an interruption, the same command continues
the sweep: finished runs are kept, others resume from their checkpoints. A run that fails does not stop the others.
Writes summary.json, summary.csv, compare.html, logs/ and results/ next to the runs. For job arrays of Slurm and
Kubernetes, \`tapegrad sweep MODEL --help\` lists --script, --task and --of.`,
    )
    .action(async (model, options) => (await import('../sweep.ts')).sweep(model, options));
}

function axis(name: string, { help }: ValueRange): Flag {
  const long = `--${flagOf(name)}`;
  return flag(`${long} <values>`, help).argParser(onlyOnce(long));
}

/** Refuses a flag that is given twice: only the last would count, which nobody would notice. */
const onlyOnce = (long: string) => (text: string, before: string | undefined) => {
  if (before === undefined) return text;
  throw new UserError(`${long} is given twice: name all values at once, ${long} ${before},${text}`);
};
