import { innermost, within } from './context.ts';
import type { OpCall } from './contracts.ts';

/**
 * Where a recorded launch comes from, as `program.print()` tells it. Whoever runs ops says so: with `labelled` around
 * what it runs (the graph: "backward of entry 12 (relu)"), or on the origin of the op that just ran (the graph again,
 * which learns of an op when it is done: "entry 12 (relu)").
 */
export interface Origin {
  /** What was being run, outermost first. */
  readonly labels: readonly string[];
  /** What became of the op afterwards. */
  entry?: string;
}

/** Notes the origins of what runs while it is on the stack. */
class Origins {
  readonly labels: string[] = [];
  readonly #ofCalls = new WeakMap<OpCall<unknown>, Origin>();
  #entries = 0;

  begin(call?: OpCall<unknown>): Origin {
    const origin = { labels: [...this.labels] };
    if (call) this.#ofCalls.set(call, origin);
    return origin;
  }

  /** Names a call as an entry of a graph; returns the name. */
  name(call: OpCall<unknown>): string {
    const entry = `entry ${this.#entries++} (${call.op.name})`;
    const origin = this.#ofCalls.get(call);
    if (origin) origin.entry = entry;
    return entry;
  }
}

/** Says what the launches of `fn` are for. Costs a look when nothing is recorded: `label` is not even made. */
export function labelled<T>(label: () => string, fn: () => T): T {
  const origins = innermost(Origins);
  if (!origins) return fn();
  origins.labels.push(label());
  try {
    return fn();
  } finally {
    origins.labels.pop();
  }
}

/** Notes the origins of what `fn` runs. */
export const withOrigins = <T>(fn: () => T): T => within(new Origins(), fn);

/** What is being run now, outermost first: the labels in force, where origins are noted. */
export const labelsInForce = (): readonly string[] => innermost(Origins)?.labels ?? [];

/** The origin of a call (or of an update) that is about to run, if origins are noted. */
export const originOf = (call?: OpCall<unknown>): Origin | undefined => innermost(Origins)?.begin(call);

/** Numbers a call that a graph has taken in, and returns its name; undefined if origins are not noted. */
export const nameEntry = (call: OpCall<unknown>): string | undefined => innermost(Origins)?.name(call);
