import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type CodeSummary, NoPicture, type Subject } from '@tapegrad/vae';
import { UserError } from '../errors.ts';
import { type RunFolder, runFiles } from './run-folder.ts';

/*
 * What a run keeps of the codes of its training images, in `latent.json`: with it, pictures that need no image themselves
 * are drawn without any.
 */

const FILE = 'latent.json';

/** Of which weights the summary is. */
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

/** The same for those who only look at a run, which may be one that they must not write. */
export async function offerCodeSummary(folder: RunFolder, subject: Subject): Promise<void> {
  try {
    await keepCodeSummary(folder, subject);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

/** The summary of the weights that are in the folder now; undefined where there is none. */
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
    return undefined; // not there, or broken: it is made anew from the images
  }
}
