import type { AnyOp } from '../contracts.ts';
import { elementwiseOps } from './elementwise-table.ts';

/**
 * The ops of the table that some loaded module uses, by name: what they are entered by is at `entered` in
 * `lowering/table.ts`. The elementwise ones are, from the start, since every tensor has them as methods.
 */
export const enteredOps = new Map<string, AnyOp>(Object.entries(elementwiseOps));
