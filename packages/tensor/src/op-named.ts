import type { OpName, ops } from './op-table.ts';
import { enteredOps } from './ops/entered.ts';

/**
 * An op of the table by its name, for those that do not know which ops a program has: the rules of all of them are on one page.
 * @throws if nothing that was loaded uses an op of its family
 */
export function opNamed<K extends OpName>(name: K): (typeof ops)[K] {
  const op = enteredOps.get(name);
  if (op) return op as (typeof ops)[K];
  throw new Error(`opNamed: ${name} is not loaded: import a function that uses it, or take it from ops`);
}

/** The name under which an op is in the table, if it is; a user's own op may be called like one of them. */
export const nameInTable = (op: { readonly name: string }): OpName | undefined =>
  enteredOps.get(op.name) === op ? (op.name as OpName) : undefined;
