import { drawAxes, legendHeight, legendPitch, margins } from './axes.ts';
import { classColor, ink } from './colormap.ts';
import { createRaster, drawDisc, drawLine, drawText, type Raster, textHeight, textWidth } from './raster.ts';
import { rangeOf } from './ticks.ts';

export interface Series {
  name: string;
  x: ArrayLike<number>;
  /** As many as x. A value that is not finite leaves a gap. */
  y: ArrayLike<number>;
}

export interface ChartOptions {
  title?: string;
  xLabel?: string;
  yLabel?: string;
  /** Width and height of the plot's area in pixels. */
  width?: number;
  height?: number;
  textScale?: number;
}

/** Lines over a common x, each with its name beside the plot, in its colour. */
export function lineChart(
  series: readonly Series[],
  { title = '', xLabel = '', yLabel = '', width = 720, height = 420, textScale = 2 }: ChartOptions = {},
): Raster {
  for (const { name, x, y } of series) {
    if (x.length !== y.length) throw new Error(`chart: ${name} has ${x.length} x for ${y.length} y`);
  }
  const finite = series.map(({ x, y }) =>
    Array.from(x, (value, i): [number, number] => [value, y[i]!]).map((point) =>
      point.every(Number.isFinite) ? point : undefined,
    ),
  );
  const shown = finite.flat().filter((point) => point !== undefined);
  const axesOptions = {
    x: rangeOf(
      shown.map(([x]) => x),
      0.02,
    ),
    y: rangeOf(shown.map(([, y]) => y)),
    xLabel,
    yLabel,
    title,
    textScale,
  };
  const margin = margins(axesOptions, height);
  const line = textHeight(textScale);
  const legendWidth = 2.5 * line + Math.max(0, ...series.map(({ name }) => textWidth(name, textScale)));
  const plotRight = margin.left + width;
  const raster = createRaster(
    Math.max(plotRight + legendWidth + line, margin.left + textWidth(title, textScale) + line),
    margin.top + Math.max(height + margin.bottom, legendHeight(series.length, textScale)),
  );
  const axes = drawAxes(raster, { left: margin.left, top: margin.top, width, height }, axesOptions);

  for (const [index, points] of finite.entries()) {
    const color = classColor(index);
    let last: [number, number] | undefined;
    for (const [i, point] of points.entries()) {
      const here: [number, number] | undefined = point && [axes.toX(point[0]), axes.toY(point[1])];
      if (here && last) drawLine(raster, last, here, color, { thickness: 2.5 });
      // A few points are each worth seeing, and one between two gaps has no line to be seen by.
      const alone = here && !last && !points[i + 1];
      if (here && (alone || points.length <= 30)) drawDisc(raster, here, 4, color);
      last = here;
    }
    const top = margin.top + index * legendPitch(textScale);
    const middle = top + (line - textScale) / 2;
    drawLine(raster, [plotRight + line / 2, middle], [plotRight + 1.75 * line, middle], color, {
      thickness: 4,
    });
    drawText(raster, plotRight + 2.25 * line, top, series[index]!.name, ink, { scale: textScale });
  }
  return raster;
}
