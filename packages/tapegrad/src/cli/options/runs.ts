import type { Command } from 'commander';
import { exportFormats } from '../../choices.ts';
import { type Flag, flag, whole } from './flag.ts';
import { adapterFlag, shownDataFlag } from './shared.ts';

/* The commands on runs, except for pictures, and `doctor`. */

const add = (command: Command, ...flags: Flag[]): Command => {
  for (const one of flags) command.addOption(one);
  return command;
};

export function defineDoctor(command: Command): void {
  add(command, adapterFlag().default('auto'), flag('--json', 'print one JSON object'));
  command.action(async (options) => (await import('../doctor.ts')).doctor(options));
}

export function defineEvaluate(command: Command): void {
  command.argument('<run>', 'a run folder');
  add(
    command,
    shownDataFlag("where the run's images are now, or another dataset to evaluate on"),
    flag('--samples <k>', 'importance samples per image for the log-likelihood; 0: skip it')
      .argParser(whole(0))
      .default(100),
    flag('--images <n>', 'test images for the log-likelihood').argParser(whole(0)).default(500),
    adapterFlag().default('auto'),
    flag('--json', 'print one JSON object'),
  );
  command.action(async (path, options) => (await import('../evaluate.ts')).evaluate(path, options));
}

export function defineReport(command: Command): void {
  command.argument('<run>', 'a run folder');
  add(command, shownDataFlag(), adapterFlag().default('auto'));
  command
    .addHelpText(
      'after',
      '\nRedraws all pictures, writes report.html into the run folder and prints its path. The page needs no network.\n' +
        'Training does the same when it ends.',
    )
    .action(async (path, options) => (await import('../report.ts')).report(path, options));
}

export function defineCompare(command: Command): void {
  command.argument('<run...>', 'two run folders or more');
  add(
    command,
    flag('--out <file>', 'the page; the picture of the samples goes next to it as .png')
      .takes({ paths: 'files' })
      .default('compare.html'),
    shownDataFlag("where the runs' images are now, or other images to show them with"),
    adapterFlag().default('auto'),
  );
  command
    .addHelpText(
      'after',
      '\nWrites one page that needs no network, and a PNG with the samples and reconstructions of all runs. Where the runs\n' +
        'differ in one number only (--beta, --latent …), metrics are plotted against it.',
    )
    .action(async (runs, options) => (await import('../compare.ts')).compare(runs, options));
}

export function defineExport(command: Command): void {
  command.argument('<run>', 'a run folder');
  add(
    command,
    flag('--format <which>', 'write only this format (default: both)')
      .choices(exportFormats)
      .takes({ words: exportFormats }),
  );
  command
    .addHelpText(
      'after',
      `
Writes into the run's folder export/ and prints the paths; needs no adapter.
  model.safetensors  all weights, under the names that a PyTorch module of the same structure has
  encoder.onnx       x [batch, c, h, w], normalized as the metadata say → mean; of a VAE also log_sigma, of a VQ-VAE codes
  decoder.onnx       z, for example the mean → the model's own output, and pixels in [0, 1]`,
    )
    .action(async (path, options) => (await import('../export.ts')).exportWeights(path, options));
}
