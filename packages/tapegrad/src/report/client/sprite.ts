import type { Sprite } from './types.ts';

/** Images side by side, with the picture that holds them. */
export interface Loaded {
  readonly sprite: Sprite;
  readonly image: HTMLImageElement;
}

export function load(sprite: Sprite, loaded: () => void): Loaded {
  const image = new Image();
  image.onload = loaded;
  image.src = sprite.source;
  return { sprite, image };
}

/** Draws one of them. */
export function paint(
  context: CanvasRenderingContext2D,
  { sprite, image }: Loaded,
  index: number,
  x: number,
  y: number,
  width: number,
  height: number,
): void {
  if (!image.complete) return;
  const left = (index % sprite.columns) * sprite.width;
  const top = Math.floor(index / sprite.columns) * sprite.height;
  context.drawImage(image, left, top, sprite.width, sprite.height, x, y, width, height);
}
