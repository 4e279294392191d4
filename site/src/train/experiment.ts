import { catalogue } from './catalogue.ts';
import type { Experiment } from './protocol.ts';

/* An experiment as an address has it: a link is an experiment. */

export const IMAGES = 10_000;

export const modelOf = (name: string) => catalogue.models.find((model) => model.name === name);

export const optionsOf = (model: string): string[] => Object.keys(modelOf(model)?.defaults ?? {});

/** Options worth a place beside the model; the others are folded away. */
const IMPORTANT = [
  'latent',
  'beta',
  'hidden',
  'noise',
  'noiseLevel',
  'sparsity',
  'sparsityWeight',
  'contraction',
  'codes',
  'levels',
  'samples',
  'batchSize',
  'epochs',
  'lr',
];

export function importantOptions(model: string): { first: string[]; rest: string[] } {
  const all = optionsOf(model);
  return {
    first: IMPORTANT.filter((name) => all.includes(name)),
    rest: all.filter((name) => !IMPORTANT.includes(name)),
  };
}

export const defaultExperiment = (model = 'vae'): Experiment => ({
  model,
  options: {},
  seed: 0,
  images: IMAGES,
  data: 'mnist',
});

/** Reads an address; what it gets wrong is left at its default. */
export function fromAddress(search: string): Experiment {
  const query = new URLSearchParams(search);
  const base = defaultExperiment(modelOf(query.get('model') ?? '') ? query.get('model')! : undefined);
  const options: Record<string, number | string> = {};
  for (const name of optionsOf(base.model)) {
    const text = query.get(name);
    if (text === null) continue;
    const option = catalogue.options[name]!;
    if (option.kind === 'choice') {
      if (option.choices.includes(text)) options[name] = text;
    } else if (text.trim() !== '' && Number.isFinite(Number(text))) options[name] = Number(text);
  }
  const whole = (name: string, fallback: number, least: number, most: number) => {
    const value = query.has(name) ? Number(query.get(name)) : Number.NaN;
    return Number.isSafeInteger(value) && value >= least && value <= most ? value : fallback;
  };
  return {
    ...base,
    options: withoutDefaults(base.model, options),
    seed: whole('seed', 0, 0, 2 ** 32 - 1),
    images: whole('images', IMAGES, 16, IMAGES),
  };
}

/** The query that says what differs from the defaults. */
export function toAddress({ model, options, seed, images }: Experiment): string {
  const query = new URLSearchParams({ model });
  for (const [name, value] of Object.entries(withoutDefaults(model, options))) query.set(name, String(value));
  if (seed !== 0) query.set('seed', String(seed));
  if (images !== IMAGES) query.set('images', String(images));
  return `?${query}`;
}

export function withoutDefaults(
  model: string,
  options: Readonly<Record<string, number | string>>,
): Record<string, number | string> {
  const defaults = modelOf(model)?.defaults ?? {};
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => name in defaults && defaults[name] !== value),
  );
}

/** A run in a few words: the model and what differs from its defaults. */
export function describe({ model, options, seed, images }: Experiment): string {
  const parts = Object.entries(options).map(([name, value]) => `${name} ${value}`);
  if (seed !== 0) parts.push(`seed ${seed}`);
  if (images !== IMAGES) parts.push(`${images} images`);
  return parts.length > 0 ? `${model}, ${parts.join(', ')}` : model;
}

/** What is wrong with a value, in words, or undefined: what the form says at once, and the worker again. */
export function faultIn(name: string, value: number | string): string | undefined {
  const option = catalogue.options[name];
  if (!option || option.kind === 'choice') return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'a number';
  if (option.kind === 'whole') {
    if (!Number.isSafeInteger(value) || value < option.least)
      return `a whole number, ${option.least} or more`;
    return option.most !== undefined && value > option.most ? `at most ${option.most}` : undefined;
  }
  if (option.least !== undefined && value < option.least) return `${option.least} or more`;
  if (option.above !== undefined && value <= option.above) return `above ${option.above}`;
  return option.below !== undefined && value >= option.below ? `below ${option.below}` : undefined;
}
