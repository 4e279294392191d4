import { assignments } from './lowering/assign.ts';
import { optimizers } from './lowering/optimize.ts';
import { counters } from './lowering/random.ts';
import { bookkeeping } from './lowering/training.ts';

/** Updates in place, by name. */
export const updates = { ...optimizers, ...counters, ...assignments, ...bookkeeping };
