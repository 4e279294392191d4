import { tiles } from '@tapegrad/plot';
import type { PictureResult, Sheet } from '@tapegrad/vae';
import { html, type Markup } from './markup.ts';
import { rasterUri } from './png.ts';

/** Parts of a page. */

/** A section with a heading that the table of contents links to. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
  /** Hidden until the page knows that it can compute. */
  readonly isLiving?: boolean;
}

export function table(rows: readonly (readonly [name: string, value: string])[], caption: string): Markup {
  return html`<table aria-label="${caption}"><tbody>${rows.map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
  )}</tbody></table>`;
}

/** Everything that shows a sheet of images: the images, or their bytes, and the text around them. */
export type ShownSheet = Omit<Sheet, 'kind' | 'pixels'> & { readonly pixels: Float32Array | Uint8Array };

/** The tallest that a sheet grows, in pixels of CSS, and how many times its size. */
const TALLEST = 900;
const MOST_SCALE = 4;
/** Longer rows are split into two halves, side by side where there is room. */
const MOST_ROWS = 12;

/** Images in rows, as wide as there is room, with the text above and next to them. */
export function sheetBlock(sheet: ShownSheet): Markup {
  const { columns, rowLabels, shape } = sheet;
  if (!rowLabels || columns > MOST_ROWS || rowLabels.length <= MOST_ROWS) return sheetFigure(sheet);
  const first = Math.ceil(rowLabels.length / 2);
  const size = columns * shape[0] * shape[1] * shape[2];
  const half = (from: number, to?: number) =>
    sheetFigure({
      ...sheet,
      pixels: sheet.pixels.slice(from * size, to && to * size),
      rowLabels: rowLabels.slice(from, to),
    });
  return html`<div class="halves">${half(0, first)}${half(first)}</div>`;
}

function sheetFigure(sheet: ShownSheet): Markup {
  const { columns, rowLabels, columnLabels, title, caption, shape } = sheet;
  const raster = tiles(sheet, columns, 1);
  const most = Math.min(MOST_SCALE, Math.max(1, TALLEST / raster.height)) * raster.width;
  const longest = (labels: readonly string[] = []) => Math.max(0, ...labels.map((label) => label.length));
  const style =
    `--columns: ${columns}; --raster: ${raster.width}px; --most: ${Math.round(most)}px; ` +
    `--row-letters: ${longest(rowLabels)}; --column-letters: ${Math.max(1, longest(columnLabels))}`;
  const kind = `${shape[2] < 48 ? ' small' : ''}${columns > MOST_ROWS ? ' many' : ''}`;
  return html`<figure class="sheet${kind}"><div class="tiles" style="${style}">${
    columnLabels &&
    html`<div class="above" aria-hidden="true">${columnLabels.map((label) => html`<span>${label}</span>`)}</div>`
  }${
    rowLabels &&
    html`<div class="beside" aria-hidden="true">${rowLabels.map((label) => html`<span>${label}</span>`)}</div>`
  }<img src="${rasterUri(raster)}" width="${raster.width}" height="${raster.height}" alt="${title}: ${altOf(sheet, caption)}"></div></figure>`;
}

function altOf({ columns, pixels, shape, rowLabels }: ShownSheet, caption: string): string {
  const count = pixels.length / (shape[0] * shape[1] * shape[2]);
  const rows = rowLabels && rowLabels.length <= 20 ? `; rows: ${rowLabels.join(', ')}` : '';
  return `${Math.ceil(count / columns)} rows of ${Math.min(columns, count)} images. ${caption}${rows}`;
}

/** Says why there is no such picture. */
export const absentBlock = ({ reason }: Extract<PictureResult, { kind: 'absent' }>): Markup =>
  html`<p class="note">There is no such picture of this run: ${reason}.</p>`;

/** To `digits` significant digits, without an exponent if that is readable. */
export function digitsOf(value: number, digits = 5): string {
  if (!Number.isFinite(value)) return '–';
  if (Number.isInteger(value)) return value.toLocaleString('en').replace('-', '−');
  return value.toPrecision(digits).replace('-', '−');
}

/** Greek letters stay as they are: a capital μ is not a μ. */
export const capitalized = (text: string): string => text.replace(/^[a-z]/, (letter) => letter.toUpperCase());
