import type { Command } from 'commander';
import { addFlags, Flag, flag } from './flag.ts';
import { dataFlags } from './shared.ts';
import { addTunable, helpByModel } from './tunable.ts';

export function defineImport(command: Command): void {
  command
    .argument('<model>', 'the model that the weights belong to')
    .argument('<weights>', 'a .safetensors, .pt or .pth file');
  addFlags(command, 'Output:', [
    flag('--out <dir>', 'the run folder').takes({ paths: 'folders' }).makeOptionMandatory().common(),
    flag('--force', 'replace a run that is already in the folder').common(),
    flag('--key <name>', 'if the file holds more than weights, the key that they are under').common(),
  ]);
  addTunable(command, { data: dataFlags() });
  // These are rarely needed: the weights reveal them.
  for (const option of command.options) if (option instanceof Flag && option.tunes) option.isCommon = false;
  helpByModel(command);
  command
    .addHelpText(
      'after',
      `
All weights must fit by name and shape. A prefix that all names share, such as module., _orig_mod. or model., is dropped
if they fit without it. The shapes determine --network, --latent, --hidden and the like. What they do not determine, such
as --likelihood or --pixel-mean, has the model's default unless you give it. No code in the file is run: from a pickle,
only dictionaries of tensors, numbers and text are read.`,
    )
    .action(async (model, path, options) =>
      (await import('../import.ts')).importWeights(model, path, options),
    );
}
