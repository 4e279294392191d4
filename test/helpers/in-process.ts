import { main } from '../../packages/tapegrad/src/cli/main.ts';
import type { Ended } from './runs.ts';

/** In place of the process's end. */
class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

type Listener = Parameters<typeof process.removeListener>[1];
const emitters = [process, process.stdout, process.stderr] as NodeJS.EventEmitter[];

/** Whoever listens to the process and its streams. */
const listening = () =>
  emitters.flatMap((emitter) =>
    emitter
      .eventNames()
      .flatMap((event) =>
        emitter.listeners(event).map((listener) => ({ emitter, event, listener: listener as Listener })),
      ),
  );

/**
 * Runs `tapegrad` in this process, one command at a time: for those that end before they open a device, of which a process of
 * its own takes 0.3 s of CPU time to start.
 */
export async function tapegradHere(
  args: readonly string[],
  cwd: string = process.cwd(),
): Promise<Pick<Ended, 'code' | 'stdout' | 'stderr'>> {
  const before = { cwd: process.cwd(), exit: process.exit, listeners: listening() };
  const printed = { stdout: '', stderr: '' };
  const streams = (['stdout', 'stderr'] as const).map((name) => ({ name, write: process[name].write }));
  for (const { name } of streams)
    process[name].write = (text: unknown, ...rest: unknown[]) => {
      printed[name] += String(text);
      const done = rest.at(-1);
      if (typeof done === 'function') done();
      return true;
    };
  process.exit = (code) => {
    throw new Exit(Number(code));
  };
  process.chdir(cwd);
  let code: number | undefined;
  try {
    await main(args).catch((error: unknown) => {
      if (!(error instanceof Exit)) throw error;
      code = error.code;
    });
  } finally {
    const old = new Set(before.listeners.map(({ listener }) => listener));
    for (const { emitter, event, listener } of listening()) {
      if (old.has(listener)) continue;
      if (event === 'exit') listener(code);
      emitter.removeListener(event, listener);
    }
    process.exit = before.exit;
    process.exitCode = undefined;
    process.chdir(before.cwd);
    for (const { name, write } of streams) process[name].write = write;
  }
  if (code === undefined) throw new Error(`tapegrad ${args.join(' ')} came to no end`);
  return { code, ...printed };
}
