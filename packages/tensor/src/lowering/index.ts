import type { AnyOp, AnyUpdate, InPlaceUpdate, Inputs, Op } from '../contracts.ts';
import { type OpName, ops, type UpdateName, updates } from '../ops/index.ts';
import { cast } from './cast.ts';
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from './conv.ts';
import { elementwiseLowerings } from './elementwise.ts';
import { gather, scatterAdd } from './gather.ts';
import type { Lower, LoweringOf, LowerUpdate } from './launch.ts';
import { matmul } from './matmul.ts';
import { concat, expand, pad, permute, slice } from './movement.ts';
import { adam, sgd } from './optimize.ts';
import {
  avgPool2d,
  avgPool2dGradient,
  maxPool2d,
  maxPool2dIndices,
  poolGather,
  poolScatter,
} from './pool.ts';
import { advance, random } from './random.ts';
import { argmax, argmin, max, min, prod, sum } from './reduce.ts';
import { cumsum } from './scan.ts';
import { logSoftmax, softmax } from './softmax.ts';
import { accumulate, assign, batch, logStep } from './training.ts';

/** How every op runs on a GPU. A missing one does not compile; one that only renames memory has none: null. */
export const lowerings: { readonly [K in OpName]: LoweringOf<(typeof ops)[K]> | null } = {
  ...elementwiseLowerings,
  sum,
  prod,
  max,
  min,
  argmax,
  argmin,
  cumsum,
  softmax,
  logSoftmax,
  matmul,
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
  maxPool2d,
  maxPool2dIndices,
  poolGather,
  poolScatter,
  avgPool2d,
  avgPool2dGradient,
  reshape: null,
  permute,
  expand,
  slice,
  pad,
  concat,
  gather,
  scatterAdd,
  cast,
  random,
  batch,
};

/** The same for updates in place. */
export const updateLowerings: { readonly [K in UpdateName]: LoweringOf<(typeof updates)[K]> } = {
  adam,
  sgd,
  advance,
  assign,
  accumulate,
  logStep,
};

const table = new Map<AnyOp | AnyUpdate, unknown>([
  ...(Object.keys(ops) as OpName[]).map((name) => [ops[name], lowerings[name]] as const),
  ...(Object.keys(updates) as UpdateName[]).map((name) => [updates[name], updateLowerings[name]] as const),
]);

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
