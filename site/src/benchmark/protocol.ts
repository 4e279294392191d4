import type { KernelRow, Results, Roofs, Skipped, StepRow } from '@tapegrad/bench/browser';

/* What the page and the worker that measures say to each other. */

export interface Wishes {
  readonly quick: boolean;
  /** Indices into `GROUPS`, the kinds of kernels. */
  readonly groups: readonly number[];
  readonly steps: boolean;
}

export type FromBench =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number; readonly text: string }
  | { readonly kind: 'roofs'; readonly roofs: Roofs; readonly adapter: Results['adapter'] }
  | { readonly kind: 'kernel'; readonly row: KernelRow }
  | { readonly kind: 'step'; readonly row: StepRow }
  | { readonly kind: 'done'; readonly results: Results }
  | { readonly kind: 'failed'; readonly message: string };

export type { KernelRow, Results, Roofs, Skipped, StepRow };
