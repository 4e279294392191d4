import { readFileSync } from 'node:fs';
import type { SafetensorsEntry } from '@tapegrad/nn';
import type { Metrics } from '@tapegrad/vae';
import { attempt, UserError } from '../errors.ts';
import { readWithChecksum, withChecksum } from './checksum.ts';
import { type RunFolder, runFiles } from './run-folder.ts';

/* `state.safetensors`: everything that `--resume` needs to continue bit for bit. */

/** The part of an epoch that is done, which a resumed run continues. */
export interface Tally {
  readonly rows: { metrics: Metrics; images: number }[];
  images: number;
  seconds: number;
}

/** The tally at an epoch's beginning. */
export const emptyTally = (): Tally => ({ rows: [], images: 0, seconds: 0 });

/** The content of `state.safetensors`. */
export interface RunState {
  readonly file: string;
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tally: Tally;
}

/** Version 0.1.0 wrote `figures` for `metrics`. */
const renamed = (_: string, value: unknown) => {
  const { figures, ...rest } = (value ?? {}) as { figures?: Metrics };
  return figures ? { ...rest, metrics: figures } : value;
};

/** Writes the state whole, with a checksum over all of it. */
export function writeRunState(folder: RunFolder, { tensors, metadata, tally }: Omit<RunState, 'file'>): void {
  const texts = { ...metadata, tally: JSON.stringify(tally) };
  folder.writeAtomically(runFiles.state, withChecksum(tensors, texts));
}

/** @throws UserError if there is none, or it is broken */
export function readRunState(folder: RunFolder): RunState {
  const file = folder.file(runFiles.state);
  if (!folder.has(runFiles.state)) {
    throw new UserError(
      `${folder.path}: nothing to resume: it has no ${runFiles.state}: weights alone are not enough to continue ` +
        'a training; start it again with --force',
    );
  }
  return attempt(`${file}: broken`, () => {
    const { tensors, metadata } = readWithChecksum(readFileSync(file));
    return { file, tensors, metadata, tally: JSON.parse(metadata.tally ?? '', renamed) as Tally };
  });
}
