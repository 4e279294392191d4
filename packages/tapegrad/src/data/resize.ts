/** An image as bytes, row-major, with its three channels side by side: [height, width, 3]. */
export interface RgbImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** The inputs of one output pixel along an axis: `weights[i]` belongs to input `first + i`. */
interface Taps {
  readonly first: number;
  readonly weights: Float64Array;
}

/**
 * Scales an image so that its shorter side is `size` pixels, and cuts `size` x `size` out of the middle, as
 * torchvision's `Resize(size)` followed by `CenterCrop(size)` does: the longer side is rounded down, half a pixel of
 * margin to the even number. Sampling is bilinear with antialiasing: a triangle of width 2·max(scale, 1) in input
 * pixels around the output pixel's centre. Values differ from Pillow's by at most 1, since that rounds between the
 * two passes.
 *
 * @param target filled with [channels, size, size]: red, green and blue planes, or the one of their luma
 *   (ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B)
 */
export function resizeAndCrop(
  { data, width, height }: RgbImage,
  size: number,
  channels: 1 | 3,
  target: Uint8Array,
): void {
  const [newWidth, newHeight] =
    width <= height
      ? [size, Math.trunc((size * height) / width)]
      : [Math.trunc((size * width) / height), size];
  const columns = taps(width, newWidth, size);
  const rows = taps(height, newHeight, size);

  // Horizontally first, and only the rows that the crop will need.
  const top = rows[0]!.first;
  const bottom = rows[size - 1]!.first + rows[size - 1]!.weights.length;
  const narrow = new Float32Array((bottom - top) * size * 3);
  let at = 0;
  for (let y = top; y < bottom; y++) {
    for (const { first, weights } of columns) {
      let [red, green, blue] = [0, 0, 0];
      let from = (y * width + first) * 3;
      for (const weight of weights) {
        red += weight * data[from++]!;
        green += weight * data[from++]!;
        blue += weight * data[from++]!;
      }
      narrow[at++] = red;
      narrow[at++] = green;
      narrow[at++] = blue;
    }
  }

  const plane = size * size;
  at = 0;
  for (const { first, weights } of rows) {
    for (let x = 0; x < size; x++) {
      let [red, green, blue] = [0, 0, 0];
      let from = ((first - top) * size + x) * 3;
      for (const weight of weights) {
        red += weight * narrow[from]!;
        green += weight * narrow[from + 1]!;
        blue += weight * narrow[from + 2]!;
        from += 3 * size;
      }
      if (channels === 1) {
        target[at] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
      } else {
        target[at] = Math.round(red);
        target[at + plane] = Math.round(green);
        target[at + 2 * plane] = Math.round(blue);
      }
      at++;
    }
  }
}

/** How `length` pixels become `newLength`, for the `size` in the middle. */
function taps(length: number, newLength: number, size: number): Taps[] {
  const scale = length / newLength;
  const radius = Math.max(scale, 1);
  const excess = newLength - size;
  const margin = excess % 2 === 0 ? excess / 2 : 2 * Math.round(excess / 4);
  return Array.from({ length: size }, (_, i) => {
    const center = (margin + i + 0.5) * scale;
    const first = Math.max(0, Math.floor(center - radius + 0.5));
    const end = Math.min(length, Math.floor(center + radius + 0.5));
    const weights = Float64Array.from({ length: end - first }, (_, k) =>
      Math.max(0, 1 - Math.abs(first + k + 0.5 - center) / radius),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}
