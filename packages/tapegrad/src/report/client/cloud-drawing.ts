import { classColors, classShape, lettersOn, type Range, shapePaths } from '@tapegrad/plot';
import { scaleLinear } from 'd3-scale';
import { MARGIN, type Plane } from './plane.ts';
import { classColor, cssColor } from './theme.ts';
import type { CloudData } from './types.ts';

/** Radii in pixels: of a point, of one whose shape tells its class, of the selected one, and of the mark of a held-out image. */
const RADIUS = { point: 2.6, shape: 3.2, current: 6, heldOut: 8.5 };

export interface Look {
  /** The selected place among points and held-out images, or −1. */
  readonly current: number;
  readonly asNumbers: boolean;
  isShown(label: number | undefined): boolean;
}

export function drawPlane(canvas: HTMLCanvasElement, plane: Plane, data: CloudData, look: Look): void {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const ratio = devicePixelRatio;
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const context = canvas.getContext('2d')!;
  context.scale(ratio, ratio);
  drawAxes(context, plane, data);
  context.save();
  context.beginPath();
  context.rect(MARGIN.left, MARGIN.top, plane.width, plane.height);
  context.clip();
  drawPoints(context, plane, data, look);
  drawHeldOut(context, plane, data, look);
  context.restore();
}

const ticks = (range: Range, count: number): { value: number; text: string }[] => {
  const scale = scaleLinear(range, range);
  const format = scale.tickFormat(count);
  return scale.ticks(count).map((value) => ({ value, text: format(value) }));
};

function drawAxes(
  context: CanvasRenderingContext2D,
  plane: Plane,
  { xLabel, yLabel, sameUnits }: CloudData,
): void {
  const { width, height, view } = plane;
  const [ink, soft, faint] = [cssColor('ink'), cssColor('soft'), cssColor('faint')];
  const [right, bottom] = [MARGIN.left + width, MARGIN.top + height];
  context.font = '12px system-ui, sans-serif';
  context.fillStyle = ink;
  context.strokeStyle = faint;
  context.textAlign = 'center';
  context.textBaseline = 'top';
  for (const { value, text } of ticks(view.x, width / 80)) {
    line(context, plane.toX(value), MARGIN.top, plane.toX(value), bottom);
    context.fillText(text, plane.toX(value), bottom + 6);
  }
  context.fillText(xLabel, MARGIN.left + width / 2, bottom + 24);
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const { value, text } of ticks(view.y, height / 60)) {
    line(context, MARGIN.left, plane.toY(value), right, plane.toY(value));
    context.fillText(text, MARGIN.left - 6, plane.toY(value));
  }
  context.save();
  context.translate(10, MARGIN.top + height / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = 'center';
  context.fillText(yLabel, 0, 0);
  context.restore();
  context.strokeStyle = soft;
  line(context, MARGIN.left, MARGIN.top, MARGIN.left, bottom);
  line(context, MARGIN.left, bottom, right, bottom);
  if (sameUnits && !plane.home.sameScale) {
    context.fillStyle = soft;
    context.fillText('the axes have different scales', right - 4, MARGIN.top + 8);
  }
}

function drawPoints(
  context: CanvasRenderingContext2D,
  plane: Plane,
  { points, labels }: CloudData,
  { current, asNumbers, isShown }: Look,
): void {
  const colors = classColors.map((_, i) => classColor(i));
  context.font = 'bold 11px system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  // A shape is harder to see than a colour.
  const small = labels?.some((label) => label >= colors.length) ? RADIUS.shape : RADIUS.point;
  const draw = (i: number) => {
    const label = labels?.[i];
    const [x, y] = [plane.toX(points[2 * i]!), plane.toY(points[2 * i + 1]!)];
    context.globalAlpha = i === current ? 1 : isShown(label) ? 0.75 : 0.06;
    context.fillStyle = colors[(label ?? 0) % colors.length]!;
    if (asNumbers && label !== undefined) context.fillText(String(label), x, y);
    else mark(context, x, y, label ?? 0, i === current ? RADIUS.current : small);
  };
  for (let i = 0; i < points.length / 2; i++) if (i !== current) draw(i);
  if (current >= 0 && current < points.length / 2) draw(current);
  context.globalAlpha = 1;
}

/** A disc for each held-out image, with its class, or else its number in it. */
function drawHeldOut(
  context: CanvasRenderingContext2D,
  plane: Plane,
  { points, heldOut: { points: places, labels } }: CloudData,
  { current, isShown }: Look,
): void {
  const first = points.length / 2;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (let i = 0; i < places.length / 2; i++) {
    const label = labels?.[i];
    if (!isShown(label)) continue;
    const isCurrent = first + i === current;
    const [x, y] = [plane.toX(places[2 * i]!), plane.toY(places[2 * i + 1]!)];
    const color = label === undefined ? cssColor('soft') : classColor(label);
    context.beginPath();
    context.arc(x, y, RADIUS.heldOut + (isCurrent ? 2 : 0), 0, 2 * Math.PI);
    context.fillStyle = color;
    context.fill();
    context.lineWidth = isCurrent ? 3 : 1.5;
    context.strokeStyle = cssColor(isCurrent ? 'ink' : 'ground');
    context.stroke();
    context.fillStyle = lettersOn(color as `#${string}`);
    context.font = '600 10px system-ui, sans-serif';
    context.fillText(String(label ?? i), x, y + 0.5);
  }
  context.lineWidth = 1;
}

const paths = new Map<string, Path2D>();

/** The mark of a class. */
function mark(context: CanvasRenderingContext2D, x: number, y: number, label: number, radius: number): void {
  const shape = classShape(label);
  if (shape === 'circle') {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  let path = paths.get(shape);
  if (!path) {
    path = new Path2D(shapePaths[shape]);
    paths.set(shape, path);
  }
  context.save();
  context.translate(x, y);
  context.scale(radius * 1.15, radius * 1.15);
  context.fill(path);
  context.restore();
}

function line(context: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  context.beginPath();
  context.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
  context.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  context.stroke();
}
