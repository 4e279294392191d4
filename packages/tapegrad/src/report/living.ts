import { deflateRawSync } from 'node:zlib';
import { readTensors } from '@tapegrad/nn';
import { DENSITY_TOP } from '@tapegrad/plot';
import { type Densities, NoPicture, type Subject } from '@tapegrad/vae';
import { packedHalves } from './client/living/halves.ts';
import type { LivingData, PanelLayout } from './client/living/types.ts';
import { html, type Markup } from './markup.ts';
import type { ReportedRun, RunPictures } from './reported-run.ts';

/** The most characters that packed weights may take in a page. */
const MOST_WEIGHTS = 4e6;
/** The most dimensions that get a slider. */
const MOST_SLIDERS = 24;
/** Panels of the posteriors, as the page draws them. */
export const PANEL = { width: 150, height: 72 } as const;

/**
 * What a page needs to decode by itself; undefined if codes are not vectors, a weight is not float32, or the weights would make
 * the page too large.
 */
export async function livingData(
  { config, spec }: ReportedRun,
  subject: Subject,
  pictures: RunPictures,
): Promise<LivingData | undefined> {
  if (!subject.isVector) return undefined;
  const entries = [...(await readTensors(subject.model.stateDict()))];
  if (entries.some(([, { dtype }]) => dtype !== 'float32')) return undefined;
  const values = Float32Array.from(entries.flatMap(([, { data }]) => Array.from(data, Number)));
  const weights = deflateRawSync(packedHalves(values), { level: 9 }).toString('base64');
  if (weights.length > MOST_WEIGHTS) return undefined;
  try {
    const { center, scale } = await subject.frame();
    const options = Object.fromEntries(Object.entries(config).filter(([name]) => name in spec.defaults));
    return {
      model: config.model,
      options,
      imageShape: subject.model.imageShape,
      weights,
      tensors: entries.map(([name, { shape }]) => [name, shape]),
      order: await subject.dimensions(),
      center: Array.from(center),
      scale: Array.from(scale),
      range: 3,
      ...(pictures.posteriors.kind === 'densities' && { panels: panelsOf(pictures.posteriors) }),
    };
  } catch (error) {
    // Codes that are not finite: there is nothing to explore.
    if (error instanceof NoPicture) return undefined;
    throw error;
  }
}

function panelsOf({ rows, behind, range }: Densities): PanelLayout {
  const peak = (y: Float64Array) => y.reduce((most, value) => Math.max(most, value), 0);
  return {
    panels: rows.map(({ name, curves }) => ({
      dimension: Number(name.slice(1)),
      most: Math.max(peak(behind.y), ...curves.map(({ y }) => peak(y))),
    })),
    range,
    top: DENSITY_TOP,
    ...PANEL,
  };
}

/** Sliders, a plane and samples, for the script to fill. */
export function exploreBlock({ order, range, imageShape }: LivingData): Markup {
  const shown = order.slice(0, MOST_SLIDERS);
  const choices = (chosen: number) =>
    order.map((d) =>
      d === chosen
        ? html`<option value="${d}" selected>z${d}</option>`
        : html`<option value="${d}">z${d}</option>`,
    );
  const plane = order.slice(0, 2).sort((a, b) => a - b);
  const upwards =
    plane[1] === undefined ? '' : html` <label>upwards <select>${choices(plane[1])}</select></label>`;
  const limited =
    shown.length < order.length
      ? html`<p>The ${shown.length} most informative of ${order.length} dimensions have a slider.</p>`
      : '';
  return html`<p>The decoder is alive: it runs on this browser's GPU, with the weights that are in this file, rounded to 9 significant bits. Move through the plane with the pointer or the arrow keys; the sliders are ordered by what their dimensions tell of an image.</p><div class="living"><div class="plane-part"><div class="controls"><label>to the right <select>${choices(plane[0]!)}</select></label>${upwards}</div><div class="field-frame"><canvas class="field" tabindex="0" role="application" aria-label="images over two latent dimensions; arrow keys move"></canvas><span class="marker"></span></div></div><div class="image-part"><canvas class="decoded" role="img" aria-label="the image of the code that the sliders show" style="aspect-ratio: ${imageShape[2]} / ${imageShape[1]}"></canvas><div class="controls"><button type="button" data-random>draw from the prior</button><button type="button" data-reset>to the middle</button></div></div><div class="sliders">${shown.map(
    (d) =>
      html`<label><span class="slider-name">z${d}</span><input type="range" min="${-range}" max="${range}" step="0.01" value="0" data-dimension="${d}"><output>0.00</output></label>`,
  )}${limited}</div></div><div class="controls"><button type="button" data-samples>other samples</button></div><canvas class="drawn" role="img" aria-label="decoded draws from the prior"></canvas>`;
}

/** A pad to draw on, above the posteriors. */
export const padBlock = ({ imageShape }: LivingData): Markup | undefined =>
  imageShape[0] === 1
    ? html`<div class="pad" data-living hidden><div class="pad-part"><canvas class="pad-ground" aria-label="a pad to draw on" role="img"></canvas>Draw here: the thick curve in each panel is where the encoder sees your drawing.</div><div class="pad-part"><canvas class="pad-decoded" role="img" aria-label="what the decoder makes of the drawing"></canvas>What the decoder makes of it.</div><div class="controls"><button type="button" data-clear>clear</button><button type="button" data-explore>explore from there</button></div></div>`
    : undefined;
