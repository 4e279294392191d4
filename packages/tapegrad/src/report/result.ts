import { statSync } from 'node:fs';
import type { MetricsRecord } from '../run/metrics-log.ts';
import { type RunFolder, runFiles } from '../run/run-folder.ts';
import { absentBlock, digitsOf, sheetBlock, table } from './blocks.ts';
import { commandOf, optionsOf } from './command.ts';
import { epochsOf, type StoredEpoch } from './curves.ts';
import { type EpochFrames, epochsBlock } from './epochs.ts';
import { html, type Markup } from './markup.ts';
import type { ReportedRun, RunPictures } from './reported-run.ts';

/** The beginning of a page: the result, and how to get it again. */

/** A figure to be read at a glance. */
interface Figure {
  readonly value: string;
  readonly name: string;
  /** Smaller text below it. */
  readonly note?: string;
}

/** The three most telling figures of a run, of those that its model has. */
function figuresOf(
  { config, spec, model, data }: ReportedRun,
  records: readonly MetricsRecord[],
  pictures: RunPictures,
): Figure[] {
  const epochs = epochsOf(records);
  const last = epochs.at(-1);
  const bits = (value: number | null | undefined, digits = 4) => digitsOf(value ?? Number.NaN, digits);
  const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  const { kl } = pictures;
  const figures: Figure[] = [];
  if (last?.nats?.elbo != null)
    figures.push({
      value: bits(last.nats.elbo),
      name: 'ELBO of the test set',
      note: 'nats per image; higher is better',
    });
  if (last) figures.push({ value: bits(last.test.loss), name: 'test loss', note: spec.units(config) });
  if (kl.kind === 'bars') {
    const active = kl.rows.filter(({ marked }) => marked).length;
    figures.push({ value: `${active} of ${kl.rows.length}`, name: 'active latent dimensions' });
  }
  if (last?.test.perplexity != null)
    figures.push({
      value: bits(last.test.perplexity, 3),
      name: 'perplexity of the codes',
      note: `of ${config.codes}`,
    });
  if (last && seconds > 0) {
    const images = Math.round((data.train.count * epochs.length) / seconds);
    figures.push({
      value: durationOf(seconds),
      name: 'training time',
      note: `${digitsOf(images)} images a second`,
    });
  }
  figures.push({
    value: digitsOf(config.parameters),
    name: 'parameters',
    note: `${model.latentShape.join('x')} numbers a code`,
  });
  return figures.slice(0, 3);
}

/** Samples, the held-out images, three figures and the command. */
export function resultBlock(
  run: ReportedRun,
  records: readonly MetricsRecord[],
  pictures: RunPictures,
  epochs: EpochFrames,
): Markup {
  const { config, spec, data } = run;
  const { samples, reconstructions } = pictures;
  const figures = figuresOf(run, records, pictures).map(
    ({ value, name, note }) =>
      html`<div><dt>${name}</dt><dd><strong>${value}</strong>${note && html` <small>${note}</small>`}</dd></div>`,
  );
  const reconstructed =
    epochs.frames.length > 0
      ? epochsBlock(epochs)
      : reconstructions.kind === 'sheet'
        ? sheetBlock(reconstructions)
        : '';
  const sampled =
    samples.kind === 'absent' ? absentBlock(samples) : samples.kind === 'sheet' ? sheetBlock(samples) : '';
  const command = commandOf(config.model, optionsOf(config, spec, data.normalization));
  return html`<div class="result"><div><h3>Samples</h3><p>${'caption' in samples ? samples.caption : ''}</p>${sampled}</div><div><dl class="figures">${figures}</dl><h3>Reconstructions</h3><p>${
    'caption' in reconstructions ? reconstructions.caption : ''
  }</p>${reconstructed}<h3>The same run again</h3><div class="command"><pre tabindex="0"><code>${command}</code></pre><button type="button" data-copy>copy</button></div></div></div>`;
}

/** Options that differ from the defaults; all options and metrics folded away. */
export function detailsBlock(
  { config, spec, model, data }: ReportedRun,
  records: readonly MetricsRecord[],
): Markup {
  const options = optionsOf(config, spec, data.normalization);
  const rows = (list: typeof options) => list.map(({ flag, value }) => [flag, value] as const);
  const differing = options.filter(({ differs }) => differs);
  const epochs = epochsOf(records);
  const few =
    differing.length > 0
      ? html`<p>Options that differ from the defaults of <code>${config.model}</code>:</p>${table(rows(differing), 'options that differ from the defaults')}`
      : html`<p>All options have the defaults of <code>${config.model}</code>.</p>`;
  return html`${few}<details><summary>All options, and what the run rests on</summary>${table([...rows(options), ...factsOf(config)], 'all options')}</details><details><summary>All metrics of the last epoch</summary>${table(metricRows(epochs, { config, spec, model }), 'metrics')}</details>`;
}

function metricRows(
  epochs: readonly StoredEpoch[],
  { config, spec, model }: Pick<ReportedRun, 'config' | 'spec' | 'model'>,
): (readonly [string, string])[] {
  const last = epochs.at(-1);
  const said = (values: Readonly<Record<string, number | null>> = {}, title: (name: string) => string) =>
    Object.entries(values).map(([name, value]) => [title(name), digitsOf(value ?? Number.NaN)] as const);
  const { effectiveBeta } = model;
  return [
    ...said(last?.test, (name) => `test ${name}`),
    ...said(last?.train, (name) => `training ${name}`),
    ...said(last?.nats, (name) => `${name}, nats per image`),
    ['loss is', spec.units(config)],
    ...(effectiveBeta === undefined ? [] : [['effective β', digitsOf(effectiveBeta, 4)] as const]),
    ['epochs', `${last?.epoch ?? 0} of ${config.epochs}`],
    ['steps', digitsOf(last?.step ?? 0)],
    ['training time', durationOf(epochs.reduce((sum, { seconds }) => sum + seconds, 0))],
  ];
}

/** Facts that are not options. */
function factsOf({ imageShape, adapter, versions, parameters }: ReportedRun['config']): [string, string][] {
  const named = Object.entries(versions ?? {}).map(([name, version]) => `${name} ${version}`);
  return [
    ['images', imageShape?.join(' x ') ?? ''],
    ['parameters', digitsOf(parameters)],
    ['adapter', [adapter?.name, adapter?.driver].filter(Boolean).join(', ')],
    ['versions', named.join(', ')],
  ];
}

/** When the run wrote its last metrics, as an element that says it in words. */
export function dateBlock(folder: RunFolder): Markup | undefined {
  if (!folder.has(runFiles.metrics)) return undefined;
  const time = statSync(folder.file(runFiles.metrics)).mtime;
  const words = time.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' });
  return html`<time datetime="${time.toISOString()}">${words}</time>`;
}

/** Seconds in words. */
function durationOf(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
