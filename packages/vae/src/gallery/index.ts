import { latentScatter, principalScatter } from './clouds.ts';
import { histograms, klBars } from './distributions.ts';
import { NoPicture, type Picture } from './picture.ts';
import { posteriors } from './posteriors.ts';
import { interpolation, latentGrid, manifold, reconstructions, samples, traversals } from './sheets.ts';
import type { Subject } from './subject.ts';

export { latentScatter, principalScatter } from './clouds.ts';
export {
  type CodeTable,
  evenly,
  type Frame,
  interpolationCodes,
  planeCodes,
  quantiles,
  traversalCodes,
} from './codes.ts';
export { histogram, histograms, klBars } from './distributions.ts';
export {
  type Bars,
  type Cloud,
  type Curve,
  type Densities,
  type Histogram,
  type Histograms,
  type ImageBatch,
  NoPicture,
  type Picture,
  type Sheet,
} from './picture.ts';
export { posteriors } from './posteriors.ts';
export { type PrincipalAxes, principalAxes, project, symmetricEigen } from './principal.ts';
export { normalDensity, normalQuantile } from './quantile.ts';
export {
  interpolation,
  latentGrid,
  manifold,
  type PlaneOptions,
  reconstructions,
  samples,
  traversals,
} from './sheets.ts';
export {
  type CodeSummary,
  heldOutDigits,
  type LabelledImages,
  normalized,
  SHOWN,
  type ShownCodes,
  Subject,
  type SubjectData,
  type SubjectOptions,
} from './subject.ts';

/** Every picture of a run, by the name of its file in `images`, in the order in which they are shown. */
export const pictures = {
  /** Images that the model has not seen, and their reconstructions. */
  reconstructions,
  /** Images decoded from random codes. */
  samples,
  /** The plane of two latent dimensions in even steps, decoded. */
  'latent-grid': latentGrid,
  /** The same plane at the Gaussian's quantiles. */
  manifold,
  /** One number of the code at a time, from one end of its range to the other. */
  traversals,
  /** The way between two images' codes. */
  interpolation,
  /** Where images of each class lie among the codes. */
  scatter: latentScatter,
  /** The same along the principal components. */
  principal: principalScatter,
  /** The densities q(z | x) of images, over the prior. */
  posteriors,
  /** How the values of each number of the code are distributed. */
  histograms,
  /** What each number of the code costs, in nats. */
  kl: klBars,
} as const satisfies Record<string, (subject: Subject, options?: never) => Promise<Picture>>;

/** The name of a picture's file, without its ending. */
export type PictureName = keyof typeof pictures;

/**
 * What a picture needs in addition to the weights: nothing, the codes of images (a `CodeSummary` will do), or images
 * themselves.
 */
export const pictureNeeds = {
  reconstructions: 'images',
  samples: 'nothing',
  'latent-grid': 'codes',
  manifold: 'codes',
  traversals: 'codes',
  interpolation: 'images',
  scatter: 'images',
  principal: 'images',
  posteriors: 'images',
  histograms: 'images',
  kl: 'codes',
} as const satisfies Record<PictureName, 'nothing' | 'codes' | 'images'>;

/** A picture, or why there is none. */
export type PictureResult =
  | Picture
  | { readonly kind: 'absent'; readonly title: string; readonly reason: string };

/**
 * All pictures of a model, or those named in `only`. For one that it cannot have, the result says why; the others are still
 * made.
 */
export async function allPictures<N extends PictureName = PictureName>(
  subject: Subject,
  { seed = 0, only = Object.keys(pictures) as N[] }: { seed?: number; only?: readonly N[] } = {},
): Promise<Record<N, PictureResult>> {
  const results: [string, PictureResult][] = [];
  for (const name of only) {
    try {
      results.push([name, await (name === 'samples' ? samples(subject, { seed }) : pictures[name](subject))]);
    } catch (error) {
      if (!(error instanceof NoPicture)) throw error;
      results.push([name, { kind: 'absent', title: titles[name], reason: error.message }]);
    }
  }
  return Object.fromEntries(results) as Record<N, PictureResult>;
}

/** The heading under which a picture is missing. */
const titles: Record<PictureName, string> = {
  reconstructions: 'held-out images',
  samples: 'samples',
  'latent-grid': 'latent grid',
  manifold: 'manifold',
  traversals: 'traversals',
  interpolation: 'interpolation',
  scatter: 'latent space',
  principal: 'principal axes',
  posteriors: 'posteriors',
  histograms: 'μ and σ',
  kl: 'KL per dimension',
};
