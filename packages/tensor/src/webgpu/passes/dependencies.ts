import type { Binding, RecordedLaunch } from '../dispatch.ts';
import { memoryOf, overlaps } from './program-index.ts';

/** What a launch binds, as far as it says which launches have to wait for which. */
type Bound = Pick<RecordedLaunch, 'bindings' | 'outputs'>;

/**
 * For each launch of a list the places of those before it that it has to wait for: they write what it binds, or bind what it
 * writes. All others may run before it, after it, or at the same time.
 */
export function dependenciesOf(launches: readonly Bound[]): number[][] {
  const uses = new Map<
    object,
    { readonly at: number; readonly binding: Binding; readonly writes: boolean }[]
  >();
  return launches.map(({ bindings, outputs }, at) => {
    const before = new Set<number>();
    for (const [slot, binding] of bindings.entries()) {
      const writes = slot < outputs;
      const memory = memoryOf(binding.storage);
      const known = uses.get(memory) ?? [];
      uses.set(memory, known);
      for (const other of known)
        if ((writes || other.writes) && other.at !== at && overlaps(other.binding, binding))
          before.add(other.at);
      known.push({ at, binding, writes });
    }
    return [...before].sort((a, b) => a - b);
  });
}

/** The longest way to each launch from those that wait for nothing, which are at 0. */
export function levelsOf(dependencies: readonly (readonly number[])[]): number[] {
  const levels: number[] = [];
  for (const before of dependencies) levels.push(Math.max(-1, ...before.map((at) => levels[at]!)) + 1);
  return levels;
}

/** Launches of the longest chain in which each has to wait for the one before: no order of them has fewer turns. */
export const longestChain = (launches: readonly Bound[]): number =>
  Math.max(-1, ...levelsOf(dependenciesOf(launches))) + 1;
