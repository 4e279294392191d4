import { createStore, del, entries, set } from 'idb-keyval';
import type { EpochRecord, Experiment, Look, RunFiles, RunInfo } from '../train/protocol.ts';
import { dataOf } from '../train/run-config.ts';

/* Runs of this browser, kept between visits: for the table of runs, to go on with, and to explore. */

/** Points of a run's curves. */
export interface Curve {
  readonly steps: number[];
  /** By metric, a value for each of `steps`. */
  readonly metrics: Record<string, number[]>;
}

export interface StoredRun {
  readonly id: string;
  readonly name: string;
  readonly experiment: Experiment;
  readonly created: number;
  readonly color: number;
  readonly curve: Curve;
  readonly epochs: readonly EpochRecord[];
  /** Where β was changed on the way. */
  readonly betas: readonly { readonly step: number; readonly value: number }[];
  readonly info?: RunInfo | undefined;
  readonly look?: Look | undefined;
  readonly done: boolean;
  readonly files?: RunFiles | undefined;
}

const store = createStore('tapegrad', 'runs');

/** Where a browser keeps nothing (a private window), runs last as long as the page. */
const quietly = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await work();
  } catch {
    return undefined;
  }
};

/** Keeps a run, and tells whether the browser did. */
export const keepRun = async (run: StoredRun): Promise<boolean> =>
  (await quietly(async () => {
    await set(run.id, run, store);
    return true;
  })) ?? false;

export const forgetRun = (id: string) => quietly(() => del(id, store));

/** All runs, the oldest first. */
export async function keptRuns(): Promise<StoredRun[]> {
  const found = (await quietly(() => entries<string, StoredRun>(store))) ?? [];
  return found.map(([, run]) => asMade(run)).sort((a, b) => a.created - b.created);
}

/** Earlier versions of the page wrote `mnist` beside every run that came as files. */
const asMade = (run: StoredRun): StoredRun => ({
  ...run,
  experiment: { ...run.experiment, data: dataOf(run.files, run.experiment.data) },
});
