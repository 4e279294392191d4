import { allPictures } from '@tapegrad/vae';
import { Command } from 'commander';
import { writeReport } from '../report/index.ts';
import { dataForRun, openRun, readRun } from '../run/run.ts';
import { headingOf, subjectOf, writePictures } from '../run/run-pictures.ts';
import { ADAPTER_HELP, openAdapter } from './device.ts';
import { loadingReport } from './loading.ts';

export function reportCommand(): Command {
  return new Command('report')
    .description('everything there is to see of a run, as one page')
    .argument('<run>', 'a run folder')
    .option('--adapter <which>', ADAPTER_HELP, 'auto')
    .addHelpText(
      'after',
      '\nDraws all pictures anew, writes report.html in the run folder, which needs no network, and prints its path.\n' +
        'Training ends with the same.',
    )
    .action(report);
}

async function report(path: string, { adapter }: { adapter: string }): Promise<void> {
  const stored = readRun(path);
  const data = await dataForRun(stored, undefined, loadingReport());
  const run = openRun(stored, await openAdapter(adapter));
  const pictures = await allPictures(subjectOf(run.model, data), { seed: run.config.seed });
  await writePictures(run.folder, pictures, headingOf(run.config));
  process.stdout.write(`${writeReport(run.folder, { ...run, data }, pictures)}\n`);
}
