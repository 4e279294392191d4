import { encode } from 'fast-png';
import type { Raster } from './raster.ts';

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
