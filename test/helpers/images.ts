import type { Images } from '@tapegrad/vae';

/** Blobs at random places: images with something to learn in them. */
export function someImages(
  count: number,
  shape: readonly [number, number, number] = [1, 16, 16],
): Images & { shape: readonly [number, number, number] } {
  const [c, h, w] = shape;
  const images = new Uint8Array(count * c * h * w);
  for (let i = 0; i < images.length; i++) {
    const [x, y] = [i % w, Math.floor(i / w) % h];
    const image = Math.floor(i / (c * h * w));
    const [cx, cy] = [w * (0.3 + 0.1 * (image % 5)), h * (0.3 + 0.1 * (image % 4))];
    images[i] = Math.round(255 * Math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (0.04 * w * h)));
  }
  return { images, count, shape };
}
