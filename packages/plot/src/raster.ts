import { type Color, white } from './colormap.ts';
import { glyph, glyphHeight, glyphWidth } from './font.ts';

/** A picture in memory: rows from the top, [height, width, 3], red, green and blue from 0 to 255. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export function createRaster(width: number, height: number, background: Color = white): Raster {
  const raster = { width, height, data: new Uint8Array(width * height * 3) };
  fillRect(raster, 0, 0, width, height, background);
  return raster;
}

/** Mixes a colour into one pixel; outside of the picture nothing happens. */
export function blend(raster: Raster, x: number, y: number, color: Color, opacity = 1): void {
  if (x < 0 || y < 0 || x >= raster.width || y >= raster.height) return;
  const start = (y * raster.width + x) * 3;
  for (let c = 0; c < 3; c++) {
    const below = raster.data[start + c]!;
    raster.data[start + c] = Math.round(below + (color[c]! - below) * opacity);
  }
}

export function fillRect(
  raster: Raster,
  x: number,
  y: number,
  width: number,
  height: number,
  color: Color,
  opacity = 1,
): void {
  const [left, right] = [Math.max(0, x), Math.min(raster.width, x + width)];
  for (let row = Math.max(0, y); row < Math.min(raster.height, y + height); row++) {
    if (opacity < 1) {
      for (let column = left; column < right; column++) blend(raster, column, row, color, opacity);
      continue;
    }
    for (let i = (row * raster.width + left) * 3; i < (row * raster.width + right) * 3; i += 3) {
      raster.data[i] = color[0];
      raster.data[i + 1] = color[1];
      raster.data[i + 2] = color[2];
    }
  }
}

/** A rectangle's outline, inside its bounds. */
export function strokeRect(
  raster: Raster,
  x: number,
  y: number,
  width: number,
  height: number,
  color: Color,
  thickness = 1,
): void {
  fillRect(raster, x, y, width, thickness, color);
  fillRect(raster, x, y + height - thickness, width, thickness, color);
  fillRect(raster, x, y, thickness, height, color);
  fillRect(raster, x + width - thickness, y, thickness, height, color);
}

/**
 * A line with round ends, smooth at its edges: a pixel's share is how far it lies inside the line, by its distance from
 * the segment. Coordinates are pixel centres and need not be whole.
 */
export function drawLine(
  raster: Raster,
  [x0, y0]: readonly [number, number],
  [x1, y1]: readonly [number, number],
  color: Color,
  { thickness = 1, opacity = 1 }: { thickness?: number; opacity?: number } = {},
): void {
  const reach = thickness / 2 + 0.5;
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squaredLength = dx * dx + dy * dy;
  for (let y = Math.ceil(Math.min(y0, y1) - reach); y <= Math.max(y0, y1) + reach; y++) {
    for (let x = Math.ceil(Math.min(x0, x1) - reach); x <= Math.max(x0, x1) + reach; x++) {
      const along = squaredLength === 0 ? 0 : ((x - x0) * dx + (y - y0) * dy) / squaredLength;
      const nearest = Math.min(1, Math.max(0, along));
      const distance = Math.hypot(x - x0 - nearest * dx, y - y0 - nearest * dy);
      const share = Math.min(1, reach - distance);
      if (share > 0) blend(raster, x, y, color, share * opacity);
    }
  }
}

/** A filled circle: a line that goes nowhere. */
export function drawDisc(
  raster: Raster,
  center: readonly [number, number],
  radius: number,
  color: Color,
  opacity = 1,
): void {
  drawLine(raster, center, center, color, { thickness: 2 * radius, opacity });
}

export interface TextOptions {
  /** Whole number of pixels per pixel of the font: 1 gives letters 5×7. */
  scale?: number;
  /** Where the given point lies along the text. */
  align?: 'left' | 'center' | 'right';
  /** Reads from the bottom to the top. The point is then the left end of the text's first row of letters, seen upright. */
  vertical?: boolean;
}

/** Space between letters, in pixels of the font. */
const letterSpace = 1;

/** Width of a text in pixels. */
export function textWidth(text: string, scale = 1): number {
  const length = [...text].length;
  return length === 0 ? 0 : (length * (glyphWidth + letterSpace) - letterSpace) * scale;
}

/** Height of a line of text in pixels, descenders included. */
export const textHeight = (scale = 1): number => glyphHeight * scale;

/** Draws one line of text whose top left corner (or top centre, or top right) is at (x, y). */
export function drawText(
  raster: Raster,
  x: number,
  y: number,
  text: string,
  color: Color,
  { scale = 1, align = 'left', vertical = false }: TextOptions = {},
): void {
  const width = textWidth(text, scale);
  const shift = align === 'left' ? 0 : align === 'center' ? width / 2 : width;
  const [left, top] = [Math.round(x), Math.round(y)];
  let along = -Math.round(shift);
  for (const character of text) {
    const rows = glyph(character);
    for (let row = 0; row < glyphHeight; row++) {
      for (let column = 0; column < glyphWidth; column++) {
        if (!((rows[row]! >> (glyphWidth - 1 - column)) & 1)) continue;
        const across = row * scale;
        const advance = along + column * scale;
        if (vertical) fillRect(raster, left + across, top - advance - scale, scale, scale, color);
        else fillRect(raster, left + advance, top + across, scale, scale, color);
      }
    }
    along += (glyphWidth + letterSpace) * scale;
  }
}

/** Images as a model gives them: [count, channels, height, width], row-major. */
export interface ImageBatch {
  /** Floats from 0 (black) to 1, or bytes from 0 to 255. Values beyond are clipped, NaN is drawn black. */
  pixels: Float32Array | Float64Array | Uint8Array;
  /** Of one image; one channel is grey, three are red, green and blue. */
  shape: readonly [channels: number, height: number, width: number];
}

/** Number of images in a batch. Throws when the pixels do not fill whole images. */
export function imageCount({ pixels, shape }: ImageBatch): number {
  const [channels, height, width] = shape;
  if (channels !== 1 && channels !== 3) throw new Error(`picture: ${channels} channels; 1 or 3 can be drawn`);
  const count = pixels.length / (channels * height * width);
  if (!Number.isInteger(count)) {
    throw new Error(`picture: ${pixels.length} values do not fill images of [${shape.join(', ')}]`);
  }
  return count;
}

/** Draws one image of a batch with its top left corner at (x, y), every pixel as a square of `scale`. */
export function drawImage(
  raster: Raster,
  x: number,
  y: number,
  batch: ImageBatch,
  index: number,
  scale = 1,
): void {
  const [channels, height, width] = batch.shape;
  const plane = height * width;
  const start = index * channels * plane;
  const unit = batch.pixels instanceof Uint8Array ? 1 : 255;
  const level = (position: number): number => {
    const value = (batch.pixels[position] ?? 0) * unit;
    return value > 0 ? Math.min(255, Math.round(value)) : 0;
  };
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const first = start + row * width + column;
      const color: Color =
        channels === 1
          ? [level(first), level(first), level(first)]
          : [level(first), level(first + plane), level(first + 2 * plane)];
      fillRect(raster, x + column * scale, y + row * scale, scale, scale, color);
    }
  }
}
