import { faint, ink } from './colormap.ts';
import { drawText, fillRect, type Raster, strokeRect, textHeight, textWidth } from './raster.ts';
import { type Range, type Tick, ticks } from './ticks.ts';

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

/** As many ticks as have room for their values; values along x are wider than high, so it has less. */
const ticksFor = (range: Range, length: number, textScale: number): Tick[] =>
  ticks(range, length / (4 * textHeight(textScale)));

/** The height of a legend of `count` lines, which a small plot must make room for. */
export const legendHeight = (count: number, textScale: number): number => count * legendPitch(textScale);

/** From one line of a legend to the next. */
export const legendPitch = (textScale: number): number => 1.5 * textHeight(textScale);
