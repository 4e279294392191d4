/**
 * Every option of every model: what the command line accepts, what `config.json` holds, and what models are built from.
 * A model takes those that its `defaults` name; the others keep the value here and have no effect.
 */

interface Whole {
  readonly kind: 'whole';
  readonly least: number;
  readonly most?: number;
  readonly value: number;
  readonly help: string;
}

interface Real {
  readonly kind: 'real';
  readonly least?: number;
  readonly above?: number;
  readonly below?: number;
  readonly value: number;
  readonly help: string;
}

interface Choice<T extends string = string> {
  readonly kind: 'choice';
  readonly choices: readonly T[];
  readonly value: T;
  readonly help: string;
}

/** The values that an option takes, its default, and what it is for. */
export type Option = Whole | Real | Choice;

/** What an option is about: the heading under which a command's help lists it. */
export type OptionGroup = 'data' | 'training' | 'model' | 'objective';

const whole = (least: number, value: number, help: string): Whole => ({ kind: 'whole', least, value, help });
const real = (bounds: Pick<Real, 'least' | 'above' | 'below'>, value: number, help: string): Real => ({
  kind: 'real',
  ...bounds,
  value,
  help,
});
const choice = <const T extends string>(choices: readonly T[], help: string): Choice<T> => ({
  kind: 'choice',
  choices,
  value: choices[0]!,
  help,
});

type Grouped<T> = { readonly [K in keyof T]: T[K] & { readonly group: OptionGroup } };

const about = <T extends Record<string, Option>>(group: OptionGroup, options: T): Grouped<T> =>
  Object.fromEntries(
    Object.entries(options).map(([name, option]) => [name, { ...option, group }]),
  ) as unknown as Grouped<T>;

/** Options of the models. */
export const modelOptions = {
  ...about('model', {
    network: choice(['conv', 'mlp'], 'architecture of the encoder; the decoder mirrors it'),
    latent: whole(1, 5, 'latent dimensions'),
    hidden: whole(1, 128, 'units of the hidden layers'),
    codes: whole(1, 128, 'K, the number of vectors in the codebook'),
    codebook: choice(
      ['ema', 'loss'],
      'how its vectors learn: by moving averages, or from a loss of their own',
    ),
    decay: real({ least: 0, below: 1 }, 0.99, 'decay of the moving averages'),
    restart: real(
      { least: 0 },
      1,
      'replace a code when its uses per step (moving average) fall below this; 0: never',
    ),
    levels: { ...whole(1, 2, 'layers of latent variables'), most: 16 },
  }),
  ...about('objective', {
    likelihood: choice(
      ['gaussian', 'bernoulli', 'sigma'],
      'of a pixel: Gaussian with σ = 1 (squared error), Bernoulli from logits, or Gaussian with one learned σ',
    ),
    reduction: choice(
      ['mean', 'sum'],
      'over pixels and latent dimensions, the loss takes means, or sums (nats per image)',
    ),
    beta: real({ least: 0 }, 1, 'weight of the KL divergence'),
    terms: choice(['both', 'reconstruction', 'kl'], 'the terms of the loss to train on'),
    warmup: choice(
      ['none', 'linear', 'cyclical'],
      'raise β from 0, once or in cycles (during half of each cycle)',
    ),
    warmupEpochs: real({ above: 0 }, 5, 'length of the rise, or of a cycle'),
    freeBits: real({ least: 0 }, 0, 'nats of KL per latent dimension that cost nothing'),
    gamma: real({ least: 0 }, 0, 'weight of |KL − C|, the capacity form; 0: β · KL instead'),
    capacity: real({ least: 0 }, 25, 'the value that C grows to, in nats'),
    capacityEpochs: real({ above: 0 }, 10, 'epochs that C takes to grow'),
    noise: choice(['gaussian', 'masking', 'salt-and-pepper'], 'how inputs are corrupted'),
    noiseLevel: real(
      { least: 0 },
      0.5,
      'standard deviation, as a share of the range from black to white; or the share of pixels that are hit',
    ),
    sparsity: choice(['l1', 'kl'], "|z|, or the KL divergence of each unit's mean activation from ρ"),
    sparsityWeight: real(
      { least: 0 },
      1e-3,
      'weight of the sparsity penalty; kl needs about ten times as much',
    ),
    rho: real({ above: 0, below: 1 }, 0.05, 'ρ, the mean activation that a unit should have'),
    contraction: real({ least: 0 }, 1e-3, 'λ, weight of ‖∂z/∂x‖²'),
    commitment: real({ least: 0 }, 0.25, 'weight of the commitment loss'),
    samples: whole(1, 5, 'k, importance samples per image'),
  }),
  ...about('data', {
    pixelMean: real({}, 0.1307, 'subtracted from pixels in [0, 1]; for folders of images, 0.5'),
    pixelStd: real({ above: 0 }, 0.3081, 'and what they are then divided by; for folders of images, 0.5'),
  }),
};

/** The name of a model's option, as in `config.json`. */
export type ModelOptionName = keyof typeof modelOptions;

type Value<O> = O extends Choice<infer T> ? T : number;

/** A value for each option of the models. */
export type ModelOptions = { readonly [K in ModelOptionName]: Value<(typeof modelOptions)[K]> };

/** Options of the trainer, which all models share. */
export const trainingOptions = {
  ...about('training', {
    batchSize: whole(1, 128, 'images per step'),
    epochs: whole(1, 10, 'passes over the training set, in total'),
    lr: real({ above: 0 }, 1e-3, "Adam's learning rate"),
    beta1: real({ least: 0, below: 1 }, 0.9, "Adam's decay of the first moment"),
    beta2: real({ least: 0, below: 1 }, 0.999, "Adam's decay of the second moment"),
  }),
  ...about('data', {
    binarize: choice(
      ['none', 'threshold', 'static', 'dynamic'],
      'make pixels 0 or 1: 1 above ½; drawn once, with their value as probability; or drawn at every step (the test set once)',
    ),
  }),
};

/** The name of a trainer's option, as in `config.json`. */
export type TrainingOptionName = keyof typeof trainingOptions;
/** A value for each option of the trainer. */
export type TrainingOptions = { readonly [K in TrainingOptionName]: Value<(typeof trainingOptions)[K]> };

/** The default values of all options. */
export const optionValues = Object.fromEntries(
  Object.entries({ ...modelOptions, ...trainingOptions }).map(([name, { value }]) => [name, value]),
) as unknown as ModelOptions & TrainingOptions;

/** Options that do not go together, or do not suit the images: one line that says what to do. */
export class OptionError extends Error {
  override name = 'OptionError';
}

/** An option's name as its flag spells it, without the dashes before it: `free-bits` for `freeBits`. */
export const flagOf = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** What is wrong with a value from outside, or undefined if nothing is. */
export function faultOf(option: Option, value: unknown): string | undefined {
  if (option.kind === 'choice') {
    return option.choices.includes(value as string) ? undefined : `one of ${option.choices.join(', ')}`;
  }
  if (option.kind === 'whole') {
    const { least, most = Number.MAX_SAFE_INTEGER } = option;
    const fits = Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
    const bounds = option.most === undefined ? `${least} or more` : `${least} to ${most}`;
    return fits ? undefined : `a whole number, ${bounds}`;
  }
  const { least, above, below } = option;
  const fits =
    typeof value === 'number' &&
    Number.isFinite(value) &&
    value >= (least ?? Number.NEGATIVE_INFINITY) &&
    value > (above ?? Number.NEGATIVE_INFINITY) &&
    value < (below ?? Number.POSITIVE_INFINITY);
  const bounds = [
    least === undefined ? '' : `${least} or more`,
    above === undefined ? '' : `above ${above}`,
    below === undefined ? '' : `below ${below}`,
  ].filter(Boolean);
  return fits ? undefined : `a finite number${bounds.length > 0 ? `, ${bounds.join(' and ')}` : ''}`;
}
