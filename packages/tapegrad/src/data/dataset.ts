/** The images of one half of a dataset, as they are on disk. */
export interface Split {
  /** [count, channels, height, width], row-major, 0 to 255. */
  images: Uint8Array;
  count: number;
  /** One class per image, or null if the dataset has none. */
  labels: Uint8Array | null;
}

export interface Dataset {
  /** `mnist`, `fashion-mnist`, or the folder's name. */
  name: string;
  /** The shape of one image. */
  shape: readonly [channels: number, height: number, width: number];
  train: Split;
  test: Split;
  /**
   * SHA-256 of the uncompressed content of each IDX file, under the file's usual name; or of all image files of a half,
   * under `train` and `test`.
   */
  checksums: Record<string, string>;
  /** Mean and deviation of pixels in [0, 1], if the models' defaults, MNIST's, do not suit. */
  normalization?: { mean: number; std: number };
}
