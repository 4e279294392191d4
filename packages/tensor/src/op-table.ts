import type { Inputs, Op } from './contracts.ts';
import { casts } from './lowering/cast.ts';
import { convolutions } from './lowering/conv.ts';
import { gathers } from './lowering/gather.ts';
import { products } from './lowering/matmul.ts';
import { movements } from './lowering/movement.ts';
import { pools } from './lowering/pool.ts';
import { draws } from './lowering/random.ts';
import { reductions } from './lowering/reduce.ts';
import { scans } from './lowering/scan.ts';
import { softmaxes } from './lowering/softmax.ts';
import { training } from './lowering/training.ts';
import { elementwiseOps } from './ops/elementwise-table.ts';

/**
 * The op table: every pure operation, by name. Its derivatives are in `packages/autograd/src/rules.ts`. Whoever takes an op from
 * here takes all of them into a bundle: functions take theirs from the module of its lowering, and rules by `opNamed`.
 */
export const ops = {
  ...elementwiseOps,
  ...reductions,
  ...scans,
  ...softmaxes,
  ...products,
  ...convolutions,
  ...pools,
  ...movements,
  ...gathers,
  ...casts,
  ...draws,
  ...training,
};

/** The name of an op of the table. */
export type OpName = keyof typeof ops;

/** The attributes of an op. */
export type Attributes<K extends OpName> = (typeof ops)[K] extends Op<infer A, infer _> ? A : never;

/** The inputs of an op, as a tuple. */
export type InputsOf<K extends OpName> = (typeof ops)[K] extends Op<infer _, infer I> ? I : Inputs;
