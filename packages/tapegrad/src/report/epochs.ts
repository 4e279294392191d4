import { existsSync, readFileSync } from 'node:fs';
import { decodePng, imagesOf, pngUri, tiles } from '@tapegrad/plot';
import { attempt } from '../errors.ts';
import type { MetricsRecord } from '../run/metrics-log.ts';
import type { RunFolder } from '../run/run-folder.ts';
import { epochPicture } from '../run/run-pictures.ts';
import { digitsOf, type ShownSheet, sheetBlock } from './blocks.ts';
import type { Frame } from './client/types.ts';
import { epochsOf } from './curves.ts';
import { html, type Markup } from './markup.ts';
import { rasterUri } from './png.ts';

/** Positions of the slider at most. */
const MOST_EPOCHS = 40;

/** The reconstructions that the epochs left, for a slider. */
export interface EpochFrames {
  readonly frames: readonly Frame[];
  /** The last of them, with the text around it; undefined if the pictures do not record where their images lie. */
  readonly sheet?: ShownSheet;
}

/** All epochs, or, of very many, some, evenly from the first to the last. Only the images, if a picture records where they lie. */
export function epochFrames(folder: RunFolder, records: readonly MetricsRecord[]): EpochFrames {
  const path = (epoch: number) => folder.file(`images/${epochPicture(epoch)}.png`);
  const epochs = epochsOf(records).filter(({ epoch }) => existsSync(path(epoch)));
  const count = Math.min(MOST_EPOCHS, epochs.length);
  const shown = Array.from(
    { length: count },
    (_, i) => epochs[count === 1 ? 0 : Math.round((i * (epochs.length - 1)) / (count - 1))]!,
  );
  const read = shown.map(({ epoch, test }) => {
    const file = path(epoch);
    const png = attempt(`${file}: cannot read it`, () => new Uint8Array(readFileSync(file)));
    const raster = attempt(`${file}: broken`, () => decodePng(png));
    const label = `${epoch}: test loss ${digitsOf(test.loss ?? Number.NaN, 4)}`;
    return { png, raster, images: imagesOf(raster), label };
  });
  // All or none: pictures of different layouts would jump.
  const whole = read.every(({ images }) => images);
  const frames = read.map(({ png, raster, images, label }) => ({
    source: whole ? rasterUri(tiles(images!, raster.grid!.columns, 1)) : pngUri(png),
    label,
    alt: `held-out images and what the model made of them after epoch ${label}`,
  }));
  const last = read.at(-1);
  if (!last?.raster.grid || !whole) return { frames };
  const { columns, shape, rowLabels, columnLabels } = last.raster.grid;
  const caption = frames.at(-1)!.alt;
  const sheet = {
    pixels: last.images!.pixels,
    columns,
    shape,
    rowLabels,
    columnLabels,
    title: 'held-out images',
    caption,
  };
  return { frames, sheet };
}

/** A slider over epochs, with the last one's images. */
export function epochsBlock({ frames, sheet }: EpochFrames): Markup {
  const last = frames.at(-1)!;
  const picture = sheet
    ? sheetBlock(sheet)
    : html`<div class="paper"><img src="${last.source}" alt="${last.alt}"></div>`;
  const slider =
    frames.length > 1
      ? html`<label>epoch <input type="range" min="0" max="${frames.length - 1}" step="1" value="${frames.length - 1}"> <output>${last.label}</output></label>`
      : html`<p>After epoch <output>${last.label}</output>.</p>`;
  return html`<div class="slider" id="epochs">${picture}${slider}</div>`;
}
