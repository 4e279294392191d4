import type { Inputs, Op } from '../contracts.ts';
import { cast } from './cast.ts';
import { convOps } from './conv.ts';
import { elementwiseOps } from './elementwise-table.ts';
import { gatherOps } from './gather.ts';
import { matmul } from './matmul.ts';
import { movementOps } from './movement.ts';
import { adam, sgd } from './optimize.ts';
import { poolOps } from './pool.ts';
import { advance, randomOps } from './random.ts';
import { reduceOps } from './reduce.ts';
import { scanOps } from './scan.ts';
import { softmaxOps } from './softmax.ts';
import { accumulate, assign, logStep, trainingOps } from './training.ts';

/** The op table: every pure operation, by name. Its derivatives are in `packages/autograd/src/rules.ts`. */
export const ops = {
  ...elementwiseOps,
  ...reduceOps,
  ...scanOps,
  ...softmaxOps,
  matmul,
  ...convOps,
  ...poolOps,
  ...movementOps,
  ...gatherOps,
  cast,
  ...randomOps,
  ...trainingOps,
};

/** The name of an op of the table. */
export type OpName = keyof typeof ops;

/** The attributes of an op. */
export type Attributes<K extends OpName> = (typeof ops)[K] extends Op<infer A, infer _> ? A : never;

/** The inputs of an op, as a tuple. */
export type InputsOf<K extends OpName> = (typeof ops)[K] extends Op<infer _, infer I> ? I : Inputs;

/** Updates in place. */
export const updates = { adam, sgd, advance, assign, accumulate, logStep };

/** The name of an update of the table. */
export type UpdateName = keyof typeof updates;
