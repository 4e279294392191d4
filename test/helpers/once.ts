import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Who did not come to an end leaves the lock behind. */
const STALE_MS = 15 * 60_000;

/** Does something that several suites need once, though they ask at the same time: who comes second waits for the first. */
export async function once(lock: string, isDone: () => boolean, act: () => Promise<void>): Promise<void> {
  while (!isDone()) {
    if (!take(lock)) {
      await sleep(200);
      continue;
    }
    try {
      if (!isDone()) await act();
    } finally {
      rmdirSync(lock);
    }
  }
}

function take(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > STALE_MS) rmdirSync(lock);
    return false;
  }
}
