import type { Storage } from './contracts.ts';
import type { Tensor } from './tensor.ts';
import { internalsOf } from './tensor.ts';

/*
 * When memory was written over, so that who computes with values from before can tell that they are gone: the counterpart of
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
  readonly at: number;
}

/** Counts updates in place, of whatever tensors. */
let clock = 0;
const written = new WeakMap<Storage, readonly Written[]>();
/** Of a storage only the latest ranges are remembered: better not to notice than to find fault with what was not written. */
const MANY = 64;

/** The time now: how many updates in place there were so far. */
export const updatesSoFar = (): number => clock;

/** Takes down that a part of a storage was written over. */
export function noteWrite({ storage, offset, size }: Span): void {
  clock++;
  const latest = { from: offset, to: offset + size, at: clock };
  const others = (written.get(storage) ?? []).filter(({ from, to }) => from < latest.from || to > latest.to);
  written.set(storage, [...others, latest].slice(-MANY));
}

/** Forgets what was written to a storage: its tensors have the values that they had elsewhere. */
export const forgetWrites = (storage: Storage): void => void written.delete(storage);

/** Whether a tensor's memory was written over since a time. */
export function writtenSince(tensor: Tensor, time: number): boolean {
  if (clock === time) return false;
  const { storage, offset, size } = internalsOf(tensor);
  const spans = written.get(storage);
  return spans?.some(({ from, to, at }) => at > time && from < offset + size && to > offset) ?? false;
}
