export { type ImagesDone, inBatches } from './batches.ts';
export { binarized } from './binarize.ts';
export { type DatasetOptions, DeviceDataset, type Images } from './device-dataset.ts';
export { Evaluation } from './evaluation.ts';
export {
  allPictures,
  type Bars,
  type Cloud,
  type CodeSummary,
  type Densities,
  type Histogram,
  type Histograms,
  heldOutDigits,
  type ImageBatch,
  type LabelledImages,
  NoPicture,
  normalized,
  type Picture,
  type PictureName,
  type PictureResult,
  pictureNeeds,
  pictures,
  SHOWN,
  type Sheet,
  type ShownCodes,
  Subject,
  type SubjectData,
  type SubjectOptions,
} from './gallery/index.ts';
export { LiveModel } from './live-model.ts';
export { averageOf, type Metrics } from './metrics.ts';
export { MetricsRing } from './metrics-ring.ts';
export { ae, PlainAutoencoder } from './models/ae.ts';
export { betaVae } from './models/beta-vae.ts';
export { Codebook, type CodebookOptions, perplexity } from './models/codebook.ts';
export { ContractiveAutoencoder, contracted, contractiveAe } from './models/contractive-ae.ts';
export { assertCorruption, type Corruption, corrupted } from './models/corruption.ts';
export { courseTraining, imageOptions, klOptions, usualTraining } from './models/defaults.ts';
export { DenoisingAutoencoder, denoisingAe } from './models/denoising-ae.ts';
export { HierarchicalVAE, hvae } from './models/hvae.ts';
export { models } from './models/index.ts';
export { ImportanceWeightedAutoencoder, iwae } from './models/iwae.ts';
export {
  Bernoulli,
  Gaussian,
  LearnedSigma,
  Likelihood,
  likelihoodOf,
  type Normalization,
  normalize,
  type PixelOptions,
} from './models/likelihoods.ts';
export {
  Autoencoder,
  type Code,
  type Common,
  evaluating,
  type ImageShape,
  type ModelSpec,
  type Nats,
  type Objective,
  settingsOf,
  type TrainingContext,
} from './models/model.ts';
export { decoderNetwork, encoderNetwork, halvings } from './models/networks.ts';
export {
  faultOf,
  flagOf,
  type ModelOptionName,
  type ModelOptions,
  modelOptions,
  type Option,
  OptionError,
  type OptionGroup,
  optionValues,
  type TrainingOptionName,
  type TrainingOptions,
  trainingOptions,
} from './models/options.ts';
export { klFromRate, SparseAutoencoder, sparseAe } from './models/sparse-ae.ts';
export { elboUnits, reconstructionUnits } from './models/units.ts';
export {
  type Draw,
  type GaussianCode,
  logRatios,
  PlainVAE,
  repeatRows,
  VariationalAutoencoder,
  vae,
} from './models/vae.ts';
export { BlogVAE, vaeBlog } from './models/vae-blog.ts';
export { MlpVAE, vaeMlp } from './models/vae-mlp.ts';
export { VectorQuantizedVAE, vqVae } from './models/vq-vae.ts';
export { NotFiniteError } from './not-finite.ts';
export { klFromLogSigma, klPenalty, LOG_SIGMA, type PenaltyOptions, warmth } from './objectives.ts';
export { type RandomStream, randomStreams } from './random-streams.ts';
export {
  ACTIVE,
  type CodeMoments,
  type Codes,
  codeMoments,
  descending,
  encodeAll,
  type ImportanceOptions,
  importanceWeighted,
  type LatentStatistics,
  latentStatistics,
} from './statistics.ts';
export { type StepMetrics, Trainer, type TrainerOptions, type TrainingData } from './trainer.ts';
export { runTrainingStep, shuffledOrder, type TrainingParts } from './training-step.ts';
