import { hundredths } from '@tapegrad/plot';
import type { LiveModel } from '@tapegrad/vae';
import { drawImages, latest } from './images.ts';
import type { LivingData } from './types.ts';

/** Images along each side of the plane. */
const STEPS = 13;
/** Samples at a time, and in a row. */
const SAMPLES = { count: 40, columns: 10 };

/** Sliders, a plane to move through, and samples on demand. */
export class Explore {
  readonly #data: LivingData;
  readonly #element: HTMLElement;
  readonly #code: Float32Array;
  readonly #sliders = new Map<number, { input: HTMLInputElement; output: HTMLOutputElement }>();
  readonly #showImage: (code: Float32Array) => void;
  readonly #showPlane: (code: Float32Array) => void;

  constructor(element: HTMLElement, living: LiveModel, data: LivingData) {
    this.#element = element;
    this.#data = data;
    this.#code = Float32Array.from(data.center);
    const image = this.#find<HTMLCanvasElement>('.decoded');
    const plane = this.#find<HTMLCanvasElement>('.field');
    this.#showImage = latest(async (code) =>
      drawImages(image, await living.decode(code), data.imageShape, 1),
    );
    this.#showPlane = latest(async (code) =>
      drawImages(plane, await living.decode(this.#planeCodes(code)), data.imageShape, STEPS),
    );
    for (const input of element.querySelectorAll<HTMLInputElement>('[data-dimension]')) {
      const d = Number(input.dataset.dimension);
      const output = input.parentElement!.querySelector('output')!;
      this.#sliders.set(d, { input, output });
      input.addEventListener('input', () => this.set([[d, Number(input.value)]]));
    }
    this.#listenToPlane(plane);
    for (const select of element.querySelectorAll('select'))
      select.addEventListener('change', () => this.#changed(true));
    this.#find('[data-reset]').addEventListener('click', () => this.setCode(Float32Array.from(data.center)));
    this.#find('[data-random]').addEventListener('click', async () =>
      this.setCode(await living.draw(1, Math.floor(Math.random() * 2 ** 31))),
    );
    const draw = latest(async (seed: number) => {
      const codes = await living.draw(SAMPLES.count, seed);
      const canvas = this.#find<HTMLCanvasElement>('.drawn');
      drawImages(canvas, await living.decode(codes), data.imageShape, SAMPLES.columns);
    });
    this.#find('[data-samples]').addEventListener('click', () => draw(Math.floor(Math.random() * 2 ** 31)));
    draw(0);
    this.#changed(true);
  }

  #find<E extends HTMLElement = HTMLElement>(selector: string): E {
    return this.#element.querySelector<E>(selector)!;
  }

  /** The two dimensions of the plane. */
  get #axes(): readonly [right: number, up: number | undefined] {
    const [right, up] = [...this.#element.querySelectorAll('select')].map(({ value }) => Number(value));
    return [right ?? this.#data.order[0]!, up];
  }

  /** Sets dimensions to values in units of their scale, from their center. */
  set(values: readonly (readonly [dimension: number, value: number])[]): void {
    const { center, scale } = this.#data;
    const axes = this.#axes;
    let isOffPlane = false;
    for (const [d, value] of values) {
      this.#code[d] = center[d]! + value * scale[d]!;
      isOffPlane ||= !axes.includes(d);
    }
    this.#changed(isOffPlane);
  }

  setCode(code: Float32Array): void {
    this.#code.set(code);
    this.#changed(true);
  }

  #valueOf(d: number): number {
    return (this.#code[d]! - this.#data.center[d]!) / (this.#data.scale[d]! || 1);
  }

  #changed(withPlane: boolean): void {
    for (const [d, { input, output }] of this.#sliders) {
      input.value = String(this.#valueOf(d));
      output.textContent = hundredths(this.#valueOf(d));
    }
    const [right, up] = this.#axes;
    const marker = this.#find('.marker');
    // The outermost images stand for the ends of the range.
    const share = (value: number) =>
      Math.min(1, Math.max(0, 0.5 + ((value / this.#data.range) * (STEPS - 1)) / (2 * STEPS)));
    marker.style.left = `${100 * share(this.#valueOf(right))}%`;
    marker.style.top = `${up === undefined ? 50 : 100 * (1 - share(this.#valueOf(up)))}%`;
    this.#showImage(this.#code.slice());
    if (withPlane) this.#showPlane(this.#code.slice());
  }

  /** Codes over the plane, from the upper left; the other dimensions stay as they are. */
  #planeCodes(code: Float32Array): Float32Array {
    const { center, scale, range } = this.#data;
    const [right, up] = this.#axes;
    const at = (step: number) => (range * (2 * step - STEPS + 1)) / (STEPS - 1);
    const rows = up === undefined ? 1 : STEPS;
    const codes = new Float32Array(rows * STEPS * code.length);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < STEPS; column++) {
        const start = (row * STEPS + column) * code.length;
        codes.set(code, start);
        codes[start + right] = center[right]! + at(column) * scale[right]!;
        if (up !== undefined) codes[start + up] = center[up]! + at(STEPS - 1 - row) * scale[up]!;
      }
    }
    return codes;
  }

  /** Goes where the pointer is, or by keys. */
  #listenToPlane(plane: HTMLCanvasElement): void {
    const { range } = this.#data;
    const clamped = (value: number) => Math.min(range, Math.max(-range, value));
    const go = (x: number, y: number) => {
      const [right, up] = this.#axes;
      this.set([[right, clamped(x)], ...(up === undefined ? [] : ([[up, clamped(y)]] as const))]);
    };
    let isDown = false;
    const follow = (event: PointerEvent) => {
      const { left, top, width, height } = plane.getBoundingClientRect();
      // The outermost images stand for the ends of the range: their middles are half an image from the edge.
      const inner = (share: number) => ((share - 0.5) * 2 * STEPS) / (STEPS - 1);
      go(range * inner((event.clientX - left) / width), -range * inner((event.clientY - top) / height));
    };
    plane.addEventListener('pointerdown', (event) => {
      isDown = true;
      plane.setPointerCapture(event.pointerId);
      follow(event);
    });
    plane.addEventListener('pointermove', (event) => {
      if (isDown || event.pointerType === 'mouse') follow(event);
    });
    for (const name of ['pointerup', 'pointercancel'] as const)
      plane.addEventListener(name, () => {
        isDown = false;
      });
    const arrows: Readonly<Record<string, readonly [right: number, up: number]>> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
    };
    plane.addEventListener('keydown', (event) => {
      const arrow = arrows[event.key];
      if (!arrow || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const [right, up] = this.#axes;
      const step = (event.shiftKey ? 0.25 : 0.05) * range;
      go(
        this.#valueOf(right) + arrow[0] * step,
        (up === undefined ? 0 : this.#valueOf(up)) + arrow[1] * step,
      );
    });
  }
}
