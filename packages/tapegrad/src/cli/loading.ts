import type { LoadingListener, RunData } from '../run/run-data.ts';
import { oneLine } from '../text.ts';
import { countReport, standardError } from './pace.ts';

/** Reports on stderr that a folder's images are being decoded, which happens once and may take minutes. */
export function loadingReport(screen = standardError): Required<LoadingListener> {
  const { stream } = screen;
  let report: ReturnType<typeof countReport> | undefined;
  return {
    progress(done, total) {
      if (!report && !stream.isTTY) stream.write(`decoding ${total} images\n`);
      report ??= countReport('decoding images', screen);
      report(done, total);
    },
    note: (message) => stream.write(`${oneLine(message)}\n`),
  };
}

/** Prints the notes about a run's images. */
export function tellNotes(run: string, notes: RunData['notes'], { note }: LoadingListener): void {
  for (const text of [notes.train, notes.test]) if (text !== undefined) note?.(`${run}: ${text}`);
}
