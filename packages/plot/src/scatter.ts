import { drawAxes, legendHeight, legendPitch, margins } from './axes.ts';
import { type Color, classColor, ink, white } from './colormap.ts';
import {
  createRaster,
  drawDisc,
  drawImage,
  drawText,
  type ImageBatch,
  imageCount,
  type Raster,
  strokeRect,
  textHeight,
  textWidth,
} from './raster.ts';
import { rangeOf, sameSpan } from './ticks.ts';

/** Points in the plane: [count, 2], row-major. Those that are not finite are left out. */
export type Points = Float32Array | Float64Array;

export interface ScatterOptions {
  /** One class per point: its colour, and an entry in the legend. */
  labels?: ArrayLike<number> | null;
  /** Text of the legend by class; the class's number by default. */
  classNames?: readonly string[];
  /** Images drawn at their places, each framed in the colour of its class. */
  thumbnails?: ImageBatch & { points: Points; labels?: ArrayLike<number> | null; scale?: number };
  title?: string;
  xLabel?: string;
  yLabel?: string;
  sameUnits?: boolean;
  /** Width and height of the plot's area in pixels. */
  size?: number;
  /** Radius of a point in pixels. */
  radius?: number;
  textScale?: number;
}

/**
 * Points coloured by class. Both axes have the same scale, so that distances in the picture are distances in the plane,
 * unless they have different units.
 */
export function scatterPlot(
  points: Points,
  {
    labels,
    classNames = [],
    thumbnails,
    title = '',
    xLabel = '',
    yLabel = '',
    sameUnits = true,
    size = 720,
    radius = 2.5,
    textScale = 2,
  }: ScatterOptions = {},
): Raster {
  const count = points.length / 2;
  if (!Number.isInteger(count))
    throw new Error(`scatter: ${points.length} coordinates: points have two each`);
  if (labels && labels.length !== count) {
    throw new Error(`scatter: ${labels.length} labels for ${count} points`);
  }
  if (thumbnails && thumbnails.points.length !== 2 * imageCount(thumbnails)) {
    throw new Error(
      `scatter: ${imageCount(thumbnails)} thumbnails at ${thumbnails.points.length / 2} places`,
    );
  }

  const coordinates = (axis: number) =>
    [points, thumbnails?.points ?? []].flatMap((list) => [...list].filter((_, i) => i % 2 === axis));
  const ranges = [rangeOf(coordinates(0)), rangeOf(coordinates(1))] as const;
  const [x, y] = sameUnits ? sameSpan(...ranges) : ranges;
  const axesOptions = { x, y, xLabel, yLabel, title, textScale };
  const margin = margins(axesOptions, size);
  const classes = labels ? [...new Set(Array.from(labels))].sort((a, b) => a - b) : [];
  const nameOf = (label: number) => classNames[label] ?? String(label);
  const line = textHeight(textScale);
  const legendWidth =
    classes.length > 0
      ? 2 * line + Math.max(...classes.map((label) => textWidth(nameOf(label), textScale)))
      : 0;

  const plotRight = margin.left + size;
  const raster = createRaster(
    Math.max(
      plotRight + Math.max(margin.right, legendWidth + line),
      margin.left + textWidth(title, textScale) + line,
    ),
    margin.top + Math.max(size + margin.bottom, legendHeight(classes.length, textScale)),
  );
  const axes = drawAxes(
    raster,
    { left: margin.left, top: margin.top, width: size, height: size },
    axesOptions,
  );

  for (let i = 0; i < count; i++) {
    const [px, py] = [points[2 * i]!, points[2 * i + 1]!];
    if (!Number.isFinite(px) || !Number.isFinite(py)) continue;
    drawDisc(
      raster,
      [axes.toX(px), axes.toY(py)],
      radius,
      labels ? classColor(labels[i]!) : classColor(0),
      0.75,
    );
  }
  for (const [row, label] of classes.entries()) {
    const top = margin.top + row * legendPitch(textScale);
    drawDisc(raster, [plotRight + line, top + (line - textScale) / 2], line / 3, classColor(label));
    drawText(raster, plotRight + 2 * line, top, nameOf(label), ink, { scale: textScale });
  }
  if (thumbnails) drawThumbnails(raster, thumbnails, axes.toX, axes.toY);
  return raster;
}

function drawThumbnails(
  raster: Raster,
  thumbnails: NonNullable<ScatterOptions['thumbnails']>,
  toX: (value: number) => number,
  toY: (value: number) => number,
): void {
  const { points, labels, shape, scale = 1 } = thumbnails;
  const [height, width] = [shape[1] * scale, shape[2] * scale];
  for (let i = 0; i < imageCount(thumbnails); i++) {
    const [px, py] = [points[2 * i]!, points[2 * i + 1]!];
    if (!Number.isFinite(px) || !Number.isFinite(py)) continue;
    const left = Math.round(toX(px) - width / 2);
    const top = Math.round(toY(py) - height / 2);
    const color: Color = labels ? classColor(labels[i]!) : ink;
    strokeRect(raster, left - 4, top - 4, width + 8, height + 8, white);
    strokeRect(raster, left - 3, top - 3, width + 6, height + 6, color, 3);
    drawImage(raster, left, top, thumbnails, i, scale);
  }
}
