import { faint, ink } from './colormap.ts';
import { drawText, fillRect, type Raster, strokeRect, textHeight, textWidth } from './raster.ts';

/** Lowest and highest value that an axis shows. */
export type Range = readonly [low: number, high: number];

/** The part of a picture that data is drawn in, in pixels. */
export interface PlotArea {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** From values to pixels; y grows upwards. */
export interface Axes {
  area: PlotArea;
  toX(value: number): number;
  toY(value: number): number;
}

export interface AxesOptions {
  x: Range;
  y: Range;
  xLabel?: string;
  yLabel?: string;
  title?: string;
  textScale: number;
}

/** The room that `drawAxes` takes around the plot's area for ticks, labels and title. */
export function margins({ y, xLabel, yLabel, title, textScale }: AxesOptions, plotHeight: number) {
  const line = textHeight(textScale);
  const gap = 4 * textScale;
  const tickWidth = Math.max(...ticksFor(y, plotHeight, textScale).map((t) => textWidth(t.text, textScale)));
  return {
    left: gap + (yLabel ? line + gap : 0) + tickWidth + gap,
    right: gap + 3 * line,
    top: gap + (title ? line + gap : line / 2),
    bottom: 1.5 * gap + line + gap + (xLabel ? line + gap : 0),
  };
}

/** Draws frame, grid lines, ticks with their values, labels and title around the plot's area. */
export function drawAxes(raster: Raster, area: PlotArea, options: AxesOptions): Axes {
  const { x, y, xLabel = '', yLabel = '', title = '', textScale } = options;
  const scale = textScale;
  const gap = 4 * scale;
  const line = textHeight(scale);
  const { left, top, width, height } = area;
  const toX = (value: number) => left + ((value - x[0]) / (x[1] - x[0])) * (width - 1);
  const toY = (value: number) => top + (1 - (value - y[0]) / (y[1] - y[0])) * (height - 1);

  for (const { value, text } of ticksFor(x, width / 1.5, scale)) {
    const position = Math.round(toX(value));
    fillRect(raster, position, top, 1, height, faint);
    fillRect(raster, position, top + height, 1, gap / 2, ink);
    drawText(raster, position, top + height + 1.5 * gap, text, ink, { scale, align: 'center' });
  }
  for (const { value, text } of ticksFor(y, height, scale)) {
    const position = Math.round(toY(value));
    fillRect(raster, left, position, width, 1, faint);
    fillRect(raster, left - gap / 2, position, gap / 2, 1, ink);
    drawText(raster, left - gap, position - (line - scale) / 2, text, ink, { scale, align: 'right' });
  }
  strokeRect(raster, left, top, width, height, ink);

  drawText(raster, left + width / 2, top + height + 2.5 * gap + line, xLabel, ink, {
    scale,
    align: 'center',
  });
  drawText(raster, gap, top + height / 2, yLabel, ink, { scale, align: 'center', vertical: true });
  drawText(raster, left, gap, title, ink, { scale });
  return { area, toX, toY };
}

export interface Tick {
  value: number;
  text: string;
}

/** Round values within a range, about `most` of them: steps of 1, 2 or 5 times a power of ten. */
export function ticks([low, high]: Range, most: number): Tick[] {
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const result: Tick[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    const value = i * step;
    const long = step >= 1e5 || decimals > 4;
    result.push({ value, text: long ? shortExponent(value) : value.toFixed(decimals).replace('-', '−') });
  }
  return result;
}

const shortExponent = (value: number): string =>
  value === 0 ? '0' : Number(value.toPrecision(3)).toExponential().replace('e+', 'e').replaceAll('-', '−');

/** As many ticks as have room for their values; values along x are wider than high, so it has less. */
const ticksFor = (range: Range, length: number, textScale: number): Tick[] =>
  ticks(range, length / (4 * textHeight(textScale)));

/**
 * The range of finite values, with a share of it as room on both sides. Values that are all the same, or too close for
 * ticks to tell apart, get a tenth of their size around them; no values at all get the unit range.
 */
export function rangeOf(values: Iterable<number>, room = 0.05): Range {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  const size = Math.max(Math.abs(low), Math.abs(high));
  const around = high - low > 1e-6 * size ? room * (high - low) : size / 10 || 0.5;
  return [low - around, high + around];
}

/** The height of a legend of `count` lines, which a small plot must make room for. */
export const legendHeight = (count: number, textScale: number): number => count * legendPitch(textScale);

/** From one line of a legend to the next. */
export const legendPitch = (textScale: number): number => 1.5 * textHeight(textScale);
