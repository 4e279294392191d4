import type { AnyOp, AnyUpdate, InPlaceUpdate, Inputs, Op } from '../contracts.ts';
import { elementwiseOps } from '../ops/elementwise-table.ts';
import { enteredOps } from '../ops/entered.ts';
import { elementwiseLowering } from './elementwise.ts';
import type { Lower, LoweringOf, LowerUpdate } from './launch.ts';

/*
 * How ops run on a GPU. A family of ops (`ops/pool.ts`) is entered here by the module of its lowerings (`lowering/pool.ts`),
 * which hands it on to the functions that people call (`functions/pooling.ts`). So what no loaded function uses is not
 * here, and a bundler leaves it out with its kernels.
 */

const table = new Map<AnyOp | AnyUpdate, unknown>(
  Object.values(elementwiseOps).map((op) => [op, elementwiseLowering(op)]),
);

/** A lowering for each op of a family; null for one that only renames memory. */
type Lowerings<T> = { readonly [K in keyof T]: LoweringOf<T[K]> | null };

/** Enters a family of ops: what the rule of one needs has to be in it too, or be a function. A missing lowering does not compile. */
export function entered<T extends Readonly<Record<string, AnyOp>>>(ops: T, lowerings: Lowerings<T>): T {
  for (const [name, op] of Object.entries(ops)) {
    enteredOps.set(name, op);
    table.set(op, lowerings[name]);
  }
  return ops;
}

/** The same for updates in place. */
export function enteredUpdates<T extends Readonly<Record<string, AnyUpdate>>>(
  updates: T,
  lowerings: { readonly [K in keyof T]: LoweringOf<T[K]> },
): T {
  for (const [name, update] of Object.entries(updates)) table.set(update, lowerings[name]);
  return updates;
}

/** Gives an op of the user's own, or an update, the launches that compute it on a GPU. */
export function defineLowering<A, I extends Inputs>(op: Op<A, I>, lower: Lower<A, I>): void;
export function defineLowering<A, T extends Inputs>(
  update: InPlaceUpdate<A, T>,
  lower: LowerUpdate<A, T>,
): void;
export function defineLowering(op: AnyOp | AnyUpdate, lower: unknown): void {
  table.set(op, lower);
}

/** The lowering of an op, or of an update. @throws if it has none */
export function loweringOf(op: AnyOp): Lower<unknown>;
export function loweringOf(update: AnyUpdate): LowerUpdate<unknown>;
export function loweringOf(op: AnyOp | AnyUpdate): unknown {
  const lower = table.get(op);
  if (lower) return lower;
  throw new Error(
    `${op.name}: nothing says how it runs on WebGPU: give it a lowering with defineLowering(op, lower), or compute on ` +
      'the reference device',
  );
}
