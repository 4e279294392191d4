import { classColors, faint, ink } from './colormap.ts';
import { createRaster, drawText, fillRect, type Raster, textHeight, textWidth } from './raster.ts';
import { ticks } from './ticks.ts';

export interface HistogramCell {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  /** Of each bin; the highest has the whole height. */
  readonly shares: readonly number[];
  readonly mean: number;
  readonly std: number;
}

export interface HistogramOptions {
  title?: string;
  /** Width and height of a histogram in pixels. */
  width?: number;
  height?: number;
  textScale?: number;
}

/** A row of small histograms for each name. Those in a column share their scale, which is written below the last. */
export function histogramRows(
  rows: readonly { readonly name: string; readonly cells: readonly HistogramCell[] }[],
  { title = '', width = 320, height = 64, textScale = 2 }: HistogramOptions = {},
): Raster {
  const scale = textScale;
  const line = textHeight(scale);
  const gap = line / 2;
  const left = 2 * gap + Math.max(0, ...rows.map(({ name }) => textWidth(name, scale)));
  const noteOf = ({ name, mean, std }: HistogramCell) => `${name}: ${fixed(mean)} ± ${fixed(std)}`;
  const top = gap + (title ? 1.5 * line : 0);
  const pitch = height + 2 * line;
  const columns = Math.max(1, ...rows.map(({ cells }) => cells.length));
  const step = width + 2 * line;
  const raster = createRaster(
    Math.max(left + columns * step, textWidth(title, scale) + 2 * gap),
    top + Math.max(1, rows.length) * pitch + 1.5 * line,
  );
  drawText(raster, gap, gap, title, ink, { scale });
  for (const [i, { name, cells }] of rows.entries()) {
    const y = top + i * pitch + 1.25 * line;
    drawText(raster, left - gap, y + height / 2 - line / 2, name, ink, { scale, align: 'right' });
    for (const [j, cell] of cells.entries()) {
      const x = left + j * step;
      drawText(raster, x, y - 1.25 * line, noteOf(cell), ink, { scale });
      drawHistogram(raster, x, y, width, height, cell, j);
      if (i < rows.length - 1) continue;
      for (const { value, text } of ticks([cell.low, cell.high], width / (5 * line))) {
        const at = x + ((value - cell.low) / (cell.high - cell.low)) * width;
        drawText(raster, at, y + height + 0.5 * line, text, ink, { scale, align: 'center' });
      }
    }
  }
  return raster;
}

function drawHistogram(
  raster: Raster,
  x: number,
  y: number,
  width: number,
  height: number,
  { low, high, shares }: HistogramCell,
  column: number,
): void {
  const most = Math.max(...shares, Number.MIN_VALUE);
  fillRect(raster, x, y + height, width, 1, ink);
  for (const { value } of ticks([low, high], width / 80)) {
    fillRect(raster, Math.round(x + ((value - low) / (high - low)) * width), y, 1, height, faint);
  }
  for (const [bin, share] of shares.entries()) {
    const [from, to] = [bin, bin + 1].map((b) => Math.round((b / shares.length) * width)) as [number, number];
    const tall = Math.round((share / most) * height);
    fillRect(raster, x + from, y + height - tall, Math.max(1, to - from - 1), tall, classColors[column * 4]!);
  }
}

const fixed = (value: number) => value.toFixed(2).replace('-', '−');
