import { createRaster, type Raster } from './raster.ts';

/** Copies a picture into another, its top left corner at (x, y). */
export function paste(into: Raster, picture: Raster, x: number, y: number): void {
  for (let row = 0; row < picture.height; row++) {
    const from = row * picture.width * 3;
    into.data.set(picture.data.subarray(from, from + picture.width * 3), ((y + row) * into.width + x) * 3);
  }
}

/** Pictures from left to right, in lines that are at most `width` wide unless one alone is wider. */
export function sideBySide(pictures: readonly Raster[], width = 2400): Raster {
  const lines: Raster[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const picture of pictures) {
    if (used + picture.width > width) {
      lines.push([]);
      used = 0;
    }
    lines.at(-1)!.push(picture);
    used += picture.width;
  }
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const widths = lines.map((line) => sum(line.map((picture) => picture.width)));
  const heights = lines.map((line) => Math.max(...line.map((picture) => picture.height)));
  const whole = createRaster(Math.max(1, ...widths), Math.max(1, sum(heights)));
  let y = 0;
  for (const [i, line] of lines.entries()) {
    let x = 0;
    for (const picture of line) {
      paste(whole, picture, x, y);
      x += picture.width;
    }
    y += heights[i]!;
  }
  return whole;
}

/** Pictures one below the other. */
export const stacked = (pictures: readonly Raster[]): Raster => sideBySide(pictures, 0);
