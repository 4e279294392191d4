import { promisify } from 'node:util';
import { deflate, deflateSync, type InputType, type ZlibOptions } from 'node:zlib';
import type { Raster } from '../pixels.ts';
import { type PngLevel, pngPixels } from '../png.ts';
import { type PngPixels, pngFile, pngRows } from '../png-file.ts';

/** Like `encodePng` of '@tapegrad/plot', but three times as fast, with Node's zlib. */
export const encodePng = (raster: Raster, level: PngLevel = 6): Uint8Array =>
  encodePixels(pngPixels(raster), level);

/** The same bytes, compressed by another thread. */
export async function encodePngAside(raster: Raster, level: PngLevel = 6): Promise<Uint8Array> {
  const pixels = pngPixels(raster);
  return pngFile(pixels, await deflated(pngRows(pixels), { level }));
}

/** A PNG file from pixels in another format. */
export const encodePixels = (pixels: PngPixels, level: PngLevel = 6): Uint8Array =>
  pngFile(pixels, deflateSync(pngRows(pixels), { level }));

const deflated = promisify<InputType, ZlibOptions, Buffer>(deflate);
