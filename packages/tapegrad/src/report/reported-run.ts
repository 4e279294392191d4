import type { Autoencoder, ModelSpec, PictureName, PictureResult, Subject } from '@tapegrad/vae';
import type { Dataset } from '../data/dataset.ts';
import type { RunConfig } from '../run/run.ts';

/** A run as its report shows it. */
export interface ReportedRun {
  readonly config: RunConfig;
  readonly spec: ModelSpec;
  readonly model: Autoencoder;
  readonly data: Dataset;
  /** The model with the data; if given, the page has an interactive decoder. */
  readonly subject?: Subject;
}

/** All pictures of a run, or the reason why one is missing. */
export type RunPictures = Readonly<Record<PictureName, PictureResult>>;
