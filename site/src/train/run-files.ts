import { decodeSafetensors, encodeSafetensors, saveStateDict } from '@tapegrad/nn';
import { averageOf, faultOf, type Metrics, modelOptions, type Trainer, trainingOptions } from '@tapegrad/vae';
import type { RunFiles } from './protocol.ts';
import { fileNames, type RunConfig } from './run-config.ts';

/* A run as Node's command has it on disk: `tapegrad train --resume` goes on with what is written here, and the other way. */

/** The sums behind an epoch that is under way, as `state.safetensors` has them. */
export interface Tally {
  readonly rows: { readonly metrics: Metrics; readonly images: number }[];
  images: number;
  seconds: number;
}

export const emptyTally = (): Tally => ({ rows: [], images: 0, seconds: 0 });

export const averageOfTally = ({ rows }: Tally): Metrics => averageOf(rows);

/** All files of a run, from a trainer between two steps. */
export async function filesOf(
  trainer: Trainer,
  config: RunConfig,
  records: readonly object[],
  tally: Tally,
): Promise<RunFiles> {
  const { tensors, metadata } = await trainer.checkpoint();
  const text = (content: string) => new TextEncoder().encode(content);
  return {
    [fileNames.config]: text(`${JSON.stringify(config, null, 2)}\n`),
    [fileNames.metrics]: text(records.map((record) => `${JSON.stringify(record)}\n`).join('')),
    [fileNames.weights]: await saveStateDict(trainer.model, { format: 'pt', model: config.model }),
    [fileNames.state]: encodeSafetensors(tensors, {
      ...metadata,
      model: config.model,
      tally: JSON.stringify(tally),
    }),
  };
}

/** What a run's `state.safetensors` says. */
export function stateOf(file: Uint8Array) {
  const { tensors, metadata } = decodeSafetensors(file);
  const tally = JSON.parse(metadata.tally ?? '{"rows":[],"images":0,"seconds":0}') as Tally;
  return { tensors, metadata, tally };
}

/** Refuses options that a form or an address got wrong, naming the first. */
export function assertOptions(options: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const table = { ...modelOptions, ...trainingOptions };
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name)) throw new Error(`this model has no option '${name}'`);
    const fault = faultOf(table[name as keyof typeof table], value);
    if (fault) throw new Error(`${name} is ${JSON.stringify(value)}: it has to be ${fault}`);
  }
}
