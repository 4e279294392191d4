import type { Command } from 'commander';
import { addFlags, Flag, flag } from './flag.ts';
import { dataFlags } from './shared.ts';
import { addTunable, helpByModel } from './tunable.ts';

export function defineImport(command: Command): void {
  command
    .argument('<model>', 'what they are weights of')
    .argument('<weights>', 'a .safetensors, .pt or .pth file');
  addFlags(command, 'Output:', [
    flag('--out <dir>', 'the run folder').takes({ paths: 'folders' }).makeOptionMandatory().common(),
    flag('--force', 'replace a run that is in the folder').common(),
    flag('--key <name>', 'of a checkpoint with more than weights: the key under which they are').common(),
  ]);
  addTunable(command, { data: dataFlags() });
  // Weights come with them.
  for (const option of command.options) if (option instanceof Flag && option.tunes) option.isCommon = false;
  helpByModel(command);
  command
    .addHelpText(
      'after',
      `
The weights have to fit by name and shape, all of them; where all names begin with module., _orig_mod., model. or the like,
and fit without it, it is left out. Their shapes tell --latent, --hidden and the like, and --network;
what they do not tell, such as --likelihood or --pixel-mean, has the model's default unless it is given. Nothing in the
file is run: of pickles, only tensors, numbers and text in dictionaries are read.`,
    )
    .action(async (model, path, options) =>
      (await import('../import.ts')).importWeights(model, path, options),
    );
}
