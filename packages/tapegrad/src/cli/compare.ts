import { readRuns, writeComparison } from '../run/compare.ts';
import { openAdapter } from './device.ts';
import { loadingReport } from './loading.ts';

/** The command `compare`. */
export async function compare(
  runs: string[],
  { out, data, adapter }: { out: string; data?: string; adapter: string },
): Promise<void> {
  readRuns(runs);
  const device = await openAdapter(adapter);
  const { html, png } = await writeComparison(runs, out, { device, data, listener: loadingReport() });
  process.stdout.write(`${html}\n${png}\n`);
}
