import { Command } from 'commander';
import { readRuns, writeComparison } from '../run/compare.ts';
import { ADAPTER_HELP, openAdapter } from './device.ts';
import { loadingReport } from './loading.ts';

export function compareCommand(): Command {
  return new Command('compare')
    .description('runs side by side: what differs, metrics, curves, pictures')
    .argument('<run...>', 'two run folders or more')
    .option('--out <file>', 'the page; the picture of the samples goes beside it as .png', 'compare.html')
    .option('--data <name>', "where the runs' images are by now, or other images to show them with")
    .option('--adapter <which>', ADAPTER_HELP, 'auto')
    .addHelpText(
      'after',
      '\nWrites one page that needs no network, and a PNG with the samples and reconstructions of all runs. Where the runs\n' +
        'differ in one number only (--beta, --latent …), metrics are drawn against it.',
    )
    .action(compare);
}

async function compare(
  runs: string[],
  { out, data, adapter }: { out: string; data?: string; adapter: string },
): Promise<void> {
  readRuns(runs);
  const device = await openAdapter(adapter);
  const { html, png } = await writeComparison(runs, out, { device, data, listener: loadingReport() });
  process.stdout.write(`${html}\n${png}\n`);
}
