import type { Command } from 'commander';
import { exportFormats } from '../../choices.ts';
import { type Flag, flag, whole } from './flag.ts';
import { adapterFlag, shownDataFlag } from './shared.ts';

/* The commands on runs besides the pictures, and `doctor`. */

const add = (command: Command, ...flags: Flag[]): Command => {
  for (const one of flags) command.addOption(one);
  return command;
};

export function defineDoctor(command: Command): void {
  add(command, adapterFlag().default('auto'), flag('--json', 'as one JSON object'));
  command.action(async (options) => (await import('../doctor.ts')).doctor(options));
}

export function defineEvaluate(command: Command): void {
  command.argument('<run>', 'a run folder');
  add(
    command,
    shownDataFlag("where the run's images are by now, or another dataset than its own"),
    flag('--samples <k>', 'draws of an image for its importance-weighted log-likelihood; 0: none')
      .argParser(whole(0))
      .default(100),
    flag('--images <n>', 'and of how many test images').argParser(whole(0)).default(500),
    adapterFlag().default('auto'),
    flag('--json', 'as one JSON object'),
  );
  command.action(async (path, options) => (await import('../evaluate.ts')).evaluate(path, options));
}

export function defineReport(command: Command): void {
  command.argument('<run>', 'a run folder');
  add(command, shownDataFlag(), adapterFlag().default('auto'));
  command
    .addHelpText(
      'after',
      '\nDraws all pictures anew, writes report.html in the run folder, which needs no network, and prints its path.\n' +
        'Training ends with the same.',
    )
    .action(async (path, options) => (await import('../report.ts')).report(path, options));
}

export function defineCompare(command: Command): void {
  command.argument('<run...>', 'two run folders or more');
  add(
    command,
    flag('--out <file>', 'the page; the picture of the samples goes beside it as .png')
      .takes({ paths: 'files' })
      .default('compare.html'),
    shownDataFlag("where the runs' images are by now, or other images to show them with"),
    adapterFlag().default('auto'),
  );
  command
    .addHelpText(
      'after',
      '\nWrites one page that needs no network, and a PNG with the samples and reconstructions of all runs. Where the runs\n' +
        'differ in one number only (--beta, --latent …), metrics are drawn against it.',
    )
    .action(async (runs, options) => (await import('../compare.ts')).compare(runs, options));
}

export function defineExport(command: Command): void {
  command.argument('<run>', 'a run folder');
  add(
    command,
    flag('--format <which>', 'only this one (default: both)')
      .choices(exportFormats)
      .takes({ words: exportFormats }),
  );
  command
    .addHelpText(
      'after',
      `
Writes into the run's folder export/ and prints the paths; needs no adapter.
  model.safetensors  all weights, under the names that a PyTorch module of the same structure has
  encoder.onnx       x [batch, c, h, w], normalized as the metadata say → mean; log_sigma of a VAE; codes of a VQ-VAE
  decoder.onnx       z, such as mean → output, as the model has it, and pixels in [0, 1]`,
    )
    .action(async (path, options) => (await import('../export.ts')).exportWeights(path, options));
}
