import { drawPlane } from './cloud-drawing.ts';
import { Plane } from './plane.ts';
import { type Loaded, load, paint } from './sprite.ts';
import { onThemeChange } from './theme.ts';
import type { CloudData, Sprite } from './types.ts';

/** How far from the pointer a point may be, in pixels: a finger is less exact. */
const REACH = { mouse: 14, touch: 28 };
/** Pixels that a key moves the plane by. */
const KEY_STEP = 40;

/** As in the style sheet: the width from which on the choices are next to the plane, and the width that they then take. */
const BESIDE = 928;
const CHOICES = 216;

/** Points in a plane, and after them the held-out images. Pointer, fingers or keys reach each, and show its image. */
export class CloudChart {
  readonly #element: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #tip: HTMLElement;
  readonly #data: CloudData;
  readonly #plane: Plane;
  readonly #thumbnails: Loaded | undefined;
  readonly #heldOut: Loaded | undefined;
  /** x, y, x, y … of the points and of the held-out images. */
  readonly #places: readonly number[];
  /** Classes that are shown; all if the set is empty. */
  readonly #chosen = new Set<number>();
  #asNumbers = false;
  /** The place whose image is shown, or −1. */
  #current = -1;

  constructor(element: HTMLElement, data: CloudData, thumbnails?: Sprite, heldOut?: Sprite) {
    this.#element = element;
    this.#data = data;
    this.#canvas = element.querySelector<HTMLCanvasElement>('.plane')!;
    this.#tip = element.querySelector('.tip')!;
    this.#places = [...data.points, ...data.heldOut.points];
    this.#thumbnails = thumbnails && load(thumbnails, () => this.#draw());
    this.#heldOut = heldOut && load(heldOut, () => this.#draw());
    this.#plane = new Plane(data);
    this.#listenToPointer();
    this.#listenToKeys();
    this.#listenToControls();
    new ResizeObserver(() => this.#fit()).observe(element);
    onThemeChange(() => this.#draw());
    this.#fit();
  }

  #fit(): void {
    // Where there is room, the choices are next to the plane.
    const room = this.#element.clientWidth;
    const { width, height } = this.#plane.fit(room >= BESIDE ? room - CHOICES : room);
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${height}px`;
    this.#draw();
    this.#placeTip();
  }

  #listenToPointer(): void {
    const canvas = this.#canvas;
    const plane = this.#plane;
    /** Where the pointers that are down were last, two of them at most. */
    const down = new Map<number, { x: number; y: number }>();
    const spread = () => {
      const [a, b] = [...down.values()];
      return a && b
        ? { distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }
        : undefined;
    };
    canvas.addEventListener('pointerdown', (event) => {
      if (down.size < 2) down.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
      canvas.setPointerCapture(event.pointerId);
      this.#pointAt(event);
    });
    canvas.addEventListener('pointermove', (event) => {
      const last = down.get(event.pointerId);
      if (last) {
        const before = spread();
        const here = { x: event.offsetX, y: event.offsetY };
        down.set(event.pointerId, here);
        const after = spread();
        if (before && after) {
          plane.zoom(before.distance / Math.max(1, after.distance), after.x, after.y);
          plane.moveBy(after.x - before.x, after.y - before.y);
        } else plane.moveBy(here.x - last.x, here.y - last.y);
        this.#changed();
      }
      if (!last || event.pointerType === 'mouse') this.#pointAt(event);
    });
    for (const name of ['pointerup', 'pointercancel'] as const)
      canvas.addEventListener(name, (event) => down.delete(event.pointerId));
    canvas.addEventListener('pointerleave', (event) => {
      if (event.pointerType === 'mouse') this.#choose(-1);
    });
    canvas.addEventListener('dblclick', () => this.#showAll());
    canvas.addEventListener(
      'wheel',
      (event) => {
        // A page that is scrolling should keep scrolling when the pointer gets here.
        if (!event.ctrlKey && !event.shiftKey) return;
        event.preventDefault();
        plane.zoom(event.deltaY + event.deltaX > 0 ? 1.25 : 0.8, event.offsetX, event.offsetY);
        this.#changed();
      },
      { passive: false },
    );
  }

  #listenToKeys(): void {
    const arrows: Readonly<Record<string, readonly [right: number, down: number]>> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    this.#canvas.addEventListener('keydown', (event) => {
      const arrow = arrows[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (arrow && event.shiftKey) this.#plane.moveBy(-arrow[0] * KEY_STEP, -arrow[1] * KEY_STEP);
      else if (arrow) this.#step(arrow);
      else if (event.key === '+' || event.key === '=') this.#plane.zoom(0.8);
      else if (event.key === '-') this.#plane.zoom(1.25);
      else if (event.key === '0') this.#plane.view = this.#plane.home;
      else if (event.key === 'Escape') this.#choose(-1);
      else return;
      event.preventDefault();
      this.#changed();
    });
    this.#canvas.addEventListener('focus', () => {
      // Keyboard users start at the first held-out image, or else at the first point.
      if (this.#current < 0 && this.#canvas.matches(':focus-visible')) this.#choose(this.#first());
    });
    this.#canvas.addEventListener('blur', () => this.#choose(-1));
  }

  #listenToControls(): void {
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
        if (factor === 0) this.#showAll();
        else this.#plane.zoom(factor);
        this.#changed();
      });
    }
    const numbers = this.#element.querySelector<HTMLInputElement>('[data-digits]');
    numbers?.addEventListener('change', () => {
      this.#asNumbers = numbers.checked;
      this.#draw();
    });
  }

  #showAll(): void {
    this.#plane.view = this.#plane.home;
    this.#changed();
  }

  #changed(): void {
    this.#draw();
    this.#placeTip();
  }

  #labelOf(place: number): number | undefined {
    const { points, labels, heldOut } = this.#data;
    const count = points.length / 2;
    return place < count ? labels?.[place] : heldOut.labels?.[place - count];
  }

  #isShown(label: number | undefined): boolean {
    return this.#chosen.size === 0 || label === undefined || this.#chosen.has(label);
  }

  #first(): number {
    const count = this.#data.points.length / 2;
    return this.#data.heldOut.points.length > 0 ? count : 0;
  }

  /** The place with the least `cost` of its pixels, of those that are shown; −1 where all costs are infinite. */
  #best(cost: (x: number, y: number, place: number) => number): number {
    let [best, least] = [-1, Number.POSITIVE_INFINITY];
    for (let i = 0; i < this.#places.length / 2; i++) {
      if (!this.#isShown(this.#labelOf(i))) continue;
      const value = cost(this.#plane.toX(this.#places[2 * i]!), this.#plane.toY(this.#places[2 * i + 1]!), i);
      // Of two at one place, the later one counts, which is drawn on top.
      if (value <= least && value < Number.POSITIVE_INFINITY) [best, least] = [i, value];
    }
    return best;
  }

  #pointAt({ offsetX, offsetY, pointerType }: PointerEvent): void {
    const reach = pointerType === 'touch' ? REACH.touch : REACH.mouse;
    this.#choose(
      this.#best((x, y) => {
        const distance = Math.hypot(x - offsetX, y - offsetY);
        return distance <= reach ? distance : Number.POSITIVE_INFINITY;
      }),
    );
  }

  /** Goes to the nearest place in a direction; a place off to the side counts as farther away. */
  #step([right, down]: readonly [number, number]): void {
    if (this.#current < 0) {
      this.#choose(this.#first());
      return;
    }
    const [cx, cy] = [2 * this.#current, 2 * this.#current + 1].map((at) => this.#places[at]!) as [
      number,
      number,
    ];
    const [px, py] = [this.#plane.toX(cx), this.#plane.toY(cy)];
    const next = this.#best((x, y, place) => {
      const along = (x - px) * right + (y - py) * down;
      const aside = Math.abs((x - px) * down) + Math.abs((y - py) * right);
      return place !== this.#current && along > 0.5 && aside <= 2 * along
        ? along + 2 * aside
        : Number.POSITIVE_INFINITY;
    });
    if (next >= 0) this.#choose(next);
  }

  /** Shows the image of a place. */
  #choose(place: number): void {
    if (place === this.#current) return;
    this.#current = place;
    this.#draw();
    this.#tip.hidden = place < 0;
    if (place < 0) return;
    const count = this.#data.points.length / 2;
    const isHeldOut = place >= count;
    const [sprite, index] = isHeldOut
      ? [this.#heldOut, place - count]
      : [this.#thumbnails, this.#data.images?.[place] ?? place];
    const image = this.#tip.querySelector('canvas')!;
    image.hidden = !sprite;
    if (sprite) {
      const { width, height } = sprite.sprite;
      [image.width, image.height] = [width, height];
      paint(image.getContext('2d')!, sprite, index, 0, 0, width, height);
    }
    const label = this.#labelOf(place);
    const [x, y] = [this.#places[2 * place]!, this.#places[2 * place + 1]!];
    const lines = [
      label === undefined ? '' : `class ${label}`,
      isHeldOut ? 'held-out image' : `training image ${index}`,
      `at (${x.toFixed(2)}, ${y.toFixed(2)})`.replaceAll('-', '−'),
    ];
    this.#tip.querySelector('span')!.textContent = lines.filter(Boolean).join(', ');
    this.#placeTip();
  }

  #placeTip(): void {
    if (this.#current < 0) return;
    const [x, y] = [
      this.#plane.toX(this.#places[2 * this.#current]!),
      this.#plane.toY(this.#places[2 * this.#current + 1]!),
    ];
    this.#tip.hidden = !this.#plane.holds(x, y);
    const [left, up] = [x > this.#canvas.clientWidth / 2, y > this.#canvas.clientHeight / 2];
    this.#tip.style.left = `${x + (left ? -14 : 14)}px`;
    this.#tip.style.top = `${y}px`;
    this.#tip.classList.toggle('left', left);
    this.#tip.classList.toggle('up', up);
  }

  #draw(): void {
    drawPlane(this.#canvas, this.#plane, this.#data, {
      current: this.#current,
      asNumbers: this.#asNumbers,
      isShown: (label) => this.#isShown(label),
    });
  }
}
