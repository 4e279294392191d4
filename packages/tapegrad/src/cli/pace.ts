import cliProgress from 'cli-progress';

/*
 * How the command shows progress: with a bar at the foot of a terminal, or, where there is no terminal (a log, a scheduler's
 * job), with a line every half minute.
 */

/** Where progress is shown, and by which clock, in milliseconds. */
export interface Screen {
  readonly stream: { readonly isTTY?: boolean; write(text: string): unknown };
  now(): number;
}

export const standardError: Screen = { stream: process.stderr, now: () => performance.now() };

/** The time between two lines, in milliseconds. */
export const HALF_A_MINUTE = 30_000;

/** Says when the next line is due. */
export class Pace {
  readonly #now: () => number;
  #last: number;

  constructor({ now }: Pick<Screen, 'now'>) {
    this.#now = now;
    this.#last = now();
  }

  /** Whether half a minute has passed since a line; if so, the next one is due in another. */
  isDue(): boolean {
    if (this.#now() - this.#last < HALF_A_MINUTE) return false;
    this.restart();
    return true;
  }

  /** Another line has just been written. */
  restart(): void {
    this.#last = this.#now();
  }
}

/** How many a second, over the last ten seconds. */
export class RateMeter {
  readonly #now: () => number;
  #marks: { time: number; total: number }[] = [];
  #total = 0;

  constructor({ now }: Pick<Screen, 'now'>) {
    this.#now = now;
  }

  /** Undefined until there is something to measure. */
  add(count: number): number | undefined {
    const time = this.#now();
    this.#total += count;
    this.#marks.push({ time, total: this.#total });
    while (this.#marks.length > 2 && time - this.#marks[0]!.time > 10_000) this.#marks.shift();
    const { time: since, total: before } = this.#marks[0]!;
    return time - since > 100 ? ((this.#total - before) / (time - since)) * 1000 : undefined;
  }
}

/** `1:02:03`, or `2:03` */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0
    ? `${h}:${String(m).padStart(2, '0')}:${String(s).padStart(2, '0')}`
    : `${m}:${String(s).padStart(2, '0')}`;
}

export const counted = (count: number): string => Math.round(count).toLocaleString('en');

/** The bar of all commands. */
export const newBar = (
  { stream }: Screen,
  format: string,
  options: Partial<cliProgress.Options> = {},
): cliProgress.SingleBar =>
  new cliProgress.SingleBar({
    format,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    clearOnComplete: true,
    stream: stream as NodeJS.WriteStream,
    ...options,
  });

/**
 * Shows how many of something are done, such as `decoding images`.
 * @returns a function to be called with the number done and the total
 */
export function countReport(what: string, screen = standardError): (done: number, total: number) => void {
  if (screen.stream.isTTY) {
    // An interruption here ends the process at once, and would leave the cursor hidden.
    const options = { hideCursor: false };
    const bar = newBar(screen, `${what} {bar} {value} of {total}, {eta_formatted} left`, options);
    return (done, total) => {
      if (!bar.isActive) bar.start(total, 0);
      bar.setTotal(total);
      bar.update(done);
      if (done === total) bar.stop();
    };
  }
  const pace = new Pace(screen);
  const rates = new RateMeter(screen);
  let before = 0;
  return (done, total) => {
    const rate = rates.add(done - before);
    before = done;
    if (done === total || !pace.isDue()) return;
    const left = rate ? `, ${duration((total - done) / rate)} left` : '';
    screen.stream.write(`${what}: ${counted(done)} of ${counted(total)}${left}\n`);
  };
}
