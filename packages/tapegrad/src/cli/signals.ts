import { constants } from 'node:os';
import { reasonOf, UserError } from '../errors.ts';
import { isHangUpIgnored } from './hang-up.ts';

/** Signals of people and schedulers who want an end: two of them mean "at once". SIGBREAK is Ctrl-Break of Windows. */
const FIRM: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGBREAK'];

/**
 * Signals that come in company, or again and again: a closing terminal's (from the kernel, from the shell, and often with
 * SIGTERM after it), that of the limit on CPU time (every second), and one that schedulers use as a warning.
 */
const SOFT: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGXCPU', 'SIGUSR2'];

/** `timeout` of GNU signals the program and then its group, so that the program gets two of one kind: those are one. */
const ECHO = 50;

/** By the shells' convention: 130 after Ctrl-C. */
export const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

/** Told that the reader of this process's output has gone. */
let onBrokenPipe = (): void => process.exit(exitCodeOf('SIGPIPE'));

/**
 * For the beginning of a program: where the one who started it has SIGHUP ignored, as `nohup` does, it goes on. Node does
 * not: it gives every signal its default at its own start. A terminal that has gone refuses what is written to it, which
 * is no reason to end; nor is a full disk under standard error, which has no results.
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

/** Ends the process when all results are written: what refuses them (a full disk) is known only after the write. */
export async function exit(code: number): Promise<never> {
  await new Promise((resolve) => process.stdout.write('', resolve));
  process.exit(code);
}

export interface Stop {
  /** The first signal. */
  readonly signal?: NodeJS.Signals;
}

/**
 * Calls `stop` for the first signal to end, and for each further one that means "at once". One may also come as a message
 * from the process that started this one: Windows has no signals between processes, so that is how a sweep stops its runs.
 * A reader who goes away (`tapegrad train … | head`) is a signal too.
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
