import type { Raster } from '@tapegrad/plot';
import { stacked } from '@tapegrad/plot';
import { encodePngAside } from '@tapegrad/plot/node';
import type { Autoencoder } from '@tapegrad/vae';
import { type CodeSummary, heldOutDigits, type PictureResult, Subject } from '@tapegrad/vae';
import type { Dataset } from '../data/dataset.ts';
import { metricCurves, metricNames } from '../report/curves.ts';
import { drawCurves, drawPicture } from './draw.ts';
import type { RunConfig } from './run.ts';
import type { RunFolder } from './run-folder.ts';

/** A model with the images that its pictures show, if any are needed. */
export const subjectOf = (model: Autoencoder, data: Dataset | undefined, summary?: CodeSummary): Subject =>
  new Subject(model, data, { heldOut: data && heldOutDigits(data), summary });

/** What goes before the title of every picture of a run. */
export const headingOf = ({ model, latent }: Pick<RunConfig, 'model' | 'latent'>): string =>
  `${model} (d = ${latent})`;

/** Writes `images/<name>.png` and returns its path. */
export async function writePicture(folder: RunFolder, name: string, raster: Raster): Promise<string> {
  folder.writeImage(`${name}.png`, await encodePngAside(raster));
  return folder.file(`images/${name}.png`);
}

/** Writes the pictures that could be made, and the learning curves. */
export async function writePictures(
  folder: RunFolder,
  all: Readonly<Record<string, PictureResult>>,
  heading: string,
): Promise<void> {
  // The next picture is drawn while another thread compresses the last one.
  let written: Promise<unknown> = Promise.resolve();
  for (const [name, picture] of Object.entries(all)) {
    if (picture.kind === 'absent') continue;
    const raster = await drawPicture(picture, heading);
    await written;
    written = writePicture(folder, name, raster);
    written.catch(() => {}); // reported when it is awaited
  }
  await written;
  await writeCurves(folder, heading);
}

/** The learning curves, one chart below the other, of a run that has completed an epoch: `images/curves.png`. */
export async function writeCurves(folder: RunFolder, heading: string): Promise<string | undefined> {
  const records = folder.readMetrics();
  const charts: Raster[] = [];
  for (const name of metricNames(records))
    charts.push(await drawCurves(metricCurves(records, name), `${heading}: ${name}`));
  return charts.length > 0 ? writePicture(folder, 'curves', stacked(charts)) : undefined;
}

/** The file of an epoch's reconstructions, without its ending. */
export const epochPicture = (epoch: number): string =>
  `reconstructions-epoch-${String(epoch).padStart(3, '0')}`;
