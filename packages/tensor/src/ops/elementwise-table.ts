import * as functions from './elementwise.ts';
import * as internal from './elementwise-internal.ts';

type Functions = typeof functions;

/** Ops are known by the names of their functions: one that calls itself otherwise does not compile. */
const named: { readonly [K in keyof Functions]: { readonly op: { readonly name: K } } } = functions;
const alsoNamed: { readonly [K in keyof typeof internal]: { readonly name: K } } = internal;

/** The elementwise ops, by name. */
export const elementwiseOps = {
  ...Object.fromEntries(Object.entries(named).map(([name, { op }]) => [name, op])),
  ...alsoNamed,
} as { readonly [K in keyof Functions]: Functions[K]['op'] } & typeof internal;
