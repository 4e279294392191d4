import { cssColor } from '../ui/theme.ts';
import type { LayerView } from './protocol.ts';

/** Tiles that are drawn at most, and columns of them. */
const TILES = 256;

interface Layout {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** Where the value of a tile's pixel lies. */
  readonly at: (tile: number, row: number, column: number) => number;
}

/**
 * A tensor as an image: kernels and feature maps as tiles; rows of a matrix that looks at images, or makes them, as
 * images; other matrices as they are; a vector as a row that wraps.
 */
function layoutOf(shape: readonly number[], image: readonly number[]): Layout {
  const [channels = 1, height = 1, width = 1] = image;
  const pixels = channels * height * width;
  if (shape.length === 4) {
    const [, inner, rows, columns] = shape as [number, number, number, number];
    return tilesOf(shape[0]! * inner, rows, columns);
  }
  if (shape.length === 2 && shape[0]! > 1) {
    const [outputs, inputs] = shape as [number, number];
    if (inputs === pixels && channels === 1) return tilesOf(outputs, height, width);
    if (outputs === pixels && channels === 1)
      return { count: inputs, height, width, at: (i, y, x) => (y * width + x) * inputs + i };
    return tilesOf(1, outputs, inputs);
  }
  const size = shape.reduce((product, extent) => product * extent, 1);
  const wrap = Math.min(size, size > 64 ? Math.ceil(Math.sqrt(size)) : size);
  return tilesOf(1, Math.ceil(size / wrap), wrap);
}

const tilesOf = (count: number, height: number, width: number): Layout => ({
  count,
  height,
  width,
  at: (i, y, x) => (i * height + y) * width + x,
});

/** Blue below 0, red above it, both as strong as the value is large. */
export function drawTensor(
  canvas: HTMLCanvasElement,
  { values, shape, least, most }: LayerView,
  image: readonly number[],
): void {
  const layout = layoutOf(shape, image);
  const { height, width, at } = layout;
  const count = Math.min(layout.count, TILES);
  const gap = count > 1 ? 1 : 0;
  // About twice as wide as high.
  const columns = Math.max(1, Math.min(count, Math.ceil(Math.sqrt((2 * count * height) / width))));
  const rows = Math.ceil(count / columns);
  canvas.width = columns * (width + gap) - gap;
  canvas.height = rows * (height + gap) - gap;
  const context = canvas.getContext('2d')!;
  const picture = context.createImageData(canvas.width, canvas.height);
  const scale = Math.max(Math.abs(least), Math.abs(most)) || 1;
  const [ground, below, above] = ['card', 'class-0', 'class-1'].map(rgbOf) as [Rgb, Rgb, Rgb];
  for (let i = 0; i < count; i++) {
    const [left, top] = [(i % columns) * (width + gap), Math.floor(i / columns) * (height + gap)];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = values[at(i, y, x)];
        if (value === undefined) continue;
        const share = Math.sqrt(Math.min(1, Math.abs(value) / scale));
        const end = value < 0 ? below : above;
        const to = 4 * ((top + y) * canvas.width + left + x);
        for (let c = 0; c < 3; c++) picture.data[to + c] = ground[c]! + share * (end[c]! - ground[c]!);
        picture.data[to + 3] = 255;
      }
    }
  }
  context.putImageData(picture, 0, 0);
  // Small ones in whole pixels, as large as fits.
  canvas.style.maxWidth = `${canvas.width * Math.max(1, Math.floor(560 / canvas.width))}px`;
}

type Rgb = readonly [number, number, number];

/** The style sheet's colours are #rgb or #rrggbb. */
function rgbOf(name: string): Rgb {
  const text = cssColor(name).slice(1);
  const digits = text.length === 3 ? [...text].map((digit) => digit + digit) : text.match(/../g)!;
  return digits.map((pair) => Number.parseInt(pair, 16)) as unknown as Rgb;
}
