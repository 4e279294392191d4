/*
 * The choices of some options, apart from the code that uses them, so that help can list them without loading it.
 */

/** The names that `loadDataset` knows, in addition to folders. */
export const datasetNames = ['mnist', 'fashion-mnist'] as const;
export type DatasetName = (typeof datasetNames)[number];
export const isDatasetName = (name: string): name is DatasetName =>
  datasetNames.some((known) => known === name);

/** What to do about images that cannot be read. */
export const badImagesChoices = ['refuse', 'skip'] as const;

/** The files that `export` writes. */
export const exportFormats = ['safetensors', 'onnx'] as const;

/** The schedulers that `sweep` writes scripts for. */
export const schedulers = ['slurm', 'kubernetes'] as const;

/** The shells that `completion` writes scripts for. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/**
 * The settings of `train --short` on each kind of adapter: enough for digits to look like digits, within five minutes on two
 * cores with SwiftShader. There batches are smaller, too, since more steps learn more from the same number of images.
 */
export const shortTraining = {
  gpu: { epochs: 3 },
  lavapipe: { epochs: 3 },
  swiftshader: { epochs: 1, mostImages: 128 },
} as const;
