import { barChart, densityChart, histogramChart, hundredths, inlined, lineChart } from '@tapegrad/plot';
import { drawnExactly } from '@tapegrad/plot/node';
import type { Bars, Cloud, Densities, Histograms, PictureResult } from '@tapegrad/vae';
import { absentBlock, sheetBlock } from './blocks.ts';
import type { Curves } from './client/types.ts';
import { PANEL } from './living.ts';
import { html, Markup } from './markup.ts';

/** Charts of a page: the same SVG as in the PNG files, in the page's font and colours. */

type Spec = ReturnType<typeof barChart>;

/** @param label what the chart shows, to be read aloud */
const svg = async (spec: Spec, label: string): Promise<Markup> =>
  new Markup(inlined(await drawnExactly({ ...spec, padding: 6 }), label));

/** Panels that flow into as many columns as there is room for. */
async function panels(drawn: readonly Promise<Markup>[], kind: string): Promise<Markup> {
  return html`<div class="panels ${kind}">${(await Promise.all(drawn)).map((panel) => html`<div>${panel}</div>`)}</div>`;
}

function histogramsBlock({ rows }: Histograms): Promise<Markup> {
  const said = ({ name, cells }: Histograms['rows'][number]) =>
    `${name}: ${cells.map((cell) => `${cell.name} ${hundredths(cell.mean)} ± ${hundredths(cell.std)}`).join(', ')}`;
  return panels(
    rows.map((row) => svg(histogramChart([row], { width: 150, height: 44 }), said(row))),
    rows[0] && rows[0].cells.length > 1 ? 'pairs' : 'singles',
  );
}

async function densitiesBlock({ rows, names, ...rest }: Densities): Promise<Markup> {
  const shown = await panels(
    rows.map((row) =>
      svg(
        densityChart([row], { ...rest, names, title: undefined, ...PANEL, key: false }),
        `posteriors in ${row.name}, ${row.detail}`,
      ),
    ),
    'singles',
  );
  const key = names.map(
    ({ name, color }) =>
      html`<li><span class="stroke" style="background: var(--class-${color % 10})"></span>${name}</li>`,
  );
  return html`<ul class="key" aria-label="images">${key}<li><span class="stroke area"></span>${rest.behind.name}</li></ul>${shown}`;
}

/** At two widths, since text in a chart that shrinks becomes unreadable. */
async function barsBlock({ rows, unit, marks, title }: Bars): Promise<Markup> {
  const said = `${title}: ${rows.map(({ name, value }) => `${name} ${hundredths(value)} ${unit}`).join(', ')}`;
  const [wide, narrow] = await Promise.all(
    [560, 190].map((width) => svg(barChart(rows, { unit, marks, width }), said)),
  );
  return html`<div class="sized"><div class="wide">${wide}</div><div class="narrow">${narrow}</div></div>`;
}

/** Any picture that needs no data of its own in the script. */
export async function pictureBlock(picture: Exclude<PictureResult, Cloud>): Promise<Markup> {
  switch (picture.kind) {
    case 'sheet':
      return sheetBlock(picture);
    case 'histograms':
      return histogramsBlock(picture);
    case 'densities':
      return densitiesBlock(picture);
    case 'bars':
      return barsBlock(picture);
    case 'absent':
      return absentBlock(picture);
  }
}

/** Curves with a heading. */
export interface Chart {
  /** The id of the element that the script looks for. */
  readonly id: string;
  readonly title: string;
  /** Text below the heading. */
  readonly note?: string;
  readonly curves: Curves;
}

/** Line charts side by side. @param words text about all of them */
export async function chartsBlock(charts: readonly Chart[], words = ''): Promise<Markup> {
  if (charts.length === 0) return html`<p class="note">No epoch is complete yet.</p>`;
  const figures: Markup[] = [];
  for (const { id, title, note, curves } of charts) {
    const label = `${title} over ${curves.xLabel}`;
    figures.push(
      html`<figure><figcaption><h3>${title}</h3>${note && html`<p>${note}</p>`}</figcaption><div class="curves" id="${id}" role="img" aria-label="${label}">${await curvesSvg(curves, label)}</div></figure>`,
    );
  }
  return html`<p>${words} <span class="for-mouse">Drag along a curve to zoom in, double-click to see all again; the values below a chart are those at the pointer.</span><span class="for-touch">The values below a chart are those where you tap.</span> A click on a name hides its curve.</p><div class="charts">${figures}</div>`;
}

/** A line chart as shown without the page's script, which replaces it by an interactive one. */
function curvesSvg({ curves, xLabel, yLabel }: Curves, label: string): Promise<Markup> {
  const series = curves.map((curve) => ({ ...curve, y: curve.y.map((value) => value ?? Number.NaN) }));
  return svg(lineChart(series, { xLabel, yLabel, width: 440, height: 210 }), label);
}
