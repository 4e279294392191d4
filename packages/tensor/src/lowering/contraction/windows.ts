import { bands } from './bands.ts';
import { long } from './long.ts';
import { patches } from './patches.ts';
import { pixels } from './pixels.ts';
import { planes } from './planes.ts';
import { slides } from './slides.ts';
import { thin } from './thin.ts';
import type { Variant } from './variant.ts';

/** The variants for windows over images, which fit no product of matrices: convolutions enter them. */
export const windowVariants: readonly Variant[] = [
  slides('slides4', { rows: 4, subgroups: true }),
  slides('slides8', { rows: 8, subgroups: true }),
  slides('slides16', { rows: 16, subgroups: true }),
  slides('slidesAlone4', { rows: 4, subgroups: false }),
  bands,
  thin,
  long,
  patches,
  planes,
  pixels,
];
