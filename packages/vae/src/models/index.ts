import { ae } from './ae.ts';
import { hvae } from './hvae.ts';
import { iwae } from './iwae.ts';
import type { ModelSpec } from './model.ts';
import { vae } from './vae.ts';
import { vaeMlp } from './vae-mlp.ts';

/** Every model that can be trained by name. */
export const models: ReadonlyMap<string, ModelSpec> = new Map(
  [ae, vae, vaeMlp, hvae, iwae].map((spec) => [spec.name, spec]),
);

export * from './ae.ts';
export * from './hvae.ts';
export * from './iwae.ts';
export * from './likelihoods.ts';
export * from './model.ts';
export * from './networks.ts';
export * from './options.ts';
export * from './vae.ts';
export * from './vae-mlp.ts';
