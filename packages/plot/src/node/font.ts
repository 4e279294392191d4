import { fileURLToPath } from 'node:url';
import type { ResvgRenderOptions } from '@resvg/resvg-js';
import { FONT } from '../svg.ts';

const path = (name: string) => fileURLToPath(new URL(`../../font/${name}.ttf`, import.meta.url));

/** Roughly, the characters for which the packed font has glyphs. */
const packed =
  /^[\s\u0020-\u024f\u0370-\u03ff\u1e00-\u1eff\u2010-\u2044\u2070-\u20ac\u2190-\u2195\u2200-\u22ff\u25a0-\u25ff]*$/;

/**
 * The fonts that a text is set in: the packed one, so that pictures look the same everywhere; where a text has other
 * characters (a folder may have any name), the system's fonts too.
 */
export const fontsFor = (text: string): NonNullable<ResvgRenderOptions['font']> => ({
  fontFiles: [path('Inter-Regular'), path('Inter-SemiBold')],
  defaultFontFamily: FONT,
  sansSerifFamily: FONT,
  loadSystemFonts: !packed.test(text),
});
