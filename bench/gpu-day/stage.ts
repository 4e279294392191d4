import { type FoundAdapter, openDevice } from '@tapegrad/node';
import { setDefaultDevice, type WebGPUDevice } from '@tapegrad/tensor';
import type { Row } from './record.ts';

/** What a stage is told. */
export interface Conditions {
  /** As `--adapter` of the other benchmarks. */
  readonly adapter: string;
  /** Small sizes, few samples. */
  readonly small: boolean;
  /** For choosing random cases. */
  readonly seed: number;
}

/** A part of the day. It says each row as soon as it has it: what was said is not lost when its time is up. */
export interface Stage {
  readonly name: string;
  /** What it finds out, in a line for the page. */
  readonly about: string;
  /** Seconds that it may take, of a day of 480; other days are shared out alike. */
  readonly seconds: number;
  run(conditions: Conditions, say: (row: Row) => void): Promise<void>;
}

/** The device of a stage, with timestamps as exact as they come and the matrix units that Dawn still calls unsafe. */
export async function openFor({
  adapter,
}: Conditions): Promise<WebGPUDevice & { readonly found: FoundAdapter }> {
  const device = await openDevice(adapter, { toggles: ['-timestamp_quantization', 'allow_unsafe_apis'] });
  // What an earlier tuning chose is not what is asked here.
  device.tuned = undefined;
  setDefaultDevice(device);
  return device;
}

/** Four significant digits: more are noise. */
export const rounded = (value: number): number => Number(value.toPrecision(4));
