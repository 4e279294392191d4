/**
 * Where a recorded launch comes from, as `program.print()` tells it. Who runs ops says so: with `labelled` around what
 * it runs (the tape: "backward of entry 12 (relu)"), or on the origin of the op that just ran (the tape again, which
 * learns of an op when it is done: "entry 12 (relu)").
 */
export interface Origin {
  /** What was being run, outermost first. */
  readonly labels: readonly string[];
  /** What became of the op afterwards. */
  entry?: string;
}

/** Labels in force; nothing is noted while there is no recording. */
let stack: string[] | undefined;
let last: Origin | undefined;

/** Says what the launches of `fn` are for. Costs a call when nothing is recorded: `label` is not even made. */
export function labelled<T>(label: () => string, fn: () => T): T {
  if (!stack) return fn();
  stack.push(label());
  try {
    return fn();
  } finally {
    stack?.pop();
  }
}

/** Notes the origins of what `fn` runs. */
export function withOrigins<T>(fn: () => T): T {
  stack = [];
  try {
    return fn();
  } finally {
    stack = undefined;
    last = undefined;
  }
}

/** A new op or effect is about to run: its origin, if origins are noted. */
export function beginOrigin(): Origin | undefined {
  last = stack && { labels: [...stack] };
  return last;
}

/** The origin of the op that ran last; undefined when nothing is recorded, or when it launched nothing. */
export const lastOrigin = (): Origin | undefined => last;

/** Forgets the last origin: an op that launches nothing must not be taken for the one before. */
export function endOrigin(): void {
  last = undefined;
}
