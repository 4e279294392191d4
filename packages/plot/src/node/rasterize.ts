import type { Spec } from 'vega';
import type { Raster } from '../pixels.ts';
import { type Drawing, drawn, FONT, type Measure } from '../svg.ts';
import { fontsFor } from './font.ts';

/** Pixels of a picture per CSS pixel, for today's screens. */
export const ZOOM = 2;

/** An SVG as pixels on white, in the packed font. */
export async function rasterized({ svg }: Pick<Drawing, 'svg'>, zoom: number = ZOOM): Promise<Raster> {
  const { Resvg } = await import('@resvg/resvg-js');
  const options = {
    fitTo: { mode: 'zoom', value: zoom },
    background: '#ffffff',
    font: fontsFor(svg),
  } as const;
  const { width, height, pixels } = new Resvg(svg, options).render();
  const data = new Uint8Array(width * height * 3);
  for (let i = 0, k = 0; i < data.length; i += 3, k += 4) {
    data[i] = pixels[k]!;
    data[i + 1] = pixels[k + 1]!;
    data[i + 2] = pixels[k + 2]!;
  }
  return { width, height, data };
}

/** Widths at size 1, by weight and text: charts repeat the same numbers over and over. */
const known = new Map<string, number>();

/** How wide text is in the packed font. */
export async function textMeasure(): Promise<Measure> {
  const { Resvg } = await import('@resvg/resvg-js');
  return (text, size, weight) => {
    const key = `${weight} ${text}`;
    let width = known.get(key);
    if (width === undefined) {
      const svg = `<svg xmlns="http://www.w3.org/2000/svg"><text font-family="${FONT}" font-size="100" font-weight="${weight}">${escaped(text)}</text></svg>`;
      width = (new Resvg(svg, { font: fontsFor(text) }).getBBox()?.width ?? 0) / 100;
      known.set(key, width);
    }
    return width * size;
  };
}

/** A chart with exact room for its text. */
export const drawnExactly = async (spec: Spec): Promise<Drawing> => drawn(spec, await textMeasure());

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
