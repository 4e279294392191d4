/** Images in [0, 1], [count, c, h, w], on a canvas, `columns` a row; the canvas takes their size. */
export function drawImages(
  canvas: HTMLCanvasElement,
  pixels: Float32Array,
  [channels, height, width]: readonly [number, number, number],
  columns: number,
): void {
  const plane = height * width;
  const count = pixels.length / (channels * plane);
  const image = new ImageData(columns * width, Math.ceil(count / columns) * height);
  image.data.fill(255);
  for (let i = 0; i < count; i++) {
    const [left, top] = [(i % columns) * width, Math.floor(i / columns) * height];
    for (let p = 0; p < plane; p++) {
      const to = 4 * ((top + Math.floor(p / width)) * image.width + left + (p % width));
      for (let c = 0; c < 3; c++)
        image.data[to + c] = 255 * pixels[(i * channels + (channels === 1 ? 0 : c)) * plane + p]!;
    }
  }
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}

/**
 * Calls `run` one call after the other. Of the arguments that come while a call is under way, only the newest are used
 * afterwards.
 */
export function latest<T>(run: (value: T) => Promise<void>): (value: T) => void {
  let waiting: { value: T } | undefined;
  let busy = false;
  return async (value) => {
    waiting = { value };
    if (busy) return;
    busy = true;
    try {
      while (waiting) {
        const next: { value: T } = waiting;
        waiting = undefined;
        await run(next.value);
      }
    } finally {
      busy = false;
    }
  };
}
