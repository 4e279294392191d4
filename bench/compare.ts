import { type Results, timingsOf } from './results.ts';
import type { Timing } from './timing.ts';

export interface Change {
  readonly id: string;
  readonly before: Timing;
  readonly after: Timing;
  /** Time after divided by time before. */
  readonly ratio: number;
}

export interface Comparison {
  readonly slower: readonly Change[];
  readonly faster: readonly Change[];
  /** Rows that are the same within the noise. */
  readonly same: number;
  /** Rows that only one of the two has. */
  readonly unmatched: number;
}

/** Medians that are nearer than this are called the same, however little the samples of each run spread. */
const MARGIN = 1.05;

/**
 * What became slower or faster beyond the noise: the ranges that hold the middle half of each row's samples do not meet,
 * and the medians differ by more than 5 %. Samples are taken in rounds, so the ranges also hold how far the machine
 * drifts within one run; how far it drifted between the two runs, nobody can know.
 */
export function compare(before: Results, after: Results): Comparison {
  const [old, fresh] = [timingsOf(before), timingsOf(after)];
  const changes = [...fresh].flatMap(([id, timing]): Change[] => {
    const earlier = old.get(id);
    return earlier ? [{ id, before: earlier, after: timing, ratio: timing.median / earlier.median }] : [];
  });
  const slower = changes.filter((one) => one.ratio > MARGIN && one.after.low > one.before.high);
  const faster = changes.filter((one) => one.ratio < 1 / MARGIN && one.after.high < one.before.low);
  return {
    slower: slower.sort((a, b) => b.ratio - a.ratio),
    faster: faster.sort((a, b) => a.ratio - b.ratio),
    same: changes.length - slower.length - faster.length,
    unmatched: old.size + fresh.size - 2 * changes.length,
  };
}

const ms = ({ median, low, high }: Timing) =>
  `${median.toPrecision(3)} ms (${low.toPrecision(3)} to ${high.toPrecision(3)})`;

export function describeComparison({ slower, faster, same, unmatched }: Comparison, file: string): string {
  const line = (word: string) => (change: Change) =>
    `  ${word} ${change.ratio > 1 ? change.ratio.toFixed(2) : (1 / change.ratio).toFixed(2)}x: ${change.id}, ${ms(change.before)} before, ${ms(change.after)} now`;
  return [
    `compared with ${file}: ${slower.length} slower, ${faster.length} faster, ${same} the same within the noise` +
      (unmatched > 0 ? `, ${unmatched} in one of the two only` : ''),
    ...slower.map(line('slower')),
    ...faster.map(line('faster')),
  ].join('\n');
}
