import { encode } from 'fast-png';
import type { Raster } from './pixels.ts';

/** The picture as a PNG file, in one channel when it is all grey. The same picture gives the same bytes. */
export function encodePng({ width, height, data }: Raster): Uint8Array {
  const levels = new Uint8Array(width * height);
  for (let i = 0; i < levels.length; i++) {
    const level = data[3 * i]!;
    const isGrey = level === data[3 * i + 1] && level === data[3 * i + 2];
    if (!isGrey) return encode({ width, height, data, channels: 3 });
    levels[i] = level;
  }
  return encode({ width, height, data: levels, channels: 1 });
}

/** A PNG file as an address that a page or an SVG may hold. */
export function pngUri(png: Uint8Array): string {
  let text = '';
  // Arguments of a call are limited.
  for (let i = 0; i < png.length; i += 8192) text += String.fromCharCode(...png.subarray(i, i + 8192));
  return `data:image/png;base64,${btoa(text)}`;
}
