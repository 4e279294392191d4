import { ae } from './ae.ts';
import type { ModelSpec } from './model.ts';
import { vae } from './vae.ts';
import { vaeMlp } from './vae-mlp.ts';

/** Every model that can be trained by name. */
export const models: ReadonlyMap<string, ModelSpec> = new Map(
  [ae, vae, vaeMlp].map((spec) => [spec.name, spec]),
);

export * from './ae.ts';
export * from './likelihoods.ts';
export * from './model.ts';
export * from './networks.ts';
export * from './options.ts';
export * from './vae.ts';
export * from './vae-mlp.ts';
