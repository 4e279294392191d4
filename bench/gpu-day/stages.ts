import { randomContractions, sameBytes, suites } from './checks.ts';
import { adapter, fixedCosts, roofs } from './costs.ts';
import { pytorch } from './pytorch.ts';
import { halves, layers, squares, steps } from './rates.ts';
import type { Stage } from './stage.ts';

/** In the order in which they run: what is wanted most comes first, since a machine may go away. */
export const stages: readonly Stage[] = [
  adapter,
  fixedCosts,
  roofs,
  sameBytes,
  steps,
  pytorch,
  squares,
  suites,
  randomContractions,
  layers,
  halves,
];
