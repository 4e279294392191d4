import { innermost, within } from './context.ts';
import type { Storage } from './contracts.ts';
import type { Tensor } from './tensor.ts';
import { internalsOf } from './tensor.ts';

/*
 * When memory was written over, so that whoever computes with values from before can tell that they are gone: the counterpart of
 * PyTorch's version counters. By ranges, since the parameters of an optimizer lie in one buffer.
 */

/** A part of a storage, in elements. */
export interface Span {
  readonly storage: Storage;
  readonly offset: number;
  readonly size: number;
}

interface Written {
  readonly from: number;
  readonly to: number;
  at: number;
}

/** Counts updates in place, of whatever tensors. */
let clock = 0;
/** The ranges of each storage, each once. */
type Writes = WeakMap<Storage, Written[]>;
const written: Writes = new WeakMap();

/** The writes of a function that is being recorded: they count until then, for none of them has happened. */
class Rehearsal {
  readonly written: Writes = new WeakMap();
}

/** Runs `fn`, whose updates are recorded instead of made. */
export const rehearsed = <T>(fn: () => T): T => within(new Rehearsal(), fn);

const rehearsedNow = (): Writes | undefined => innermost(Rehearsal)?.written;

/** Ranges of a storage that are remembered: better not to notice a write than to find fault with what was not written. */
const MANY = 256;

/** The time now: how many updates in place there were so far. */
export const updatesSoFar = (): number => clock;

/** Takes down that a part of a storage was written over. */
export function noteWrite({ storage, offset: from, size }: Span): void {
  clock++;
  const to = from + size;
  const writes = rehearsedNow() ?? written;
  let ranges = writes.get(storage);
  if (!ranges) {
    ranges = [];
    writes.set(storage, ranges);
  }
  // A loop writes the same ranges again and again.
  for (const range of ranges)
    if (range.from === from && range.to === to) {
      range.at = clock;
      return;
    }
  if (ranges.length === MANY) ranges.shift();
  ranges.push({ from, to, at: clock });
}

/** Forgets what was written to a storage: its tensors have the values that they had elsewhere. */
export const forgetWrites = (storage: Storage): void => void (rehearsedNow() ?? written).delete(storage);

/** Whether a tensor's memory was written over since a time. */
export function writtenSince(tensor: Tensor, time: number): boolean {
  if (clock === time || tensor.size === 0) return false;
  const { storage, offset, size } = internalsOf(tensor);
  const overlaps = ({ from, to, at }: Written) => at > time && from < offset + size && to > offset;
  return [written, rehearsedNow()].some((writes) => writes?.get(storage)?.some(overlaps));
}
