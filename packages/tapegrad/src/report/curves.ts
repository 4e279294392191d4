import type { MetricsRecord } from '../run/run-folder.ts';
import type { Curve, Curves } from './client/types.ts';

/** Points of a line at most: more than a screen has columns. */
const MOST_POINTS = 2000;

/** The metrics that epochs record of the test set, in the order in which they are recorded. */
export function metricNames(records: readonly MetricsRecord[]): string[] {
  return [...new Set(epochsOf(records).flatMap(({ test }) => Object.keys(test)))];
}

/** An epoch's record as `metrics.jsonl` has it: numbers that are not finite are null. */
export interface StoredEpoch {
  readonly epoch: number;
  readonly step: number;
  readonly seconds: number;
  readonly train: Readonly<Record<string, number | null>>;
  readonly test: Readonly<Record<string, number | null>>;
  readonly nats?: Readonly<Record<string, number | null>>;
}

export const epochsOf = (records: readonly MetricsRecord[]): StoredEpoch[] =>
  records.filter(({ kind }) => kind === 'epoch').map((record) => record as unknown as StoredEpoch);

/** One metric of a run over its steps: single steps, and the averages of its epochs. */
export function figureCurves(records: readonly MetricsRecord[], name: string): Curves {
  const steps = records.filter(({ kind }) => kind === 'step');
  const every = Math.max(1, Math.ceil(steps.length / MOST_POINTS));
  const thinned = steps.filter((_, i) => i % every === 0);
  const epochs = epochsOf(records);
  const finite = (value: unknown) => (typeof value === 'number' ? value : null);
  const curve = (title: string, color: number, half: 'train' | 'test'): Curve => ({
    name: title,
    color,
    x: epochs.map(({ step }) => step),
    y: epochs.map((epoch) => finite(epoch[half][name])),
  });
  const curves = [
    {
      name: 'training step',
      color: 0,
      faint: true,
      x: thinned.map(({ step }) => step!),
      y: thinned.map((record) => finite(record[name])),
    },
    curve('training, mean of the epoch', 0, 'train'),
    curve('test', 1, 'test'),
  ];
  return {
    xLabel: 'steps',
    yLabel: name,
    curves: curves.filter(({ y }) => y.some((value) => value !== null)),
  };
}
