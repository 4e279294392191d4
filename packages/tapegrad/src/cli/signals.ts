/** Signals that ask a command to end cleanly. SIGBREAK is Ctrl-Break, which only Windows has. */
const STOPPING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGBREAK'];

/**
 * Calls `handle` for each signal to stop. One may also come as a message from the process that started this one:
 * Windows has no signals between processes, so that is how a sweep stops its runs.
 */
export function onSignal(handle: (signal: NodeJS.Signals) => void): void {
  for (const signal of STOPPING) process.on(signal, () => handle(signal));
  process.on('message', (message) => {
    const signal = STOPPING.find((known) => known === message);
    if (signal) handle(signal);
  });
  process.channel?.unref(); // listening alone should not keep the process alive
}
