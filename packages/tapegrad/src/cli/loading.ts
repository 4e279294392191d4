import cliProgress from 'cli-progress';
import type { LoadingListener, RunData } from '../run/run-data.ts';

/** The help of `--data` for commands that show a run. */
export const DATA_HELP = "where the run's images are by now, or other images to show it with";

/**
 * Says on stderr that a folder's images are being decoded, which happens once and may take minutes: a bar on a
 * terminal.
 */
export function loadingReport(): Required<LoadingListener> {
  const bar = new cliProgress.SingleBar({
    format: 'decoding images {bar} {value} of {total}, {eta_formatted} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: false, // an interruption here ends the process at once
    clearOnComplete: true,
    stream: process.stderr,
  });
  return {
    progress(done, total) {
      if (!process.stderr.isTTY) {
        if (done === 1) process.stderr.write(`decoding ${total} images\n`);
        return;
      }
      if (!bar.isActive) bar.start(total, done - 1);
      bar.setTotal(total);
      bar.update(done);
      if (done === total) bar.stop();
    },
    note: (message) => process.stderr.write(`${message}\n`),
  };
}

/** Prints the notes about a run's images. */
export function tellNotes(run: string, notes: RunData['notes'], { note }: LoadingListener): void {
  for (const text of [notes.train, notes.test]) if (text !== undefined) note?.(`${run}: ${text}`);
}
