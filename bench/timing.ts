/** Times of one piece of work in milliseconds. */
export interface Timing {
  readonly median: number;
  /** The quartiles: half of all samples lie between them. */
  readonly low: number;
  readonly high: number;
  readonly samples: readonly number[];
}

/** CPU time of the whole process so far, in milliseconds; NaN in a browser, which does not tell. */
export function cpuTime(): number {
  if (typeof process === 'undefined') return Number.NaN;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The value below which a fraction of the samples lies, interpolated between neighbours. */
export function quantile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const place = (sorted.length - 1) * fraction;
  const [below, above] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return below + (above - below) * (place - Math.floor(place));
}

export const medianOf = (samples: readonly number[]): number => quantile(samples, 0.5);

export function timingOf(samples: readonly number[]): Timing {
  return {
    median: medianOf(samples),
    low: quantile(samples, 0.25),
    high: quantile(samples, 0.75),
    samples: samples.map((ms) => Number(ms.toPrecision(5))),
  };
}

export interface Effort {
  /** Passes over everything that is measured: what drifts from minute to minute shows in the spread. */
  readonly rounds: number;
  /** Milliseconds that one sample should take, so that starting and waiting do not count. */
  readonly sample: number;
  /** Milliseconds for the samples of one row in one round; two are taken in any case. */
  readonly budget: number;
  /** Seconds that one launch may take; longer ones are skipped, and it is said. */
  readonly longest: number;
}

export const THOROUGH: Effort = { rounds: 3, sample: 30, budget: 160, longest: 1 };
export const QUICK: Effort = { rounds: 1, sample: 3, budget: 10, longest: 0.02 };

const MOST_SAMPLES = 6;

/**
 * Samples of the time that `work` takes, in milliseconds. `work(times)` does it so many times and waits for the end;
 * it has run before, so that nothing is compiled any more.
 */
export async function sampled(
  work: (times: number) => Promise<void>,
  { sample, budget }: Effort,
): Promise<number[]> {
  const once = await timed(() => work(1));
  const times = Math.max(1, Math.min(10_000, Math.round(sample / once)));
  const samples: number[] = [];
  let spent = 0;
  while (samples.length < 2 || (spent < budget && samples.length < MOST_SAMPLES)) {
    const ms = await timed(() => work(times));
    samples.push(ms / times);
    spent += ms;
  }
  return samples;
}

export async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
