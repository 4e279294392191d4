import { Argument, type Command } from 'commander';
import { shortTraining } from '../../choices.ts';
import { addFlags, flag, whole } from './flag.ts';
import { adapterFlag, configFlag, dataFlags, limitFlag, logEveryFlag } from './shared.ts';
import { addTunable, helpByModel } from './tunable.ts';

const { gpu, swiftshader } = shortTraining;

export function defineTrain(command: Command): void {
  command
    .usage('MODEL [options]\n       tapegrad train --resume RUN [--epochs N]')
    .addArgument(new Argument('[model]', 'the model to train; may be left out with --resume or --config'));
  addTunable(command, {
    data: [...dataFlags(), limitFlag()],
    training: [
      flag('--seed <n>', 'fixes weights, noise and the order of the data (default: 0)')
        .argParser(whole(0))
        .common(),
      flag(
        '--short',
        `train just long enough to see something: ${gpu.epochs} epochs, on SwiftShader ${swiftshader.epochs} in batches of at most ` +
          `${swiftshader.mostImages}; not with --epochs`,
      ),
    ],
  });
  addFlags(command, 'Output:', [
    flag('--out <dir>', 'the run folder (default: runs/MODEL-DATE)').takes({ paths: 'folders' }).common(),
    flag('--force', 'replace a run that is already in the folder'),
    flag('--resume <run>', 'continue a run; --epochs N trains until N epochs are done')
      .takes({ paths: 'runs' })
      .common(),
    configFlag().common(),
    logEveryFlag(),
    flag('--tensorboard', 'write event files for TensorBoard into the run folder (default)'),
    flag('--no-tensorboard', 'write no event files'),
    flag('--json', 'one JSON object per line on stdout instead of the progress bar').common(),
  ]);
  addFlags(command, 'Adapter:', [
    adapterFlag().default('auto').common(),
    flag(
      '--profile [file]',
      'after training, time every launch of a step; writes a trace for Perfetto (default: RUN/profile.json)',
    ).takes({ paths: 'files' }),
  ]);
  helpByModel(command);
  command.action(async (name, options) => (await import('../train.ts')).train(name, options));
}
