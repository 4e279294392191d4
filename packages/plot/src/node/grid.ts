import { ink } from '../colors.ts';
import { createRaster, drawImage, type Grid, type ImageBatch, imageCount, type Raster } from '../pixels.ts';
import { FONT } from '../svg.ts';
import { escaped, rasterized, textMeasure } from './rasterize.ts';

export interface GridOptions {
  /** Images per row; by default as square a grid as the count allows. */
  columns?: number;
  /** Whole number of pixels per pixel of the image. */
  scale?: number;
  /** Pixels between images. */
  padding?: number;
  title?: string;
  /** One per row, drawn on the left. */
  rowLabels?: readonly string[];
  /** One per column, drawn above. */
  columnLabels?: readonly string[];
}

const TITLE = 20;
const LABEL = 16;
/** How far labels may shrink to fit their column. */
const LEAST_LABEL = 11;

interface Text {
  readonly x: number;
  /** Of the baseline. */
  readonly y: number;
  readonly text: string;
  readonly size: number;
  readonly weight?: number;
  readonly anchor?: 'start' | 'middle' | 'end';
}

/**
 * Tiles images row by row into one picture. Text around them is set in the packed font; the images' own pixels are
 * copied. Columns grow where a label is wider than an image, and the picture where the title is, so that no text is cut.
 */
export async function imageGrid(
  batch: ImageBatch,
  {
    columns = Math.max(1, Math.ceil(Math.sqrt(imageCount(batch)))),
    scale = 2,
    padding = 4,
    title = '',
    rowLabels = [],
    columnLabels = [],
  }: GridOptions = {},
): Promise<Raster> {
  const count = imageCount(batch);
  const [, height, width] = batch.shape;
  const rows = Math.ceil(count / columns);
  const hasText = title !== '' || rowLabels.length > 0 || columnLabels.length > 0;
  const measure = hasText ? await textMeasure() : () => 0;
  const widest = (labels: readonly string[], size: number) =>
    Math.ceil(Math.max(0, ...labels.map((label) => measure(label, size, 400))));

  // Where labels are wider than images they become smaller, and then the columns wider.
  const fit = (width * scale + padding - 6) / Math.max(1, widest(columnLabels, 1000) / 1000);
  const size = Math.max(LEAST_LABEL, Math.min(LABEL, Math.floor(fit)));
  const cellWidth = Math.max(width * scale, columnLabels.length > 0 ? widest(columnLabels, size) + 6 : 0);
  const cellHeight = Math.max(height * scale, rowLabels.length > 0 ? size + 2 : 0);
  const margin = hasText ? 12 : 2 * padding;
  const left = margin + (rowLabels.length > 0 ? widest(rowLabels, size) + 10 : 0);
  const top = margin + (title ? TITLE + 12 : 0) + (columnLabels.length > 0 ? size + 6 : 0);
  const gridWidth = left + columns * (cellWidth + padding) - padding + margin;
  const room = {
    width: Math.max(gridWidth, title ? Math.ceil(measure(title, TITLE, 600)) + 2 * margin : 0),
    height: top + rows * (cellHeight + padding) - padding + margin,
  };
  const texts: Text[] = [
    ...(title ? [{ x: margin, y: margin + 0.76 * TITLE, text: title, size: TITLE, weight: 600 }] : []),
    ...columnLabels.slice(0, columns).map(
      (text, column): Text => ({
        x: left + column * (cellWidth + padding) + cellWidth / 2,
        y: top - 7,
        text,
        size,
        anchor: 'middle',
      }),
    ),
    ...rowLabels.slice(0, rows).map(
      (text, row): Text => ({
        x: left - 10,
        // Half of the height of a digit below the middle.
        y: top + row * (cellHeight + padding) + cellHeight / 2 + 0.36 * size,
        text,
        size,
        anchor: 'end',
      }),
    ),
  ];
  const raster = hasText
    ? await rasterized({ svg: svgOf(texts, room) }, 1)
    : createRaster(room.width, room.height);
  const grid: Grid = {
    left: left + Math.floor((cellWidth - width * scale) / 2),
    top: top + Math.floor((cellHeight - height * scale) / 2),
    stepX: cellWidth + padding,
    stepY: cellHeight + padding,
    scale,
    columns,
    count,
    shape: batch.shape,
    rowLabels: rowLabels.slice(0, rows),
    columnLabels: columnLabels.slice(0, columns),
  };
  for (let i = 0; i < count; i++) {
    const x = grid.left + (i % columns) * grid.stepX;
    const y = grid.top + Math.floor(i / columns) * grid.stepY;
    drawImage(raster, x, y, batch, i, scale);
  }
  return { ...raster, grid };
}

function svgOf(texts: readonly Text[], { width, height }: { width: number; height: number }): string {
  const lines = texts.map(
    ({ x, y, text, size, weight = 400, anchor = 'start' }) =>
      `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}">${escaped(text)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="${FONT}" fill="${ink}">${lines.join('')}</svg>`;
}
