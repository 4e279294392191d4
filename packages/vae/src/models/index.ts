import { ae, vae } from './conv.ts';
import { vaeMlp } from './mlp.ts';
import type { ModelSpec } from './model.ts';

/** Every model that can be trained by name. */
export const models: ReadonlyMap<string, ModelSpec> = new Map(
  [ae, vae, vaeMlp].map((spec) => [spec.name, spec]),
);

export { ConvAE, ConvVAE } from './conv.ts';
export { MlpVAE } from './mlp.ts';
export * from './model.ts';
