import { framed, type Range, rangeOf } from '@tapegrad/plot';
import { scaleLinear } from 'd3-scale';
import { classColor, cssColor, onThemeChange } from './theme.ts';
import type { CloudData, Sprite } from './types.ts';

const MARGIN = { left: 64, right: 26, top: 12, bottom: 44 };
/** How far a point may be from the pointer, in pixels. */
const REACH = 14;
/** Side of a held-out image, in pixels, if the plane is wide enough. */
const THUMBNAIL = 30;

/** A part of the plane. */
interface View {
  x: Range;
  y: Range;
}

/** Points in a plane: pointing at one shows its image; the wheel and dragging zoom and move. */
export class CloudChart {
  readonly #element: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #tip: HTMLElement;
  readonly #data: CloudData;
  readonly #thumbnails: Loaded | undefined;
  readonly #heldOut: Loaded | undefined;
  readonly #home: View;
  #view: View;
  /** The classes shown; all if the set is empty. */
  readonly #chosen = new Set<number>();
  #asDigits = false;
  #hovered = -1;

  constructor(element: HTMLElement, data: CloudData, thumbnails?: Sprite, heldOut?: Sprite) {
    this.#element = element;
    this.#data = data;
    this.#canvas = element.querySelector('canvas')!;
    this.#tip = element.querySelector('.tip')!;
    this.#thumbnails = thumbnails && load(thumbnails, () => this.#draw());
    this.#heldOut = heldOut && load(heldOut, () => this.#draw());
    const along = (axis: number) => [...data.points, ...data.heldOut.points].filter((_, i) => i % 2 === axis);
    const { x, y } = framed(rangeOf(along(0)), rangeOf(along(1)), data.sameUnits);
    this.#home = { x, y };
    this.#view = this.#home;
    this.#listen();
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
    onThemeChange(() => this.#draw());
  }

  #listen(): void {
    const canvas = this.#canvas;
    let grabbed: { x: number; y: number; view: View } | undefined;
    canvas.addEventListener('pointerdown', (event) => {
      grabbed = { x: event.offsetX, y: event.offsetY, view: this.#view };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (grabbed && event.buttons)
        this.#moveBy(event.offsetX - grabbed.x, event.offsetY - grabbed.y, grabbed.view);
      this.#point(event.offsetX, event.offsetY);
    });
    canvas.addEventListener('pointerup', () => {
      grabbed = undefined;
    });
    canvas.addEventListener('pointerleave', () => this.#point(Number.NaN, Number.NaN));
    canvas.addEventListener('dblclick', () => this.#show(this.#home));
    canvas.addEventListener(
      'wheel',
      (event) => {
        // A page that is scrolling should keep scrolling when the pointer gets here.
        if (!event.ctrlKey && !event.shiftKey) return;
        event.preventDefault();
        this.#zoom(event.deltaY + event.deltaX > 0 ? 1.25 : 0.8, event.offsetX, event.offsetY);
      },
      { passive: false },
    );
    for (const button of this.#element.querySelectorAll<HTMLButtonElement>('[data-class]')) {
      button.addEventListener('click', () => {
        const label = Number(button.dataset.class);
        const on = !this.#chosen.has(label);
        if (on) this.#chosen.add(label);
        else this.#chosen.delete(label);
        button.setAttribute('aria-pressed', String(on));
        this.#draw();
      });
    }
    for (const button of this.#element.querySelectorAll<HTMLButtonElement>('[data-zoom]')) {
      const factor = Number(button.dataset.zoom);
      button.addEventListener('click', () => {
        if (factor === 0) this.#show(this.#home);
        else this.#zoom(factor, this.#canvas.clientWidth / 2, this.#canvas.clientHeight / 2);
      });
    }
    const digits = this.#element.querySelector<HTMLInputElement>('[data-digits]');
    digits?.addEventListener('change', () => {
      this.#asDigits = digits.checked;
      this.#draw();
    });
  }

  #show(view: View): void {
    this.#view = view;
    this.#draw();
  }

  #zoom(factor: number, px: number, py: number): void {
    const { fromX, fromY } = this.#scales();
    const around = ([low, high]: Range, center: number): Range => [
      center + (low - center) * factor,
      center + (high - center) * factor,
    ];
    this.#show({ x: around(this.#view.x, fromX(px)), y: around(this.#view.y, fromY(py)) });
  }

  #moveBy(dx: number, dy: number, { x, y }: View): void {
    const { width, height } = this.#area();
    const [right, up] = [((x[1] - x[0]) * dx) / width, ((y[1] - y[0]) * dy) / height];
    this.#show({ x: [x[0] - right, x[1] - right], y: [y[0] + up, y[1] + up] });
  }

  #area() {
    return {
      width: Math.max(1, this.#canvas.clientWidth - MARGIN.left - MARGIN.right),
      height: Math.max(1, this.#canvas.clientHeight - MARGIN.top - MARGIN.bottom),
    };
  }

  #scales() {
    const { width, height } = this.#area();
    const { x, y } = this.#view;
    return {
      toX: (value: number) => MARGIN.left + ((value - x[0]) / (x[1] - x[0])) * width,
      toY: (value: number) => MARGIN.top + (1 - (value - y[0]) / (y[1] - y[0])) * height,
      fromX: (px: number) => x[0] + ((px - MARGIN.left) / width) * (x[1] - x[0]),
      fromY: (py: number) => y[0] + (1 - (py - MARGIN.top) / height) * (y[1] - y[0]),
    };
  }

  #isShown(label: number | undefined): boolean {
    return this.#chosen.size === 0 || label === undefined || this.#chosen.has(label);
  }

  /** Shows the image of the point nearest to the pointer. */
  #point(px: number, py: number): void {
    const { points, labels, images } = this.#data;
    const { toX, toY } = this.#scales();
    let [nearest, best] = [-1, REACH ** 2];
    for (let i = 0; i < points.length / 2; i++) {
      if (!this.#isShown(labels?.[i])) continue;
      const distance = (toX(points[2 * i]!) - px) ** 2 + (toY(points[2 * i + 1]!) - py) ** 2;
      if (distance < best) [nearest, best] = [i, distance];
    }
    if (nearest === this.#hovered) return;
    this.#hovered = nearest;
    this.#draw();
    this.#tip.hidden = nearest < 0;
    if (nearest < 0) return;
    const [x, y] = [points[2 * nearest]!, points[2 * nearest + 1]!];
    const image = this.#tip.querySelector('canvas')!;
    image.hidden = !this.#thumbnails;
    if (this.#thumbnails) {
      const { width, height } = this.#thumbnails.sprite;
      [image.width, image.height] = [width, height];
      paint(image.getContext('2d')!, this.#thumbnails, images[nearest]!, 0, 0, width, height);
    }
    const kind = labels ? `class ${labels[nearest]}, ` : '';
    this.#tip.querySelector('span')!.textContent =
      `${kind}training image ${images[nearest]} at (${x.toFixed(2)}, ${y.toFixed(2)})`.replaceAll('-', '−');
    const left = toX(x) > this.#canvas.clientWidth / 2;
    this.#tip.style.left = `${toX(x) + (left ? -12 : 12)}px`;
    this.#tip.style.top = `${toY(y)}px`;
    this.#tip.classList.toggle('left', left);
    this.#tip.classList.toggle('up', toY(y) > this.#canvas.clientHeight / 2);
  }

  #draw(): void {
    const canvas = this.#canvas;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const ratio = devicePixelRatio;
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = canvas.getContext('2d')!;
    context.scale(ratio, ratio);
    this.#drawAxes(context);
    const area = this.#area();
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, MARGIN.top, area.width, area.height);
    context.clip();
    this.#drawPoints(context);
    this.#drawHeldOut(context);
    context.restore();
  }

  #drawAxes(context: CanvasRenderingContext2D): void {
    const { width, height } = this.#area();
    const { toX, toY } = this.#scales();
    const [ink, faint] = [cssColor('ink'), cssColor('faint')];
    const bottom = MARGIN.top + height;
    context.font = '12px system-ui, sans-serif';
    context.fillStyle = ink;
    context.strokeStyle = faint;
    context.textAlign = 'center';
    context.textBaseline = 'top';
    for (const { value, text } of ticks(this.#view.x, width / 70)) {
      line(context, toX(value), MARGIN.top, toX(value), bottom);
      context.fillText(text, toX(value), bottom + 6);
    }
    context.fillText(this.#data.xLabel, MARGIN.left + width / 2, bottom + 24);
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    for (const { value, text } of ticks(this.#view.y, height / 50)) {
      line(context, MARGIN.left, toY(value), MARGIN.left + width, toY(value));
      context.fillText(text, MARGIN.left - 6, toY(value));
    }
    context.save();
    context.translate(12, MARGIN.top + height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = 'center';
    context.fillText(this.#data.yLabel, 0, 0);
    context.restore();
    context.strokeStyle = ink;
    context.strokeRect(MARGIN.left, MARGIN.top, width, height);
  }

  #drawPoints(context: CanvasRenderingContext2D): void {
    const { points, labels } = this.#data;
    const { toX, toY } = this.#scales();
    const colors = Array.from({ length: 10 }, (_, i) => classColor(i));
    context.font = 'bold 11px system-ui, sans-serif';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    for (let i = 0; i < points.length / 2; i++) {
      const label = labels?.[i];
      const hidden = !this.#isShown(label);
      const [x, y] = [toX(points[2 * i]!), toY(points[2 * i + 1]!)];
      context.globalAlpha = i === this.#hovered ? 1 : hidden ? 0.06 : 0.75;
      context.fillStyle = colors[(label ?? 0) % 10]!;
      if (this.#asDigits && label !== undefined) {
        context.fillText(String(label), x, y);
        continue;
      }
      context.beginPath();
      context.arc(x, y, i === this.#hovered ? 6 : 2.5, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  #drawHeldOut(context: CanvasRenderingContext2D): void {
    if (!this.#heldOut) return;
    const { points, labels } = this.#data.heldOut;
    const { toX, toY } = this.#scales();
    const side = Math.min(THUMBNAIL, Math.round(this.#area().width / 16));
    const rim = side < THUMBNAIL ? 2 : 3;
    for (let i = 0; i < points.length / 2; i++) {
      if (!this.#isShown(labels?.[i])) continue;
      const [left, top] = [toX(points[2 * i]!) - side / 2, toY(points[2 * i + 1]!) - side / 2];
      context.fillStyle = labels ? classColor(labels[i]!) : cssColor('ink');
      context.fillRect(left - rim, top - rim, side + 2 * rim, side + 2 * rim);
      paint(context, this.#heldOut, i, left, top, side, side);
    }
  }
}

function ticks(range: Range, count: number): { value: number; text: string }[] {
  const scale = scaleLinear(range, range);
  const format = scale.tickFormat(count);
  return scale.ticks(count).map((value) => ({ value, text: format(value) }));
}

interface Loaded {
  readonly sprite: Sprite;
  readonly image: HTMLImageElement;
}

function load(sprite: Sprite, loaded: () => void): Loaded {
  const image = new Image();
  image.onload = loaded;
  image.src = sprite.source;
  return { sprite, image };
}

function paint(
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

function line(context: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  context.beginPath();
  context.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
  context.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  context.stroke();
}
