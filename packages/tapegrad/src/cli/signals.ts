import { constants } from 'node:os';
import { reasonOf, UserError } from '../errors.ts';
import { isHangUpIgnored } from './hang-up.ts';

/** Signals with which people and schedulers ask for an end: two of them mean "at once". SIGBREAK is Ctrl-Break on Windows. */
const FIRM: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGBREAK'];

/**
 * Signals that do not come alone: that of a closing terminal (from the kernel, from the shell, and often with SIGTERM after
 * it), that of the limit on CPU time (every second), and one that schedulers use as a warning.
 */
const SOFT: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGXCPU', 'SIGUSR2'];

/** GNU `timeout` signals the program and then its group, so the program gets the same signal twice: this counts as one. */
const ECHO = 50;

/** By the shells' convention: 130 after Ctrl-C. */
export const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

/** Told that the reader of this process's output has gone. */
let onBrokenPipe = (): void => process.exit(exitCodeOf('SIGPIPE'));

/**
 * For the beginning of a program: if its parent had SIGHUP ignored, as `nohup` does, it goes on after one. Node alone would
 * not: at its start it resets every signal to its default. A terminal that has gone refuses output, which is no reason to end;
 * nor is a full disk under the standard error, which carries no results.
 *
 * @param fail what to do about results that cannot be written
 */
export function surviveHangUp(fail: (error: Error) => void): void {
  if (isHangUpIgnored()) process.on('SIGHUP', () => {});
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EIO') return;
      if (error.code === 'EPIPE') onBrokenPipe();
      else if (stream === process.stdout)
        fail(new UserError(`standard output: cannot write it: ${reasonOf(error)}`, { cause: error }));
    });
}

/** Ends the process when all results are written: errors such as a full disk are known only after the write. */
export async function exit(code: number): Promise<never> {
  await new Promise((resolve) => process.stdout.write('', resolve));
  process.exit(code);
}

export interface Stop {
  /** The first signal. */
  readonly signal?: NodeJS.Signals;
}

/**
 * Calls `stop` for the first signal to end, and for each further one that means "at once". A signal may also come as a message
 * from the parent process: Windows has no signals between processes, so a sweep stops its runs in this way. A reader that goes
 * away (`tapegrad train … | head`) counts as a signal too.
 */
export function onSignal(stop: (signal: NodeJS.Signals, atOnce: boolean) => void): Stop {
  const state: { signal?: NodeJS.Signals } = {};
  let firm = 0;
  let last: { signal: NodeJS.Signals; time: number } | undefined;
  const handle = (signal: NodeJS.Signals) => {
    const time = performance.now();
    const isEcho = last?.signal === signal && time - last.time < ECHO;
    last = { signal, time };
    if (isEcho) return;
    if (FIRM.includes(signal)) firm++;
    const isFirst = state.signal === undefined;
    state.signal ??= signal;
    if (isFirst || (FIRM.includes(signal) && firm > 1)) stop(signal, !isFirst);
  };
  const heard = isHangUpIgnored() ? SOFT.filter((signal) => signal !== 'SIGHUP') : SOFT;
  for (const signal of [...FIRM, ...heard]) process.on(signal, () => handle(signal));
  onBrokenPipe = () => handle('SIGPIPE');
  process.on('message', (message) => {
    const signal = FIRM.find((known) => known === message);
    if (signal) handle(signal);
  });
  process.channel?.unref(); // listening alone should not keep the process alive
  return state;
}
