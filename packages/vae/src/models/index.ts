import { ae } from './ae.ts';
import { betaVae } from './beta-vae.ts';
import { contractiveAe } from './contractive-ae.ts';
import { denoisingAe } from './denoising-ae.ts';
import { hvae } from './hvae.ts';
import { iwae } from './iwae.ts';
import type { ModelSpec } from './model.ts';
import { sparseAe } from './sparse-ae.ts';
import { vae } from './vae.ts';
import { vaeBlog } from './vae-blog.ts';
import { vaeMlp } from './vae-mlp.ts';
import { vqVae } from './vq-vae.ts';

/** Every model that can be trained by name. */
export const models: ReadonlyMap<string, ModelSpec> = new Map(
  [ae, denoisingAe, sparseAe, contractiveAe, vae, betaVae, vaeMlp, vaeBlog, hvae, iwae, vqVae].map((spec) => [
    spec.name,
    spec,
  ]),
);
