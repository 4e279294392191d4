/** What the interactive part of a report needs: the model, and what is known about its codes. */
export interface LivingData {
  /** By its name and options, as `config.json` has them. */
  readonly model: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly imageShape: readonly [channels: number, height: number, width: number];
  /** The weights in the order of the state dictionary, rounded: see `packedHalves`. Base64 of raw deflate. */
  readonly weights: string;
  readonly tensors: readonly (readonly [name: string, shape: readonly number[]])[];
  /** Latent dimensions, the most informative first. */
  readonly order: readonly number[];
  /** For each dimension: the value that stands for 0, and the size of a step of 1. */
  readonly center: readonly number[];
  readonly scale: readonly number[];
  /** Sliders and planes go from −range to range. */
  readonly range: number;
  /** The panels of the posteriors, if there are any. */
  readonly panels?: PanelLayout;
}

/** Where curves lie in the panels of a density chart. */
export interface PanelLayout {
  /** The dimension of each panel, and the density at its top. */
  readonly panels: readonly { readonly dimension: number; readonly most: number }[];
  /** What all panels show of x. */
  readonly range: readonly [low: number, high: number];
  /** Of the curves' area: its top and height, and its width, in the panel's own coordinates. */
  readonly top: number;
  readonly height: number;
  readonly width: number;
}
