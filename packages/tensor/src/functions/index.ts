/*
 * The functions that people call, named as PyTorch names them. Each turns convenient arguments into an op's inputs and
 * attributes; those that are compositions of ops are differentiable because the ops are.
 */

export type { Operand } from '../operands.ts';
export * from '../ops/elementwise.ts';
export * from './cast.ts';
export * from './contractions.ts';
export * from './einsum.ts';
export * from './indexing.ts';
export * from './movement.ts';
export * from './pooling.ts';
export * from './random.ts';
export * from './reductions.ts';
