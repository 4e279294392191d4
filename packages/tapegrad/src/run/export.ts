import { createRequire } from 'node:module';
import { exportOnnx } from '@tapegrad/interchange';
import { encodeSafetensors } from '@tapegrad/nn';
import type { exportFormats } from '../choices.ts';
import { attempt } from '../errors.ts';
import type { StoredRun } from './run.ts';

export type ExportFormat = (typeof exportFormats)[number];

/**
 * Writes a run's model in other formats, into `RUN/export/`, and returns the files' paths.
 * @throws UserError, and writes nothing, if the model does not have one of these forms
 */
export function exportRun(run: StoredRun, formats: readonly ExportFormat[]): string[] {
  const files = formats.flatMap((format) => Object.entries(makers[format](run)));
  return files.map(([name, content]) => {
    run.folder.writeAtomically(`export/${name}`, content);
    return run.folder.file(`export/${name}`);
  });
}

type Maker = (run: StoredRun) => Readonly<Record<string, Uint8Array>>;

const makers: Readonly<Record<ExportFormat, Maker>> = {
  safetensors: ({ config, weights }) => ({
    'model.safetensors': encodeSafetensors(weights, { format: 'pt', model: config.model }),
  }),
  onnx: ({ folder, config, spec, weights }) => {
    const { imageShape } = config;
    const { encoder, decoder } = attempt(`${folder.path}: ${config.model} cannot be exported to ONNX`, () =>
      exportOnnx({ spec, imageShape, options: config, weights, version: ownVersion() }),
    );
    return { 'encoder.onnx': encoder, 'decoder.onnx': decoder };
  },
};

function ownVersion(): string {
  const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
  return version;
}
