import { type ImageBatch, imageCount, pngUri, type Raster } from '@tapegrad/plot';
import { encodePixels, encodePng } from '@tapegrad/plot/node';
import type { Sprite } from './client/types.ts';

/** The most bytes that a page's thumbnails may have before compression. */
const MOST_BYTES = 4.5e6;

/**
 * Many images, shrunk as far as necessary, as one PNG. Takes bytes, as in datasets.
 * @param coarse whether 16 levels of grey will do
 */
export function spriteOf(batch: ImageBatch & { readonly pixels: Uint8Array }, coarse = false): Sprite {
  const count = imageCount(batch);
  const [, fullHeight] = batch.shape;
  let factor = 1;
  while (batch.pixels.length / factor ** 2 > MOST_BYTES && fullHeight / factor > 8) factor *= 2;
  const small = factor === 1 ? batch : shrunk(batch, factor);
  const [channels, height, width] = small.shape;
  const columns = Math.ceil(Math.sqrt(count));
  const sheet = { width: columns * width, height: Math.ceil(count / columns) * height };
  const data = new Uint8Array(sheet.width * sheet.height * channels);
  for (let i = 0; i < small.pixels.length; i++) {
    const [image, channel] = [
      Math.floor(i / (channels * height * width)),
      Math.floor(i / (height * width)) % channels,
    ];
    const [row, column] = [Math.floor(i / width) % height, i % width];
    const y = Math.floor(image / columns) * height + row;
    const x = (image % columns) * width + column;
    data[(y * sheet.width + x) * channels + channel] = small.pixels[i]!;
  }
  const png =
    coarse && channels === 1
      ? { ...sheet, data: nibbles(data, sheet.width), channels: 1 as const, depth: 4 as const }
      : { ...sheet, data, channels: channels as 1 | 3 };
  return { source: pngUri(encodePixels(png, 9)), columns, width, height };
}

/** Bytes of grey as two pixels of 4 bits a byte, rows padded to whole bytes. */
function nibbles(data: Uint8Array, width: number): Uint8Array {
  const across = Math.ceil(width / 2);
  const packed = new Uint8Array((data.length / width) * across);
  for (let i = 0; i < data.length; i++) {
    const [row, column] = [Math.floor(i / width), i % width];
    packed[row * across + Math.floor(column / 2)]! |= Math.round(data[i]! / 17) << (column % 2 === 0 ? 4 : 0);
  }
  return packed;
}

/** Averages squares of `factor` pixels; incomplete squares at the edges are left out. */
function shrunk(
  { pixels, shape: [channels, height, width] }: ImageBatch & { readonly pixels: Uint8Array },
  factor: number,
): ImageBatch & { pixels: Uint8Array } {
  const [h, w] = [Math.floor(height / factor), Math.floor(width / factor)];
  const planes = pixels.length / (height * width);
  const small = new Uint8Array(planes * h * w);
  for (let i = 0; i < small.length; i++) {
    const [plane, row, column] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
    let sum = 0;
    for (let dy = 0; dy < factor; dy++) {
      const from = (plane * height + row * factor + dy) * width + column * factor;
      for (let dx = 0; dx < factor; dx++) sum += pixels[from + dx]!;
    }
    small[i] = Math.round(sum / factor ** 2);
  }
  return { pixels: small, shape: [channels, h, w] };
}

/** A picture as a data URI. */
export const rasterUri = (raster: Raster): string => pngUri(encodePng(raster, 9));
