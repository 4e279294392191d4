import type { LiveModel } from '@tapegrad/vae';
import type { Explore } from './explore.ts';
import { drawImages, latest } from './images.ts';
import type { LivingData, PanelLayout } from './types.ts';

/** Pixels of the pad per pixel of an image, and the width of the pen in pixels of an image. */
const ZOOM = 10;
const PEN = 2.1;

/** A pad to draw on. The drawing's posterior appears over the others, and its reconstruction next to it. */
export class Pad {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #data: LivingData;
  #code: Float32Array | undefined;

  constructor(element: HTMLElement, living: LiveModel, data: LivingData, explore: Explore) {
    this.#data = data;
    this.#canvas = element.querySelector<HTMLCanvasElement>('.pad-ground')!;
    this.#context = this.#canvas.getContext('2d', { willReadFrequently: true })!;
    const [, height, width] = data.imageShape;
    [this.#canvas.width, this.#canvas.height] = [width * ZOOM, height * ZOOM];
    const decoded = element.querySelector<HTMLCanvasElement>('.pad-decoded')!;
    const encode = latest(async (bytes: Uint8Array) => {
      const { mean, sigma } = await living.encode(bytes);
      this.#code = mean;
      if (sigma) this.#showCurves(mean, sigma);
      drawImages(decoded, await living.decode(mean), data.imageShape, 1);
    });
    this.#clear();
    this.#listen(() => encode(this.#bytes()));
    element.querySelector('[data-clear]')!.addEventListener('click', () => {
      this.#clear();
      this.#code = undefined;
      for (const curve of document.querySelectorAll('.own-curve')) curve.remove();
      decoded.getContext('2d')!.clearRect(0, 0, decoded.width, decoded.height);
    });
    element.querySelector('[data-explore]')!.addEventListener('click', () => {
      if (!this.#code) return;
      explore.setCode(this.#code);
      document.getElementById('section-living')!.scrollIntoView();
    });
  }

  #clear(): void {
    const context = this.#context;
    context.fillStyle = '#000';
    context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  #listen(changed: () => void): void {
    const canvas = this.#canvas;
    const context = this.#context;
    let last: [number, number] | undefined;
    const at = (event: PointerEvent): [number, number] => {
      const { left, top, width, height } = canvas.getBoundingClientRect();
      return [
        ((event.clientX - left) / width) * canvas.width,
        ((event.clientY - top) / height) * canvas.height,
      ];
    };
    const line = (from: [number, number], to: [number, number]) => {
      context.strokeStyle = '#fff';
      context.lineWidth = PEN * ZOOM;
      context.lineCap = 'round';
      context.lineJoin = 'round';
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
      changed();
    };
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = at(event);
      line(last, last);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!last) return;
      const here = at(event);
      line(last, here);
      last = here;
    });
    for (const name of ['pointerup', 'pointercancel'] as const)
      canvas.addEventListener(name, () => {
        last = undefined;
      });
  }

  /** The drawing in the size of an image, its centre of mass in the middle, as MNIST's digits have it. */
  #bytes(): Uint8Array {
    const [, height, width] = this.#data.imageShape;
    const { data } = this.#context.getImageData(0, 0, width * ZOOM, height * ZOOM);
    const means = new Float64Array(width * height);
    for (let y = 0; y < height * ZOOM; y++)
      for (let x = 0; x < width * ZOOM; x++)
        means[Math.floor(y / ZOOM) * width + Math.floor(x / ZOOM)]! +=
          data[4 * (y * width * ZOOM + x)]! / ZOOM ** 2;
    const mass = means.reduce((sum, value) => sum + value, 0) || 1;
    const middle = (of: (i: number) => number) =>
      means.reduce((sum, value, i) => sum + value * of(i), 0) / mass;
    const dx = Math.round((width - 1) / 2 - middle((i) => i % width));
    const dy = Math.round((height - 1) / 2 - middle((i) => Math.floor(i / width)));
    return Uint8Array.from(means, (_, i) => {
      const [x, y] = [(i % width) - dx, Math.floor(i / width) - dy];
      return x >= 0 && y >= 0 && x < width && y < height ? Math.round(means[y * width + x]!) : 0;
    });
  }

  /** The densities of the drawing's code, over those of the held-out images. */
  #showCurves(mean: Float32Array, sigma: Float32Array): void {
    const layout = this.#data.panels;
    if (!layout) return;
    const panels = document.querySelectorAll<SVGSVGElement>('#section-posteriors .panels svg');
    for (const [i, svg] of panels.entries()) {
      const { dimension, most } = layout.panels[i]!;
      const path = pathOf(mean[dimension]!, sigma[dimension]!, most, layout);
      let curve = svg.querySelector<SVGPathElement>('.own-curve');
      if (!curve) {
        curve = document.createElementNS('http://www.w3.org/2000/svg', 'path');
        curve.classList.add('own-curve');
        // In the coordinates of the curves that are there.
        svg.querySelector('path[stroke-width="1.5"]')!.parentElement!.append(curve);
      }
      curve.setAttribute('d', path);
    }
  }
}

/** A Gaussian in a panel, cut off at its top and its sides. */
function pathOf(
  mean: number,
  sigma: number,
  most: number,
  { range, top, height, width }: PanelLayout,
): string {
  const points = Array.from({ length: 65 }, (_, i) => {
    const t = (i - 32) / 8;
    const density = Math.exp((-t * t) / 2) / (sigma * Math.sqrt(2 * Math.PI));
    const x = ((mean + t * sigma - range[0]) / (range[1] - range[0])) * width;
    return [x, top + height * (1 - Math.min(1, density / most))] as const;
  });
  const seen = points.filter(([x]) => x >= 0 && x <= width);
  return seen.length > 0 ? `M${seen.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join('L')}` : '';
}
