import { allPictures } from '@tapegrad/vae';
import { writeReport } from '../report/index.ts';
import { offerCodeSummary } from '../run/code-summary.ts';
import { openRun, readRun } from '../run/run.ts';
import { dataForRun } from '../run/run-data.ts';
import { headingOf, subjectOf, writePictures } from '../run/run-pictures.ts';
import { openAdapter } from './device.ts';
import { loadingReport, tellNotes } from './loading.ts';

/** The command `report`. */
export async function report(path: string, options: { data?: string; adapter: string }): Promise<void> {
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
