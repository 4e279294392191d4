/** A picture in memory: rows from the top, [height, width, 3], red, green and blue from 0 to 255. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  /** Where images lie in it, if they are in rows and columns. The PNG file records this too. */
  readonly grid?: Grid;
}

/** Images in rows and columns within a larger picture, in its pixels. */
export interface Grid {
  /** Of the first image's top left corner. */
  readonly left: number;
  readonly top: number;
  /** From an image to the next, to the right and down. */
  readonly stepX: number;
  readonly stepY: number;
  /** Pixels of the picture per pixel of an image. */
  readonly scale: number;
  readonly columns: number;
  readonly count: number;
  /** Of one image. */
  readonly shape: ImageBatch['shape'];
  readonly rowLabels: readonly string[];
  readonly columnLabels: readonly string[];
}

/** A raster of one grey. @param level 0 (black) to 255 (white, the default) */
export const createRaster = (width: number, height: number, level = 255): Raster => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(level),
});

/** Images as a model gives them: [count, channels, height, width], row-major. */
export interface ImageBatch {
  /** Floats from 0 (black) to 1, or bytes from 0 to 255. Values beyond are clipped, NaN is drawn black. */
  readonly pixels: Float32Array | Float64Array | Uint8Array;
  /** Of one image; one channel is grey, three are red, green and blue. */
  readonly shape: readonly [channels: number, height: number, width: number];
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
  { width: across, data }: Raster,
  x: number,
  y: number,
  { pixels, shape: [channels, height, width] }: ImageBatch,
  index: number,
  scale = 1,
): void {
  const plane = height * width;
  const start = index * channels * plane;
  const unit = pixels instanceof Uint8Array ? 1 : 255;
  for (let row = 0; row < height * scale; row++) {
    for (let column = 0; column < width * scale; column++) {
      const from = start + Math.floor(row / scale) * width + Math.floor(column / scale);
      const to = ((y + row) * across + x + column) * 3;
      for (let c = 0; c < 3; c++) {
        const value = pixels[from + (channels === 1 ? 0 : c * plane)]! * unit;
        data[to + c] = value > 0 ? Math.min(255, Math.round(value)) : 0;
      }
    }
  }
}

/** Images row by row, without anything around them, `gap` pixels of a grey between them. */
export function tiles(batch: ImageBatch, columns: number, gap = 0, level = 96): Raster {
  const [, height, width] = batch.shape;
  const count = imageCount(batch);
  const rows = Math.ceil(count / columns);
  const raster = createRaster(columns * (width + gap) - gap, rows * (height + gap) - gap, level);
  for (let i = 0; i < count; i++) {
    drawImage(raster, (i % columns) * (width + gap), Math.floor(i / columns) * (height + gap), batch, i);
  }
  return raster;
}

/** The images of a picture that says where they lie, as bytes. */
export function imagesOf({
  width,
  data,
  grid,
}: Raster): (ImageBatch & { readonly pixels: Uint8Array }) | undefined {
  if (!grid) return undefined;
  const { left, top, stepX, stepY, scale, columns, count, shape } = grid;
  const [channels, rows, across] = shape;
  const pixels = new Uint8Array(count * channels * rows * across);
  for (let i = 0; i < pixels.length; i++) {
    const x = i % across;
    const y = Math.floor(i / across) % rows;
    const channel = Math.floor(i / (across * rows)) % channels;
    const image = Math.floor(i / (across * rows * channels));
    const column = left + (image % columns) * stepX + x * scale;
    const row = top + Math.floor(image / columns) * stepY + y * scale;
    pixels[i] = data[(row * width + column) * 3 + channel]!;
  }
  return { pixels, shape };
}

/** Copies a picture into another, its top left corner at (x, y). */
function paste(into: Raster, picture: Raster, x: number, y: number): void {
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
