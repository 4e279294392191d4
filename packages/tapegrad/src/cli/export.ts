import { Command, Option } from 'commander';
import { type ExportFormat, exportFormats, exportRun } from '../run/export.ts';
import { readRun } from '../run/run.ts';

export function exportCommand(): Command {
  return new Command('export')
    .description('write the model for elsewhere: safetensors for PyTorch, ONNX for everything else')
    .argument('<run>', 'a run folder')
    .addOption(new Option('--format <which>', 'only this one (default: both)').choices(exportFormats))
    .addHelpText(
      'after',
      `
Writes into the run's folder export/ and prints the paths; needs no adapter.
  model.safetensors  all weights, under the names that a PyTorch module of the same structure has
  encoder.onnx       x [batch, c, h, w], normalized as the metadata say → mean; log_sigma of a VAE; codes of a VQ-VAE
  decoder.onnx       z, such as mean → output, as the model has it, and pixels in [0, 1]`,
    )
    .action((path: string, { format }: { format?: ExportFormat }) => {
      const files = exportRun(readRun(path), format ? [format] : exportFormats);
      process.stdout.write(files.map((file) => `${file}\n`).join(''));
    });
}
