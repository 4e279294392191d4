import { useEffect, useRef } from 'preact/hooks';
import type { Tiles as Images } from '../train/protocol.ts';

/** Images in rows, a pixel between them. */
export function Tiles({ tiles, label }: { tiles: Images; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) drawTiles(canvas.current, tiles);
  }, [tiles]);
  return <canvas class="tiles" ref={canvas} role="img" aria-label={label} />;
}

function drawTiles(canvas: HTMLCanvasElement, { pixels, shape, columns }: Images): void {
  const [channels, height, width] = shape;
  const count = pixels.length / (channels * height * width);
  const rows = Math.ceil(count / columns);
  canvas.width = columns * (width + 1) - 1;
  canvas.height = Math.max(1, rows * (height + 1) - 1);
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(canvas.width, canvas.height);
  const area = height * width;
  for (let i = 0; i < count; i++) {
    const [left, top] = [(i % columns) * (width + 1), Math.floor(i / columns) * (height + 1)];
    for (let k = 0; k < area; k++) {
      const to = 4 * ((top + Math.floor(k / width)) * canvas.width + left + (k % width));
      for (let c = 0; c < 3; c++)
        image.data[to + c] = pixels[i * channels * area + (channels === 3 ? c * area : 0) + k]!;
      image.data[to + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}
