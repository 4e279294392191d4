import { internalsOf, observe, scope, show, type Tensor } from '@tapegrad/tensor';
import type { Metrics } from './metrics.ts';
import type { Autoencoder } from './models/model.ts';

/* Finds where a number that is not finite comes from. */

/** A loss or a parameter is not finite. The message names the first tensor that was not. */
export class NotFiniteError extends Error {
  override name = 'NotFiniteError';

  constructor(what: string, origin: string) {
    super(`${what}; the first tensor that is not finite: ${origin}`);
  }
}

/** Whether every metric is a number, and none infinite. */
export const allFinite = (metrics: Metrics) => Object.values(metrics).every(Number.isFinite);
/** Metrics as an error shows them. */
export const textOf = (metrics: Metrics) =>
  Object.entries(metrics)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');

/** The first parameter that is not finite, in words. */
export async function badParameter(model: Autoencoder): Promise<string | undefined> {
  for (const [name, parameter] of model.namedParameters()) {
    const where = await placeNotFinite(parameter);
    if (where) return `parameter ${name}, ${where}`;
  }
  return undefined;
}

/** The first op that `fn` runs whose output is not finite, counted from 1. */
export async function firstNotFinite(
  fn: () => void,
): Promise<{ op: string; number: number; where: string } | undefined> {
  const seen: { op: string; output: Tensor }[] = [];
  scope(() =>
    observe(({ op, output }) => {
      internalsOf(output).retain();
      seen.push({ op: op.name, output });
    }, fn),
  );
  try {
    for (const [i, { op, output }] of seen.entries()) {
      const where = await placeNotFinite(output);
      if (where) return { op, number: i + 1, where };
    }
    return undefined;
  } finally {
    for (const { output } of seen) internalsOf(output).release();
  }
}

async function placeNotFinite(t: Tensor): Promise<string | undefined> {
  if (t.dtype !== 'float32') return undefined;
  const values = await t.data();
  const at = values.findIndex((value) => !Number.isFinite(value));
  return at < 0 ? undefined : `shape ${show(t.shape)}, value ${values[at]} at element ${at}`;
}
