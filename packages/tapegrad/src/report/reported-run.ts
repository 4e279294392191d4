import type { Autoencoder, ModelSpec, PictureName, PictureResult } from '@tapegrad/vae';
import type { Dataset } from '../data/dataset.ts';
import type { RunConfig } from '../run/run.ts';

/** A run as its report shows it. */
export interface ReportedRun {
  readonly config: RunConfig;
  readonly spec: ModelSpec;
  readonly model: Autoencoder;
  readonly data: Dataset;
}

/** All pictures of a run, or why there is none. */
export type RunPictures = Readonly<Record<PictureName, PictureResult>>;
