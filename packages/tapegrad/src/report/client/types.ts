/*
 * The JSON that a page's script finds in the element `data`. Numbers that are not finite are null, since JSON has none.
 */

export interface PageData {
  /** By the id of the element that shows it. */
  readonly curves: Readonly<Record<string, Curves>>;
  readonly clouds: Readonly<Record<string, CloudData>>;
  readonly sliders: Readonly<Record<string, readonly Frame[]>>;
  /** Small versions of the first training images, and of the held-out ones. */
  readonly thumbnails?: Sprite;
  readonly heldOut?: Sprite;
}

export interface Curve {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
  /** An index into the page's colours. */
  readonly color: number;
  /** Drawn thin, for the many steps behind a few averages. */
  readonly faint?: boolean;
}

export interface Curves {
  readonly xLabel: string;
  readonly yLabel: string;
  readonly logX?: boolean;
  readonly curves: readonly Curve[];
}

export interface CloudData {
  readonly label: string;
  /** x, y, x, y … */
  readonly points: readonly number[];
  /** For each point, the index of its thumbnail. */
  readonly images: readonly number[] | null;
  readonly labels: readonly number[] | null;
  readonly heldOut: { readonly points: readonly number[]; readonly labels: readonly number[] | null };
  readonly xLabel: string;
  readonly yLabel: string;
  readonly sameUnits: boolean;
}

/** Images side by side in one PNG. */
export interface Sprite {
  readonly source: string;
  readonly columns: number;
  readonly width: number;
  readonly height: number;
}

/** A position of a slider. */
export interface Frame {
  readonly source: string;
  readonly label: string;
  readonly alt: string;
}
