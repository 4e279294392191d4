import { tiles } from '@tapegrad/plot';
import type { Bars, Cloud, Histogram, Histograms, PictureResult, Sheet } from '@tapegrad/vae';
import type { CloudData } from './client/types.ts';
import { html, type Markup } from './markup.ts';
import { rasterUri } from './png.ts';

/** Parts of a page. */

/** A section with a heading that the table of contents links to. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

export function table(rows: readonly (readonly [name: string, value: string])[], caption: string): Markup {
  return html`<table aria-label="${caption}"><tbody>${rows.map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
  )}</tbody></table>`;
}

/** Images in rows, with the text above and beside them. */
export function sheetBlock(sheet: Sheet): Markup {
  const { shape, columns, rowLabels, columnLabels, title, caption } = sheet;
  const raster = tiles(sheet, columns, 1);
  // Small images at twice their size.
  const shown = raster.width * (shape[2] < 48 ? 2 : 1);
  const numbers = rowLabels?.every((label) => label.length <= 5) ? ' numbers' : '';
  return html`<figure class="sheet"><div class="tiles" style="--columns: ${columns}; --width: ${shown}px">${
    columnLabels &&
    html`<div class="above" aria-hidden="true">${columnLabels.map((label) => html`<span>${label}</span>`)}</div>`
  }${
    rowLabels &&
    html`<div class="beside${numbers}" aria-hidden="true">${rowLabels.map((label) => html`<span>${label}</span>`)}</div>`
  }<img src="${rasterUri(raster)}" width="${raster.width}" height="${raster.height}" alt="${title}: ${altOf(sheet, caption)}"></div></figure>`;
}

function altOf({ columns, pixels, shape, rowLabels }: Sheet, caption: string): string {
  const count = pixels.length / (shape[0] * shape[1] * shape[2]);
  const rows = rowLabels && rowLabels.length <= 20 ? `; rows: ${rowLabels.join(', ')}` : '';
  return `${Math.ceil(count / columns)} rows of ${Math.min(columns, count)} images. ${caption}${rows}`;
}

/** A plane of points that the page's script fills, with its controls. */
export function cloudBlock(id: string, cloud: Cloud): Markup {
  const { labels, heldOut, caption, title } = cloud;
  const classes = [...new Set([...(labels ?? []), ...(heldOut.labels ?? [])])].sort((a, b) => a - b);
  const buttons = classes.map(
    (label) =>
      html`<button type="button" data-class="${label}" aria-pressed="false"><span class="swatch" style="background: var(--class-${label % 10})"></span>${label}</button>`,
  );
  return html`<div class="cloud" id="${id}"><div class="controls">${
    classes.length > 0 && classes.length <= 40 ? html`<span>only</span> ${buttons}` : ''
  }<button type="button" data-zoom="0.7" aria-label="zoom in">+</button><button type="button" data-zoom="1.4" aria-label="zoom out">−</button><button type="button" data-zoom="0">all</button>${
    classes.length > 0 ? html`<label><input type="checkbox" data-digits> as digits</label>` : ''
  }</div><canvas class="plane" role="img" aria-label="${title}: ${caption}"></canvas><div class="tip" hidden><canvas></canvas><span></span></div></div>`;
}

/** What the script needs of a cloud: coordinates to four digits. */
export function cloudData(cloud: Cloud): CloudData {
  const rounded = (values: Float64Array) => Array.from(values, (value) => Number(value.toPrecision(4)));
  const { points, images, labels, heldOut, xLabel, yLabel, sameUnits, title } = cloud;
  return {
    label: title,
    points: rounded(points),
    images: [...images],
    labels: labels && [...labels],
    heldOut: { points: rounded(heldOut.points), labels: heldOut.labels },
    xLabel,
    yLabel,
    sameUnits,
  };
}

export function histogramsBlock({ rows }: Histograms): Markup {
  const two = rows[0] && rows[0].cells.length > 1 ? ' two' : '';
  const ends = (rows[0]?.cells ?? []).map(
    ({ low, high }) =>
      html`<div class="ends" aria-hidden="true"><span>${fixed(low)}</span><span>${fixed(high)}</span></div>`,
  );
  return html`<div class="histograms${two}">${rows.map(
    ({ name, cells }) =>
      html`<strong>${name}</strong>${cells.map((cell, i) => histogramFigure(name, cell, i))}`,
  )}<span></span>${ends}</div>`;
}

function histogramFigure(row: string, { name, shares, mean, std, low, high }: Histogram, i: number): Markup {
  const most = Math.max(...shares, Number.MIN_VALUE);
  const width = (high - low) / shares.length;
  const bars = shares.map((share, bin) => {
    const [from, height] = [low + bin * width, (share / most) * 100];
    if (share === 0) return '';
    return html`<rect class="bin" x="${bin}" y="${(100 - height).toFixed(2)}" width="0.9" height="${height.toFixed(2)}"><title>${fixed(from)} to ${fixed(from + width)}: ${(100 * share).toFixed(1)}%</title></rect>`;
  });
  const words = `${name}: ${fixed(mean)} ± ${fixed(std)}`;
  return html`<figure${i > 0 ? html` class="second"` : ''}><figcaption>${words}</figcaption><svg viewBox="0 0 ${shares.length} 100" preserveAspectRatio="none" role="img" aria-label="histogram of ${name} of ${row}: mean ${fixed(mean)}, standard deviation ${fixed(std)}">${bars}<line class="base" x1="0" x2="${shares.length}" y1="100" y2="100"/></svg></figure>`;
}

export function barsBlock({ rows, unit, marks, title }: Bars): Markup {
  const most = Math.max(...rows.map(({ value }) => value), Number.MIN_VALUE);
  return html`<table class="bars" aria-label="${title}"><tbody>${rows.map(
    ({ name, value, marked }) =>
      html`<tr><th scope="row">${name}</th><td class="length${marked ? '' : ' unmarked'}"><div style="width: ${((100 * Math.max(0, value)) / most).toFixed(2)}%"></div></td><td>${fixed(value)} ${unit}</td><td>${marks[marked ? 0 : 1]}</td></tr>`,
  )}</tbody></table>`;
}

/** Any picture that needs no data of its own in the script. */
export function pictureBlock(picture: Exclude<PictureResult, Cloud>): Markup {
  switch (picture.kind) {
    case 'sheet':
      return sheetBlock(picture);
    case 'histograms':
      return histogramsBlock(picture);
    case 'densities':
      return html``;
    case 'bars':
      return barsBlock(picture);
    case 'absent':
      return html`<p class="note">There is no such picture of this run: ${picture.reason}.</p>`;
  }
}

export const fixed = (value: number): string => value.toFixed(2).replace('-', '−');

/** To `digits` significant digits, without an exponent if that is readable. */
export function digitsOf(value: number, digits = 5): string {
  if (!Number.isFinite(value)) return '–';
  if (Number.isInteger(value)) return value.toLocaleString('en').replace('-', '−');
  return value.toPrecision(digits).replace('-', '−');
}
