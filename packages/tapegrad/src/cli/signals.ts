/** Those that ask a command to end well. SIGBREAK is Ctrl-Break, which only Windows has. */
const STOPPING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGBREAK'];

/**
 * Calls `handle` at each signal to stop. One may also come as a message from the process that started this one: Windows
 * knows no signals between processes, so a sweep tells its runs so.
 */
export function onSignal(handle: (signal: NodeJS.Signals) => void): void {
  for (const signal of STOPPING) process.on(signal, () => handle(signal));
  process.on('message', (message) => {
    const signal = STOPPING.find((known) => known === message);
    if (signal) handle(signal);
  });
  process.channel?.unref(); // whoever listens does not stay for that alone
}
