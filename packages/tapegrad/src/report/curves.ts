import type { MetricsRecord } from '../run/metrics-log.ts';
import type { Curve, Curves } from './client/types.ts';

/** The most points of a line: more than a screen has columns. */
const MOST_POINTS = 2000;

/** Names of the test set's metrics, in the order in which epochs record them. */
export function metricNames(records: readonly MetricsRecord[]): string[] {
  return [...new Set(epochsOf(records).flatMap(({ test }) => Object.keys(test)))];
}

/** An epoch's record in `metrics.jsonl`, where numbers that are not finite are null. */
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

/** A run's metric over its steps: single steps, and the averages of epochs. */
export function metricCurves(records: readonly MetricsRecord[], name: string): Curves {
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
