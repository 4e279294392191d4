import type { Outcome, Sweep } from '../sweep/sweep.ts';
import { duration, HALF_A_MINUTE, Pace, standardError } from './pace.ts';

/** Shows the progress of a sweep. */
export interface SweepProgress {
  /** A run has ended. */
  ended(outcome: Outcome): void;
  /** If it is time, writes a line about the whole sweep and one for each run under way. */
  look(): void;
  stop(): void;
}

/**
 * Shows every half minute how many runs are done and how far those under way are, by the last lines of their logs. A run
 * that ends gets a line of its own.
 */
export function sweepProgress(
  count: number,
  underWay: Sweep['underWay'],
  screen = standardError,
): SweepProgress {
  const began = screen.now();
  const pace = new Pace(screen);
  let [ended, trained] = [0, 0];
  const look = () => {
    const running = underWay();
    if (running.length === 0 || !pace.isDue()) return;
    const elapsed = (screen.now() - began) / 1000;
    const left = trained > 0 ? `, about ${duration((elapsed * (count - ended)) / trained)} left` : '';
    const lines = [
      `${ended} of ${count} runs done${left}`,
      ...running.map(({ point, last = 'beginning' }) => `  ${point.name}: ${last}`),
    ];
    screen.stream.write(lines.map((line) => `${line}\n`).join(''));
  };
  const timer = setInterval(look, HALF_A_MINUTE / 10);
  timer.unref();
  return {
    ended(outcome) {
      ended++;
      if (!(outcome.status === 'done' && outcome.earlier)) trained++;
    },
    look,
    stop: () => clearInterval(timer),
  };
}
