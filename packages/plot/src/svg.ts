import type { Config, Spec } from 'vega';
import { classColors, faint, ink, soft } from './colors.ts';

/** A chart as an SVG document, with its size in CSS pixels. */
export interface Drawing {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
}

/** Width in pixels of a line of text. */
export type Measure = (text: string, size: number, weight: number) => number;

/** The family of all text; the package has its files. */
export const FONT = 'Inter';

/** What all charts have in common. */
const config: Config = {
  axis: {
    domainColor: soft,
    gridColor: faint,
    labelColor: ink,
    labelFont: FONT,
    labelFontSize: 12,
    tickColor: soft,
    tickSize: 4,
    titleColor: ink,
    titleFont: FONT,
    titleFontSize: 13,
    titleFontWeight: 400,
    titlePadding: 8,
  },
  // Charts one below the other begin at the same place.
  axisLeft: { minExtent: 36 },
  legend: {
    labelColor: ink,
    labelFont: FONT,
    labelFontSize: 12,
    labelLimit: 0,
    symbolOpacity: 1,
  },
  title: {
    anchor: 'start',
    color: ink,
    font: FONT,
    fontSize: 15,
    fontWeight: 600,
    limit: 0,
    offset: 10,
  },
  text: { font: FONT, fontSize: 12, fill: ink },
};

/**
 * Draws a chart. It takes no DOM: Vega writes SVG as text.
 * @param measure how wide text is; without it Vega guesses, on the wide side
 */
export async function drawn(spec: Spec, measure?: Measure): Promise<Drawing> {
  // Loading takes a tenth of a second, which commands that draw no chart save.
  const vega = await import('vega');
  const { textMetrics } = vega as unknown as { textMetrics: { width: unknown; estimateWidth: unknown } };
  textMetrics.width = measure
    ? (item: { text?: unknown; fontSize?: number; fontWeight?: number }, text: unknown = item.text) =>
        measure(String(text ?? ''), item.fontSize ?? 11, Number(item.fontWeight ?? 400))
    : textMetrics.estimateWidth;
  const view = new vega.View(vega.parse({ padding: 12, ...spec }, config), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  const [, width = '', height = ''] = /<svg[^>]*? width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? [];
  return { svg, width: Number(width), height: Number(height) };
}

/**
 * The same for a page: the chart shrinks with its room, takes the page's font, and takes its colours from CSS variables
 * (`--ink`, `--soft`, `--faint`, `--class-0` … `--class-9`), so that it follows light and dark.
 * @param label what it shows, to be read aloud
 */
export function inlined({ svg, width, height }: Drawing, label: string): string {
  const names = new Map<string, string>([
    [ink, 'ink'],
    [soft, 'soft'],
    [faint, 'faint'],
    ...classColors.map((color, i): [string, string] => [color, `class-${i}`]),
  ]);
  const body = svg
    .slice(svg.indexOf('>', svg.indexOf('<svg')) + 1)
    .replaceAll(/"(#[0-9a-f]{6})"/g, (whole, color) =>
      names.has(color) ? `"var(--${names.get(color)})"` : whole,
    )
    .replaceAll(` font-family="${FONT}"`, '')
    // The label says what the chart shows; its parts are not read aloud.
    .replaceAll(/ (aria-\w+|role|class|pointer-events)="[^"]*"/g, '')
    .replaceAll(/<path d="[^"]*"( display="none")?\/>/g, (path) => (path.includes('fill=') ? path : ''));
  return (
    `<svg viewBox="0 0 ${width} ${height}" style="max-width: ${width}px" role="img" aria-label="${escaped(label)}">` +
    body
  );
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
