import type { Opened } from './explorer.ts';

/* What the page draws by hand. */

/** One image, large. */
export function drawImage(
  canvas: HTMLCanvasElement,
  pixels: Uint8Array,
  shape: Opened['shape'],
  at = 0,
): void {
  const [channels, height, width] = shape;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(width, height);
  const area = height * width;
  const start = at * channels * area;
  for (let k = 0; k < area; k++) {
    for (let c = 0; c < 3; c++) image.data[4 * k + c] = pixels[start + (channels === 3 ? c * area : 0) + k]!;
    image.data[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** How far the plane goes from its center, in units of its scale. */
export const RANGE = 3;

/** Where a code lies in the plane, 0 to 1 from the left and the top. */
export function placeOf(opened: Opened, code: ArrayLike<number>, [first, second]: Plane): [number, number] {
  const along = (d: number) => (code[d]! - opened.center[d]!) / opened.scale[d]! / (2 * RANGE) + 0.5;
  return [along(first), second === undefined ? 0.5 : 1 - along(second)];
}

/** Two dimensions, or the only one. */
export type Plane = readonly [first: number, second: number | undefined];

/** A code with two of its dimensions at a place of the plane. */
export function codeAt(
  opened: Opened,
  code: Float32Array,
  [first, second]: Plane,
  x: number,
  y: number,
): Float32Array {
  const moved = Float32Array.from(code);
  const value = (d: number, share: number) =>
    opened.center[d]! + (share - 0.5) * 2 * RANGE * opened.scale[d]!;
  moved[first] = value(first, x);
  if (second !== undefined) moved[second] = value(second, 1 - y);
  return moved;
}

/** Codes of a grid over the plane, row by row from the top; the other dimensions as in `code`. */
export function gridCodes(opened: Opened, code: Float32Array, plane: Plane, points: number): Float32Array {
  const all = new Float32Array(points * points * opened.size);
  for (let row = 0; row < points; row++) {
    for (let column = 0; column < points; column++) {
      const one = codeAt(opened, code, plane, (column + 0.5) / points, (row + 0.5) / points);
      all.set(one, (row * points + column) * opened.size);
    }
  }
  return all;
}

/**
 * A drawing as MNIST has its digits: the strokes' box scaled to 20×20, its center of mass in the middle of 28×28. Null
 * where nothing is drawn.
 */
export function asDigit(canvas: HTMLCanvasElement): Uint8Array | null {
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d')!.getImageData(0, 0, width, height);
  let [left, top, right, bottom, mass, sumX, sumY] = [width, height, -1, -1, 0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const ink = data[4 * (y * width + x) + 3]!;
      if (ink < 16) continue;
      [left, right, top, bottom] = [
        Math.min(left, x),
        Math.max(right, x),
        Math.min(top, y),
        Math.max(bottom, y),
      ];
      mass += ink;
      sumX += ink * x;
      sumY += ink * y;
    }
  }
  if (right < 0) return null;
  const scale = 20 / Math.max(right - left + 1, bottom - top + 1);
  const small = document.createElement('canvas');
  small.width = 28;
  small.height = 28;
  const context = small.getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  context.translate(14 - (sumX / mass) * scale, 14 - (sumY / mass) * scale);
  context.scale(scale, scale);
  context.drawImage(canvas, 0, 0);
  const pixels = context.getImageData(0, 0, 28, 28).data;
  return Uint8Array.from({ length: 784 }, (_, k) => pixels[4 * k + 3]!);
}
