/*
 * The content of pictures, before it is drawn as a raster or on a page.
 */

/** Images as a model gives them: [count, channels, height, width], row-major. */
export interface ImageBatch {
  /** Floats from 0 (black) to 1, or bytes from 0 to 255. */
  readonly pixels: Float32Array | Float64Array | Uint8Array;
  /** Of one image; one channel is grey, three are red, green and blue. */
  readonly shape: readonly [channels: number, height: number, width: number];
}

interface Titled {
  /** A few words. */
  readonly title: string;
  /** Added to the title where the picture is shown without its caption. */
  readonly detail?: string;
  /** How to read it: a sentence or two. */
  readonly caption: string;
}

/** Images in rows. */
export interface Sheet extends Titled, ImageBatch {
  readonly kind: 'sheet';
  readonly pixels: Float32Array;
  readonly columns: number;
  readonly rowLabels?: readonly string[];
  readonly columnLabels?: readonly string[];
}

/** Points in a plane, and images at some of them. */
export interface Cloud extends Titled {
  readonly kind: 'cloud';
  /** [count, 2], row-major. */
  readonly points: Float64Array;
  /** For each point, the training image it stands for, and that image's class. */
  readonly images: Uint32Array;
  readonly labels: Uint8Array | null;
  readonly heldOut: {
    readonly points: Float64Array;
    readonly labels: readonly number[] | null;
    readonly images: ImageBatch & { readonly pixels: Uint8Array };
  };
  readonly xLabel: string;
  readonly yLabel: string;
  /** Whether both axes have the same unit, so that distances mean something. */
  readonly sameUnits: boolean;
}

/** How often values fall into each of equally wide bins. */
export interface Histogram {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  /** Shares of all values, one per bin. */
  readonly shares: readonly number[];
  readonly mean: number;
  readonly std: number;
}

/** Small histograms, with a row for each latent dimension. */
export interface Histograms extends Titled {
  readonly kind: 'histograms';
  readonly rows: readonly { readonly name: string; readonly cells: readonly Histogram[] }[];
}

/** One number for each of a few things. */
export interface Bars extends Titled {
  readonly kind: 'bars';
  readonly unit: string;
  readonly rows: readonly { readonly name: string; readonly value: number; readonly marked: boolean }[];
  /** What a marked row means, and what an unmarked one. */
  readonly marks: readonly [marked: string, unmarked: string];
}

/** A curve, by some of its points. */
export interface Curve {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/** Densities over the same range, a panel for each latent dimension. */
export interface Densities extends Titled {
  readonly kind: 'densities';
  readonly range: readonly [low: number, high: number];
  /** What the curves of every panel are called, and the classes whose colours they have. */
  readonly names: readonly { readonly name: string; readonly color: number }[];
  /** Lies behind the curves of every panel. */
  readonly behind: Curve & { readonly name: string };
  readonly rows: readonly {
    readonly name: string;
    readonly detail: string;
    /** One for each name. */
    readonly curves: readonly Curve[];
  }[];
}

/** Any kind of picture. */
export type Picture = Sheet | Cloud | Histograms | Densities | Bars;

/** Tells the user why a picture cannot be made of a model or its data. */
export class NoPicture extends Error {
  override name = 'NoPicture';
}
