import type { ModelOptions } from './options.ts';

/** The name of the unit in which a reconstruction is measured. */
export function reconstructionUnits({ likelihood, reduction }: ModelOptions): string {
  if (reduction === 'sum') {
    return likelihood === 'bernoulli' ? 'nats per image' : 'nats per image, constants dropped';
  }
  return {
    gaussian: 'mean squared error per normalized pixel',
    bernoulli: 'mean cross-entropy per pixel, nats',
    sigma: 'mean of (squared error)/σ² + 2·log σ per normalized pixel',
  }[likelihood];
}

/** The unit in which a VAE's loss is measured. */
export function elboUnits(options: ModelOptions): string {
  if (options.terms === 'reconstruction') return reconstructionUnits(options);
  const { reduction, beta, gamma, terms } = options;
  if (terms === 'both' && reduction === 'sum' && beta === 1 && gamma === 0)
    return reconstructionUnits(options);
  const perWhat = reduction === 'mean' ? 'mean KL per dimension' : 'KL';
  const penalty = gamma > 0 ? `${gamma} · |KL − C|` : `${beta} · ${perWhat}`;
  return terms === 'kl' ? penalty : `${reconstructionUnits(options)} + ${penalty}`;
}
