/**
 * What random numbers are drawn for, and the stream of the run's seed that each use has to itself: what one of them draws
 * leaves the others as they are. A run can be repeated only while the numbers stay as they are.
 */
export const randomStreams = {
  /** Initial weights. */
  weights: 1,
  /** ε, corruption and drawn pixels in training. */
  training: 2,
  /** The same when the test set is evaluated. */
  evaluation: 3,
  /** The order of the training set in each epoch. */
  order: 4,
  /** Samples and corrupted images for pictures. */
  pictures: 5,
  /** Pixels that are drawn as black or white once, when the data are loaded. */
  trainPixels: 6,
  testPixels: 7,
  /** z for the importance-weighted log-likelihood. */
  importance: 8,
} as const;

export type RandomStream = keyof typeof randomStreams;
