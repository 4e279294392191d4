/* What the page and the worker that trains say to each other. */

/** What a run is made from: together with the code, all of it. */
export interface Experiment {
  readonly model: string;
  /** What differs from the model's defaults. */
  readonly options: Readonly<Record<string, number | string>>;
  readonly seed: number;
  /** First N of the training images. */
  readonly images: number;
  /** `own` is all that this page does not bring: images of its visitor, and data sets that only Node has. */
  readonly data: 'mnist' | 'own';
}

/** Images of the page's visitor, scaled. */
export interface OwnImages {
  readonly name: string;
  readonly shape: readonly [channels: number, height: number, width: number];
  readonly pixels: Uint8Array;
}

/** A run's files, by the names that they have in a run folder of Node's. */
export type RunFiles = Readonly<Record<string, Uint8Array>>;

export type LayerSubject = 'activations' | 'weights' | 'gradients';

/** A tensor of the model that the page wants to see after every window of steps. */
export interface LayerWish {
  readonly subject: LayerSubject;
  /** Of the parameter, or of the module whose output it is. */
  readonly name: string;
}

export type ToTrainer =
  | {
      readonly kind: 'start';
      readonly base: string;
      readonly experiment: Experiment;
      readonly own?: OwnImages | undefined;
      /** A run to go on with. */
      readonly files?: RunFiles | undefined;
      readonly wish?: LayerWish | undefined;
    }
  | { readonly kind: 'pause' }
  | { readonly kind: 'go' }
  | { readonly kind: 'beta'; readonly value: number }
  | { readonly kind: 'epochs'; readonly value: number }
  | { readonly kind: 'wish'; readonly wish: LayerWish | undefined }
  /** Asks for the run's files as they are now. */
  | { readonly kind: 'save'; readonly id: number };

export type Metrics = Readonly<Record<string, number>>;

export interface StepRecord {
  readonly step: number;
  readonly epoch: number;
  readonly images: number;
  readonly metrics: Metrics;
}

export interface EpochRecord {
  readonly epoch: number;
  readonly step: number;
  readonly train: Metrics;
  readonly test: Metrics;
  readonly elbo?: number | undefined;
}

/** Grey or colour images, one after the other: bytes. */
export interface Tiles {
  readonly pixels: Uint8Array;
  readonly shape: readonly [channels: number, height: number, width: number];
  readonly columns: number;
}

export interface Scatter {
  /** x and y of each point in turn. */
  readonly points: Float32Array;
  readonly labels: Uint8Array | null;
  readonly dimensions: readonly [number, number | undefined];
}

export interface LayerView {
  readonly wish: LayerWish;
  readonly shape: readonly number[];
  readonly values: Float32Array;
  readonly least: number;
  readonly most: number;
  readonly norm: number;
}

/** The model as it is at a step. */
export interface Look {
  readonly step: number;
  readonly reconstructions?: Tiles | undefined;
  readonly samples?: Tiles | undefined;
  readonly scatter?: Scatter | undefined;
  /** Why there is no scatter. */
  readonly noScatter?: string | undefined;
  /** Euclidean norm of the last gradient of each parameter. */
  readonly norms?: readonly (readonly [name: string, norm: number])[] | undefined;
  readonly layer?: LayerView | undefined;
}

export interface RunInfo {
  readonly adapter: string;
  readonly isSoftware: boolean;
  readonly parameters: number;
  readonly launches: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
  readonly units: string;
  readonly beta: number | undefined;
  /** Names of what can be looked at. */
  readonly layers: Readonly<Record<LayerSubject, readonly string[]>>;
}

export type FromTrainer =
  | { readonly kind: 'preparing'; readonly text: string; readonly done?: number; readonly total?: number }
  | { readonly kind: 'ready'; readonly info: RunInfo; readonly step: number; readonly epoch: number }
  | { readonly kind: 'steps'; readonly steps: readonly StepRecord[]; readonly imagesPerSecond: number }
  | { readonly kind: 'epoch'; readonly record: EpochRecord }
  | { readonly kind: 'look'; readonly look: Look }
  | { readonly kind: 'beta'; readonly value: number; readonly step: number }
  | { readonly kind: 'state'; readonly state: 'running' | 'paused' | 'done' }
  | { readonly kind: 'files'; readonly files: RunFiles; readonly id?: number | undefined }
  | { readonly kind: 'failed'; readonly message: string };
