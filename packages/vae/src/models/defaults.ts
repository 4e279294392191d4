/* Default options that models share. */

/** The course's training settings for its convolutional autoencoders. */
export const courseTraining = {
  batchSize: 512,
  epochs: 10,
  lr: 1e-3,
  beta1: 0.5,
  beta2: 0.999,
  binarize: 'none',
} as const;

/** Adam with PyTorch's defaults, in small batches. */
export const usualTraining = {
  batchSize: 128,
  epochs: 10,
  lr: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  binarize: 'none',
} as const;

/** Defaults of every model whose network and pixels can be chosen. */
export const imageOptions = {
  network: 'conv',
  latent: 5,
  hidden: 128,
  likelihood: 'gaussian',
  reduction: 'mean',
  pixelMean: 0.1307,
  pixelStd: 0.3081,
} as const;

const { reduction: _, ...others } = imageOptions;
/** The same for those whose losses are always in nats, so that there is no choice between sums and means. */
export const imageOptionsInNats = others;

/** Defaults of the penalty on the KL divergence. */
export const klOptions = {
  beta: 1,
  terms: 'both',
  warmup: 'none',
  warmupEpochs: 5,
  freeBits: 0,
} as const;
