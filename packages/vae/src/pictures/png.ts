import { encode } from 'fast-png';
import type { Raster } from './raster.ts';

/** The picture as a PNG file, in one channel when it is all grey. The same picture gives the same bytes. */
export function encodePng({ width, height, data }: Raster): Uint8Array {
  const grey = data.every((value, i) => i % 3 === 0 || value === data[i - 1]);
  if (!grey) return encode({ width, height, data, channels: 3 });
  const levels = Uint8Array.from({ length: width * height }, (_, i) => data[3 * i]!);
  return encode({ width, height, data: levels, channels: 1 });
}
