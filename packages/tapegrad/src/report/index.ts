import type { PictureName } from '@tapegrad/vae';
import { heldOutDigits, SHOWN } from '@tapegrad/vae';
import type { RunFolder } from '../run/run-folder.ts';
import { capitalized, digitsOf, type Section } from './blocks.ts';
import { chartsBlock, pictureBlock } from './chart-blocks.ts';
import type { PageData } from './client/types.ts';
import { cloudBlock, cloudData } from './cloud-block.ts';
import { metricCurves, metricNames } from './curves.ts';
import { epochFrames } from './epochs.ts';
import { exploreBlock, livingData, padBlock } from './living.ts';
import { html } from './markup.ts';
import { renderPage } from './page.ts';
import { spriteOf } from './png.ts';
import type { ReportedRun, RunPictures } from './reported-run.ts';
import { dateBlock, detailsBlock, resultBlock } from './result.ts';

export { assembleAhead } from './page.ts';
export type { ReportedRun } from './reported-run.ts';

/** Writes `report.html`, which shows everything about a run, and returns its path. */
export async function writeReport(
  folder: RunFolder,
  run: ReportedRun,
  pictures: RunPictures,
): Promise<string> {
  folder.writeAtomically('report.html', await reportPage(folder, run, pictures));
  return folder.file('report.html');
}

/** The sections below the result, in reading order. */
const order: readonly PictureName[] = [
  'scatter',
  'principal',
  'posteriors',
  'kl',
  'histograms',
  'traversals',
  'latent-grid',
  'manifold',
  'interpolation',
];

async function reportPage(folder: RunFolder, run: ReportedRun, pictures: RunPictures): Promise<string> {
  const { config, spec } = run;
  const records = folder.readMetrics();
  const charts = metricNames(records).map((name) => ({
    id: `curve-${name}`,
    title: name,
    ...(name === 'loss' && { note: spec.units(config) }),
    curves: metricCurves(records, name),
  }));
  const epochs = epochFrames(folder, records);
  const clouds = order.flatMap((name) => {
    const picture = pictures[name];
    return picture.kind === 'cloud' ? [[name, picture] as const] : [];
  });
  const data: PageData = {
    curves: Object.fromEntries(charts.map(({ id, curves }) => [id, curves])),
    clouds: Object.fromEntries(clouds.map(([name, cloud]) => [`cloud-${name}`, cloudData(cloud)])),
    sliders: epochs.frames.length > 0 ? { epochs: epochs.frames } : {},
    ...(clouds.length > 0 && sprites(run)),
  };
  const living = run.subject && (await livingData(run, run.subject, pictures));
  const sections: Section[] = [
    { id: 'result', title: 'Result', body: resultBlock(run, records, pictures, epochs) },
    ...(living ? [{ id: 'living', title: 'Explore', body: exploreBlock(living), isLiving: true }] : []),
    { id: 'options', title: 'Options and metrics', body: detailsBlock(run, records) },
    { id: 'curves', title: 'Learning curves', body: await chartsBlock(charts) },
  ];
  for (const name of order) {
    const shown = pictures[name];
    const words =
      'caption' in shown ? html`<p>${shown.caption}${shown.kind === 'cloud' ? hints : ''}</p>` : '';
    const body = shown.kind === 'cloud' ? cloudBlock(`cloud-${name}`, shown) : await pictureBlock(shown);
    const pad = name === 'posteriors' && shown.kind === 'densities' && living ? padBlock(living) : '';
    sections.push({ id: name, title: capitalized(shown.title), body: html`${words}${pad}${body}` });
  }
  const date = dateBlock(folder);
  return await renderPage({
    title: `${config.model} on ${config.data}`,
    summary: html`<p>${spec.summary}. ${run.model.latentShape.join('x')} latent dimensions, ${digitsOf(config.parameters)} parameters, ${run.data.train.count.toLocaleString('en')} training images.${date && html` Trained ${date}.`}</p>`,
    sections: sections.map((section) => ({ ...section, id: `section-${section.id}` })),
    data,
    ...(living && { living }),
  });
}

/** How to use a plane of points with a mouse, and with fingers. */
const hints = html` <span class="for-mouse">Point at a dot to see its image. Drag to move, zoom with the buttons or with Ctrl and the wheel, double-click to see all again.</span><span class="for-touch">Tap a dot to see its image. Zoom with the buttons or two fingers, drag sideways to move.</span>`;

/** Small images for the points of the clouds, and the held-out images at full size. */
function sprites({ data }: ReportedRun): Pick<PageData, 'thumbnails' | 'heldOut'> {
  const { shape } = data;
  const size = shape[0] * shape[1] * shape[2];
  const count = Math.min(SHOWN, data.train.count);
  const indices = heldOutDigits(data);
  const heldOut = new Uint8Array(indices.length * size);
  indices.forEach((index, k) => {
    heldOut.set(data.test.images.subarray(index * size, (index + 1) * size), k * size);
  });
  return {
    thumbnails: spriteOf({ pixels: data.train.images.subarray(0, count * size), shape }, true),
    heldOut: spriteOf({ pixels: heldOut, shape }),
  };
}
