import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type CodeSummary, NoPicture, type Subject } from '@tapegrad/vae';
import { UserError } from '../errors.ts';
import { type RunFolder, runFiles } from './run-folder.ts';

/*
 * A summary of the training images' codes, which a run keeps in `latent.json`: with it, pictures that show no images can be
 * drawn without the data.
 */

const FILE = 'latent.json';

/** Identifies the weights from which the summary was made. */
function weightsOf(folder: RunFolder): string {
  return createHash('sha256')
    .update(readFileSync(folder.file(runFiles.weights)))
    .digest('hex');
}

/** Writes the summary of a model whose weights are in the folder, if its codes are vectors of finite numbers. */
export async function keepCodeSummary(folder: RunFolder, subject: Subject): Promise<void> {
  try {
    const summary = { weights: weightsOf(folder), ...(await subject.summary()) };
    folder.writeAtomically(FILE, `${JSON.stringify(summary)}\n`);
  } catch (error) {
    if (!(error instanceof NoPicture)) throw error;
  }
}

/** The same for commands that only look at a run, which they may not be allowed to write. */
export async function offerCodeSummary(folder: RunFolder, subject: Subject): Promise<void> {
  try {
    await keepCodeSummary(folder, subject);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

/** The summary for the weights that are in the folder now; undefined if there is none. */
export function readCodeSummary(folder: RunFolder, size: number): CodeSummary | undefined {
  try {
    const { weights, mean, std, statistics } = JSON.parse(readFileSync(folder.file(FILE), 'utf8'));
    const isList = (list: unknown) =>
      Array.isArray(list) && list.length === size && list.every((value) => Number.isFinite(value));
    const lists = statistics
      ? [statistics.kl, statistics.varianceOfMean, statistics.aggregate.mean, statistics.aggregate.std]
      : [];
    const isWhole = [mean, std, ...lists].every(isList) && (!statistics || statistics.activeUnits >= 0);
    return isWhole && weights === weightsOf(folder) ? { mean, std, statistics } : undefined;
  } catch {
    return undefined; // missing or broken: it is made again from the images
  }
}
