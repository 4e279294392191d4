import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { writeAtomically } from '../results-file.ts';

/** What one measurement, or one check, says: names and plain values. */
export type Row = Readonly<Record<string, string | number | boolean>>;

export interface StageRecord {
  readonly name: string;
  /** `cut off`: its time was up; what it had found until then counts. */
  readonly state: 'done' | 'cut off' | 'failed' | 'left out';
  /** Why, unless it is done. */
  readonly reason?: string;
  readonly seconds: number;
  readonly rows: readonly Row[];
}

/** All that a day found out. */
export interface DayRecord {
  readonly format: 'tapegrad-gpu-day';
  readonly version: 1;
  /** ISO 8601. */
  readonly date: string;
  readonly commit: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string };
  /** Small sizes: a rehearsal, whose times say nothing of the adapter. */
  readonly small: boolean;
  readonly stages: readonly StageRecord[];
}

export const newRecord = (small: boolean): DayRecord => ({
  format: 'tapegrad-gpu-day',
  version: 1,
  date: new Date().toISOString(),
  commit: commitHere(),
  machine: {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    node: process.versions.node,
  },
  small,
  stages: [],
});

export function writeRecord(path: string, record: DayRecord): void {
  writeAtomically(path, `${JSON.stringify(record, null, 1)}\n`);
}

/** A copy of the repository that is no clone has none. */
function commitHere(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') ? ', changed' : '');
  } catch {
    return 'unknown';
  }
}
