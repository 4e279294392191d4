import type { KernelRow, Skipped } from './kernels/measure.ts';
import type { PeerRow } from './peers/contest.ts';
import type { Roofs } from './roofline.ts';
import type { Timing } from './timing.ts';
import type { HostRow, StepRow } from './training.ts';

const FORMAT = 'tapegrad-bench';
const VERSION = 1;

/** All that one run of the suite measured: what `--json` writes and `--compare` reads. */
export interface Results {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  /** ISO 8601. */
  readonly date: string;
  readonly adapter: { readonly name: string; readonly driver: string; readonly kind: string };
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string };
  readonly quick: boolean;
  /** Absent where nothing ran on the adapter. */
  readonly roofs?: Roofs | undefined;
  readonly kernels: readonly KernelRow[];
  readonly steps: readonly StepRow[];
  readonly host: readonly HostRow[];
  readonly peers: readonly PeerRow[];
  readonly skipped: readonly Skipped[];
}

export const header = () => ({ format: FORMAT, version: VERSION }) as const;

/** Everything that can be compared between two runs, by name. */
export function timingsOf({ kernels, steps, host }: Results): Map<string, Timing> {
  return new Map([
    ...kernels.map(({ id, ms }) => [id, ms] as const),
    ...steps.flatMap(({ id, captured, eager }) => [
      [`${id} captured`, captured.ms] as const,
      [`${id} eager`, eager.ms] as const,
    ]),
    ...host.map(({ id, ms }) => [id, ms] as const),
  ]);
}

/**
 * What a file of results holds.
 * @throws an error whose message goes on after the file's name
 */
export function checkResults(content: unknown): Results {
  const { format, version } = (content ?? {}) as Partial<Results>;
  if (format !== FORMAT) throw new Error('is no result of this suite; name a file that --json wrote');
  if (version !== VERSION)
    throw new Error(`has version ${version} of the format, this suite has ${VERSION}; measure it anew`);
  const results = content as Results;
  try {
    for (const [id, { median, low, high }] of timingsOf(results)) {
      if (![median, low, high].every((ms) => Number.isFinite(ms) && ms > 0)) throw new Error(id);
    }
    if (typeof results.adapter.name !== 'string') throw new Error('adapter');
  } catch (error) {
    throw new Error(`is damaged (${(error as Error).message}); measure it anew`);
  }
  return results;
}
