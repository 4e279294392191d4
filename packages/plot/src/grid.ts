import { type Color, ink, white } from './colormap.ts';
import {
  createRaster,
  drawImage,
  drawText,
  type ImageBatch,
  imageCount,
  type Raster,
  textHeight,
  textWidth,
} from './raster.ts';

export interface GridOptions {
  /** Images per row; by default as square a grid as the count allows. */
  columns?: number;
  /** Whole number of pixels per pixel of the image. */
  scale?: number;
  /** Pixels between images. */
  padding?: number;
  background?: Color;
  title?: string;
  /** One per row, drawn on the left. */
  rowLabels?: readonly string[];
  /** One per column, drawn above. */
  columnLabels?: readonly string[];
  /** Size of the letters: pixels per pixel of the font. */
  textScale?: number;
  /** Of the title; that of the labels by default. */
  titleScale?: number;
}

/**
 * Tiles images row by row into one picture. Columns grow where a label is wider than an image, and the picture where
 * the title is, so that no text is cut.
 */
export function imageGrid(
  batch: ImageBatch,
  {
    columns = Math.max(1, Math.ceil(Math.sqrt(imageCount(batch)))),
    scale = 2,
    padding = 4,
    background = white,
    title = '',
    rowLabels = [],
    columnLabels = [],
    textScale = 2,
    titleScale = textScale,
  }: GridOptions = {},
): Raster {
  const count = imageCount(batch);
  const [, height, width] = batch.shape;
  const rows = Math.ceil(count / columns);
  const line = textHeight(textScale);
  const letter = textWidth('n', textScale);
  const widest = (labels: readonly string[]) =>
    Math.max(0, ...labels.map((label) => textWidth(label, textScale)));

  const cellWidth = Math.max(width * scale, columnLabels.length > 0 ? widest(columnLabels) + letter : 0);
  const cellHeight = Math.max(height * scale, rowLabels.length > 0 ? line : 0);
  const margin = 2 * padding;
  const left = margin + (rowLabels.length > 0 ? widest(rowLabels) + letter : 0);
  const top =
    margin + (title ? textHeight(titleScale) + margin : 0) + (columnLabels.length > 0 ? line + padding : 0);
  const gridWidth = left + columns * (cellWidth + padding) - padding + margin;
  const raster = createRaster(
    Math.max(gridWidth, title ? textWidth(title, titleScale) + 2 * margin : 0),
    top + rows * (cellHeight + padding) - padding + margin,
    background,
  );

  const brightness = (background[0] + background[1] + background[2]) / 3;
  const color = brightness < 128 ? white : ink;
  drawText(raster, margin, margin, title, color, { scale: titleScale });
  for (const [column, label] of columnLabels.slice(0, columns).entries()) {
    const center = left + column * (cellWidth + padding) + cellWidth / 2;
    drawText(raster, center, top - padding - line, label, color, { scale: textScale, align: 'center' });
  }
  for (const [row, label] of rowLabels.slice(0, rows).entries()) {
    // Letters without descenders are centred: one row of the font less than the line.
    const middle = top + row * (cellHeight + padding) + (cellHeight - line + textScale) / 2;
    drawText(raster, left - letter, middle, label, color, { scale: textScale, align: 'right' });
  }
  for (let i = 0; i < count; i++) {
    const x = left + (i % columns) * (cellWidth + padding) + Math.floor((cellWidth - width * scale) / 2);
    const y =
      top + Math.floor(i / columns) * (cellHeight + padding) + Math.floor((cellHeight - height * scale) / 2);
    drawImage(raster, x, y, batch, i, scale);
  }
  return raster;
}
