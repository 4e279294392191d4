import { type Frame, framed, type Range, rangeOf } from '@tapegrad/plot';
import type { CloudData } from './types.ts';

/** The margins around the plane, in pixels. */
export const MARGIN = { left: 56, right: 14, top: 12, bottom: 44 };
/** Of the plane, in pixels. */
const TALLEST = 620;
const WIDEST = 860;

/** A part of the plane. */
export interface View {
  readonly x: Range;
  readonly y: Range;
}

/** Where points lie on the screen: the part of the plane that is shown, and the room that it has. */
export class Plane {
  readonly home: Frame;
  view: View;
  width = 1;
  height = 1;

  constructor({ points, heldOut, sameUnits }: CloudData) {
    const along = (axis: number) => [...points, ...heldOut.points].filter((_, i) => i % 2 === axis);
    this.home = framed(rangeOf(along(0)), rangeOf(along(1)), sameUnits);
    this.view = this.home;
  }

  /** Takes as much of the room as the shape of the plane allows. */
  fit(room: number): { width: number; height: number } {
    const widest = Math.min(WIDEST, room - MARGIN.left - MARGIN.right, TALLEST * this.home.aspect);
    this.width = Math.max(1, Math.floor(widest));
    this.height = Math.max(1, Math.floor(widest / this.home.aspect));
    return {
      width: this.width + MARGIN.left + MARGIN.right,
      height: this.height + MARGIN.top + MARGIN.bottom,
    };
  }

  toX(value: number): number {
    const [low, high] = this.view.x;
    return MARGIN.left + ((value - low) / (high - low)) * this.width;
  }

  toY(value: number): number {
    const [low, high] = this.view.y;
    return MARGIN.top + (1 - (value - low) / (high - low)) * this.height;
  }

  #fromX(px: number): number {
    const [low, high] = this.view.x;
    return low + ((px - MARGIN.left) / this.width) * (high - low);
  }

  #fromY(py: number): number {
    const [low, high] = this.view.y;
    return low + (1 - (py - MARGIN.top) / this.height) * (high - low);
  }

  /** Zooms by `factor`, with the given pixel staying where it is. */
  zoom(factor: number, px = MARGIN.left + this.width / 2, py = MARGIN.top + this.height / 2): void {
    const around = ([low, high]: Range, center: number): Range => [
      center + (low - center) * factor,
      center + (high - center) * factor,
    ];
    this.view = { x: around(this.view.x, this.#fromX(px)), y: around(this.view.y, this.#fromY(py)) };
  }

  /** Moves what was shown in `from` by this many pixels. */
  moveBy(dx: number, dy: number, { x, y }: View = this.view): void {
    const [right, up] = [((x[1] - x[0]) * dx) / this.width, ((y[1] - y[0]) * dy) / this.height];
    this.view = { x: [x[0] - right, x[1] - right], y: [y[0] + up, y[1] + up] };
  }

  /** Whether a pixel lies in it. */
  holds(px: number, py: number): boolean {
    return (
      px >= MARGIN.left &&
      py >= MARGIN.top &&
      px <= MARGIN.left + this.width &&
      py <= MARGIN.top + this.height
    );
  }
}
