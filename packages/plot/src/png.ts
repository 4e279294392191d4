import { decode, encode } from 'fast-png';
import type { Grid, Raster } from './pixels.ts';
import type { PngPixels } from './png-file.ts';

/** The compression level. */
export type PngLevel = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** Keyword of the text chunk that says where the images of a picture lie. */
const GRID = 'tapegrad-grid';

/**
 * The picture as a PNG file, in one channel if it is all grey. The same picture gives the same bytes. In Node, the function
 * of the same name in '@tapegrad/plot/node' is faster.
 * @param level of compression, 0 to 9
 */
export const encodePng = (raster: Raster, level: PngLevel = 6): Uint8Array =>
  encode(pngPixels(raster), { zlib: { level } });

/** The contents of a picture's file. */
export function pngPixels({ width, height, data, grid }: Raster): PngPixels {
  // Text in a PNG is Latin-1.
  const text = grid && { [GRID]: JSON.stringify(grid).replaceAll(/[^\x20-\x7e]/g, escapeOf) };
  const levels = new Uint8Array(width * height);
  for (let i = 0; i < levels.length; i++) {
    const level = data[3 * i]!;
    const isGrey = level === data[3 * i + 1] && level === data[3 * i + 2];
    if (!isGrey) return { width, height, data, channels: 3, ...(text && { text }) };
    levels[i] = level;
  }
  return { width, height, data: levels, channels: 1, ...(text && { text }) };
}

const escapeOf = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A file that `encodePng` made. */
export function decodePng(png: Uint8Array): Raster {
  const { width, height, data, channels, text } = decode(png);
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = data[channels === 1 ? Math.floor(i / 3) : Math.floor(i / 3) * channels + (i % 3)]!;
  }
  const grid = text?.[GRID];
  return { width, height, data: pixels, ...(grid && { grid: JSON.parse(grid) as Grid }) };
}

/** A PNG file as an address that a page or an SVG may hold. */
export function pngUri(png: Uint8Array): string {
  let text = '';
  // Arguments of a call are limited.
  for (let i = 0; i < png.length; i += 8192) text += String.fromCharCode(...png.subarray(i, i + 8192));
  return `data:image/png;base64,${btoa(text)}`;
}
