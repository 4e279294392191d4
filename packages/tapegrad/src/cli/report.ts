import { allPictures } from '@tapegrad/vae';
import { Command } from 'commander';
import { writeReport } from '../report/index.ts';
import { offerCodeSummary } from '../run/code-summary.ts';
import { openRun, readRun } from '../run/run.ts';
import { dataForRun } from '../run/run-data.ts';
import { headingOf, subjectOf, writePictures } from '../run/run-pictures.ts';
import { ADAPTER_HELP, DATA_HELP, openAdapter } from './device.ts';
import { loadingReport, tellNotes } from './loading.ts';

export function reportCommand(): Command {
  return new Command('report')
    .description('everything there is to see of a run, as one page')
    .argument('<run>', 'a run folder')
    .option('--data <name>', DATA_HELP)
    .option('--adapter <which>', ADAPTER_HELP, 'auto')
    .addHelpText(
      'after',
      '\nDraws all pictures anew, writes report.html in the run folder, which needs no network, and prints its path.\n' +
        'Training ends with the same.',
    )
    .action(report);
}

async function report(path: string, options: { data?: string; adapter: string }): Promise<void> {
  const stored = readRun(path);
  const listener = loadingReport();
  const { data, notes } = await dataForRun(stored, options.data, listener);
  tellNotes(path, notes, listener);
  const run = openRun(stored, await openAdapter(options.adapter));
  const subject = subjectOf(run.model, data);
  const pictures = await allPictures(subject, { seed: run.config.seed });
  if (!notes.train) await offerCodeSummary(run.folder, subject);
  await writePictures(run.folder, pictures, headingOf(run.config));
  process.stdout.write(`${await writeReport(run.folder, { ...run, data, subject }, pictures)}\n`);
}
