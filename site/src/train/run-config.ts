import type { Experiment, RunFiles } from './protocol.ts';

/* What a page has to know of a run's files, without the packages that make them. */

export const fileNames = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  weights: 'weights.safetensors',
  state: 'state.safetensors',
} as const;

export type RunConfig = Readonly<Record<string, unknown>> & {
  readonly model: string;
  readonly seed: number;
  readonly limit: number | null;
  readonly data: string;
};

/** A run's configuration, with what is wrong with it in words. */
export function configOf(file: Uint8Array): RunConfig {
  const config = parsed(fileNames.config, new TextDecoder().decode(file)) as RunConfig | null;
  if (typeof config?.model !== 'string')
    throw new Error(`${fileNames.config} names no model: it is not a run's`);
  return config;
}

/** The data of a run: what its `config.json` says, or `otherwise` while it has none. */
export function dataOf(files: RunFiles | undefined, otherwise: Experiment['data']): Experiment['data'] {
  const config = files?.[fileNames.config];
  if (!config) return otherwise;
  return configOf(config).data === 'mnist' ? 'mnist' : 'own';
}

/** Lines of `metrics.jsonl`. */
export const recordsOf = (file: Uint8Array | undefined): Record<string, unknown>[] =>
  new TextDecoder()
    .decode(file)
    .split('\n')
    .flatMap((line, i) =>
      line === '' ? [] : [parsed(`line ${i + 1} of ${fileNames.metrics}`, line) as Record<string, unknown>],
    );

function parsed(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${what} is not JSON: it is broken, or not a run's`);
  }
}
