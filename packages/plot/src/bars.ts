import { type Color, classColors, faint, ink } from './colormap.ts';
import { createRaster, drawText, fillRect, type Raster, textHeight, textWidth } from './raster.ts';

export interface Bar {
  readonly name: string;
  /** From 0 up; one that is not finite, or below 0, is drawn without a length. */
  readonly value: number;
  readonly marked: boolean;
}

export interface BarOptions {
  title?: string;
  /** Written after each value. */
  unit?: string;
  /** What the two colours mean. */
  marks?: readonly [marked: string, unmarked: string];
  /** Length of the longest bar in pixels. */
  width?: number;
  textScale?: number;
}

const colors: readonly [Color, Color] = [classColors[0]!, classColors[3]!];

/** Horizontal bars, one below the other, each with its name before and its value behind it. */
export function barChart(
  bars: readonly Bar[],
  { title = '', unit = '', marks, width = 480, textScale = 2 }: BarOptions = {},
): Raster {
  const line = textHeight(textScale);
  const gap = line / 2;
  const scale = textScale;
  const length = ({ value }: Bar) => (value > 0 && value < Number.POSITIVE_INFINITY ? value : 0);
  const most = Math.max(...bars.map(length), Number.MIN_VALUE);
  const texts = bars.map(({ value }) => `${value.toFixed(2).replace('-', '−')} ${unit}`.trim());
  const wide = (all: readonly string[]) => Math.max(0, ...all.map((text) => textWidth(text, scale)));
  const left = 2 * gap + wide(bars.map(({ name }) => name));
  const top = gap + (title ? 1.5 * line : 0) + (marks ? 1.5 * line : 0);
  const legend = marks ? marks.reduce((sum, mark) => sum + textWidth(mark, scale) + 2.5 * line, gap) : 0;
  const raster = createRaster(
    Math.max(left + width + gap + wide(texts) + gap, textWidth(title, scale) + 2 * gap, legend + gap),
    top + Math.max(1, bars.length) * 1.5 * line + gap,
  );
  drawText(raster, gap, gap, title, ink, { scale });
  let x = gap;
  for (const [i, mark] of (marks ?? []).entries()) {
    const y = gap + (title ? 1.5 * line : 0);
    fillRect(raster, x, y, line - scale, line - scale, colors[i]!);
    drawText(raster, x + 1.25 * line, y, mark, ink, { scale });
    x += textWidth(mark, scale) + 2.5 * line;
  }
  for (const [row, bar] of bars.entries()) {
    const y = top + row * 1.5 * line;
    const size = Math.round((length(bar) / most) * width);
    drawText(raster, left - gap, y, bar.name, ink, { scale, align: 'right' });
    fillRect(raster, left, y - scale, width, line + scale, faint);
    fillRect(raster, left, y - scale, size, line + scale, bar.marked ? colors[0] : colors[1]);
    drawText(raster, left + width + gap, y, texts[row]!, ink, { scale });
  }
  return raster;
}
