import { existsSync, readFileSync } from 'node:fs';
import { pngUri } from '@tapegrad/plot';
import type { Autoencoder, PictureName, PictureResult } from '@tapegrad/vae';
import { flagOf, type ModelSpec, SHOWN } from '@tapegrad/vae';
import type { Dataset } from '../data/dataset.ts';
import { heldOutDigits } from '../data/datasets.ts';
import { attempt } from '../errors.ts';
import { type RunConfig, storedConfig } from '../run/run.ts';
import type { MetricsRecord, RunFolder } from '../run/run-folder.ts';
import { epochPicture } from '../run/run-pictures.ts';
import { cloudBlock, cloudData, digitsOf, pictureBlock, type Section, table } from './blocks.ts';
import type { Frame, PageData } from './client/types.ts';
import { epochsOf, metricCurves, metricNames } from './curves.ts';
import { html, type Markup } from './markup.ts';
import { renderPage } from './page.ts';
import { spriteOf } from './png.ts';

export interface ReportedRun {
  readonly config: RunConfig;
  readonly spec: ModelSpec;
  readonly model: Autoencoder;
  readonly data: Dataset;
}

/** The most positions of the slider. */
const MOST_EPOCHS = 40;

/** Writes `report.html`, which shows everything there is to see of a run, and returns its path. */
export function writeReport(
  folder: RunFolder,
  run: ReportedRun,
  pictures: Readonly<Record<PictureName, PictureResult>>,
): string {
  folder.writeAtomically('report.html', reportPage(folder, run, pictures));
  return folder.file('report.html');
}

function reportPage(
  folder: RunFolder,
  run: ReportedRun,
  pictures: Readonly<Record<PictureName, PictureResult>>,
): string {
  const { config, spec } = run;
  const records = folder.readMetrics();
  const units = spec.units(config);
  const names = metricNames(records);
  const frames = epochFrames(folder, records);
  const clouds = (['scatter', 'principal'] as const).flatMap((name) => {
    const picture = pictures[name];
    return picture.kind === 'cloud' ? [[name, picture] as const] : [];
  });
  const data: PageData = {
    curves: Object.fromEntries(names.map((name) => [`curve-${name}`, metricCurves(records, name)])),
    clouds: Object.fromEntries(clouds.map(([name, cloud]) => [`cloud-${name}`, cloudData(cloud)])),
    sliders: frames.length > 0 ? { epochs: frames } : {},
    ...(clouds.length > 0 && sprites(run)),
  };
  const picture = (name: PictureName, id: string = name): Section => {
    const shown = pictures[name];
    const body = shown.kind === 'cloud' ? cloudBlock(`cloud-${name}`, shown) : pictureBlock(shown);
    const caption = shown.kind === 'absent' ? undefined : html`<p>${shown.caption}${hintFor(shown.kind)}</p>`;
    return { id, title: capitalized(shown.title), body: html`${caption}${body}` };
  };
  return renderPage({
    title: `${config.model} on ${config.data}`,
    summary: html`<p>${spec.summary}. ${run.model.latentShape.join('x')} latent dimensions, ${digitsOf(config.parameters)} parameters, ${run.data.train.count.toLocaleString('en')} training images.</p>`,
    sections: [
      { id: 'metrics', title: 'Metrics and options', body: metricsBlock(records, run) },
      { id: 'curves', title: 'Learning curves', body: curvesBlock(names, units) },
      ...(frames.length > 0
        ? [{ id: 'epochs', title: 'Reconstructions by epoch', body: sliderBlock(frames) }]
        : []),
      ...(frames.length > 0 ? [] : [picture('reconstructions')]),
      picture('samples'),
      picture('latent-grid'),
      picture('manifold'),
      picture('traversals'),
      picture('interpolation'),
      picture('scatter'),
      picture('principal'),
      picture('histograms'),
      picture('kl'),
    ].map((section) => ({ ...section, id: `section-${section.id}` })),
    data,
  });
}

const hintFor = (kind: PictureResult['kind']): string =>
  kind === 'cloud'
    ? ' Point at a dot to see its image. Drag to move, zoom with the buttons or with Ctrl and the wheel, double-click to see all again.'
    : '';

/** Greek letters stay as they are: a capital μ would not be read as μ. */
const capitalized = (text: string): string => text.replace(/^[a-z]/, (letter) => letter.toUpperCase());

function curvesBlock(names: readonly string[], units: string): Markup {
  if (names.length === 0) return html`<p class="note">No epoch is complete yet.</p>`;
  return html`<p>Drag along a curve to zoom in, double-click to see all again; the values below a chart are those at the pointer. A click on a name hides its curve.</p><div class="charts">${names.map(
    (name) =>
      html`<figure><h3>${name === 'loss' ? `loss: ${units}` : name}</h3><div class="curves" id="curve-${name}" role="img" aria-label="${name} over optimizer steps"></div></figure>`,
  )}</div>`;
}

function sliderBlock(frames: readonly Frame[]): Markup {
  const last = frames.at(-1)!;
  return html`<p>Images of the test set, and what the model makes of them.</p><div class="slider" id="epochs"><label>epoch <input type="range" min="0" max="${frames.length - 1}" step="1" value="${frames.length - 1}"> <output>${last.label}</output></label><div class="paper"><img src="${last.source}" alt="${last.alt}"></div></div>`;
}

/** The pictures that the epochs left; if there are very many, an even selection from the first to the last. */
function epochFrames(folder: RunFolder, records: readonly MetricsRecord[]): Frame[] {
  const epochs = epochsOf(records).filter(({ epoch }) => existsSync(pathOf(folder, epoch)));
  const count = Math.min(MOST_EPOCHS, epochs.length);
  const shown = Array.from(
    { length: count },
    (_, i) => epochs[count === 1 ? 0 : Math.round((i * (epochs.length - 1)) / (count - 1))]!,
  );
  return shown.map(({ epoch, test }) => {
    const label = `${epoch}: test loss ${digitsOf(test.loss ?? Number.NaN, 4)}`;
    const path = pathOf(folder, epoch);
    const png = attempt(`${path}: cannot read it`, () => readFileSync(path));
    return {
      source: pngUri(png),
      label,
      alt: `held-out images and what the model made of them after epoch ${label}`,
    };
  });
}

const pathOf = (folder: RunFolder, epoch: number) => folder.file(`images/${epochPicture(epoch)}.png`);

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
    thumbnails: spriteOf({ pixels: data.train.images.subarray(0, count * size), shape }),
    heldOut: spriteOf({ pixels: heldOut, shape }),
  };
}

function metricsBlock(records: readonly MetricsRecord[], { config, spec, model }: ReportedRun): Markup {
  const epochs = epochsOf(records);
  const last = epochs.at(-1);
  const metrics = Object.entries(last?.test ?? {}).map(
    ([name, value]) => [`test ${name}`, digitsOf(value ?? Number.NaN)] as const,
  );
  const nats = Object.entries(last?.nats ?? {}).map(
    ([name, value]) => [`${name}, nats per image`, digitsOf(value ?? Number.NaN)] as const,
  );
  const { effectiveBeta } = model;
  const rest: (readonly [string, string])[] = [
    ['loss is', spec.units(config)],
    ['training loss', digitsOf(last?.train.loss ?? Number.NaN)],
    ...(effectiveBeta === undefined ? [] : [['effective β', digitsOf(effectiveBeta, 4)] as const]),
    ['epochs', `${last?.epoch ?? 0} of ${config.epochs}`],
    ['steps', digitsOf(last?.step ?? 0)],
    ['training time', `${epochs.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1)} s`],
  ];
  return html`<div class="tables"><div><h3>Metrics</h3>${table([...metrics, ...nats, ...rest], 'metrics')}</div><div><h3>Options</h3>${table(optionRows(config, spec), 'options')}</div></div>`;
}

/** What `config.json` holds, in the words of the command line. */
export function optionRows(config: RunConfig, spec: ModelSpec): [string, string][] {
  const {
    model,
    data,
    checksums: _,
    dataPaths: __,
    parameters: ___,
    imageShape,
    adapter,
    versions,
    ...options
  } = storedConfig(config, spec);
  const rows = Object.entries({ model, data, ...options }).map(([name, value]): [string, string] => [
    flagOf(name),
    value === null ? 'all' : String(value),
  ]);
  const named = Object.entries(versions ?? {}).map(([name, version]) => `${name} ${version}`);
  return [
    ...rows,
    ['images', imageShape?.join(' x ') ?? ''],
    ['adapter', [adapter?.name, adapter?.driver].filter(Boolean).join(', ')],
    ['versions', named.join(', ')],
  ];
}
