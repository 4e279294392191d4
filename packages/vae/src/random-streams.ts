/**
 * What random numbers are used for. Each use has a stream of the run's seed to itself, so that no use affects another's
 * numbers. Runs can be repeated only as long as these assignments stay the same.
 */
export const randomStreams = {
  /** Initial weights. */
  weights: 1,
  /** ε, corruption and drawn pixels in training. */
  training: 2,
  /** The same during evaluation of the test set. */
  evaluation: 3,
  /** The order of the training set in each epoch. */
  order: 4,
  /** Samples and corrupted images for pictures. */
  pictures: 5,
  /** Pixels that are drawn as black or white once, when data are loaded. */
  trainPixels: 6,
  testPixels: 7,
  /** z for the importance-weighted log-likelihood. */
  importance: 8,
} as const;

/** A use of random numbers. */
export type RandomStream = keyof typeof randomStreams;
