import { exportFormats } from '../choices.ts';
import { type ExportFormat, exportRun } from '../run/export.ts';
import { readRun } from '../run/run.ts';

/** The command `export`. */
export function exportWeights(path: string, { format }: { format?: ExportFormat }): void {
  const files = exportRun(readRun(path), format ? [format] : exportFormats);
  process.stdout.write(files.map((file) => `${file}\n`).join(''));
}
