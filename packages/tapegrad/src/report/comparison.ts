import type { PictureName, PictureResult } from '@tapegrad/vae';
import type { MetricsRecord } from '../run/metrics-log.ts';
import type { OpenRun } from '../run/run.ts';
import { digitsOf, type Section } from './blocks.ts';
import { type Chart, chartsBlock, pictureBlock } from './chart-blocks.ts';
import type { Curve, PageData } from './client/types.ts';
import { epochsOf, metricNames, type StoredEpoch } from './curves.ts';
import { html, type Markup } from './markup.ts';
import { renderPage } from './page.ts';

/** The pictures by which runs are compared. */
export const compared = [
  'reconstructions',
  'samples',
  'latent-grid',
] as const satisfies readonly PictureName[];

/** One of the runs that are compared. */
export interface ComparedRun extends OpenRun {
  /** The run's folder, as it was given. */
  readonly path: string;
  /** Its difference from the others, or its folder's name. */
  readonly label: string;
  /** The options by flag, without those that say nothing about the model. */
  readonly options: ReadonlyMap<string, string | number>;
  readonly records: readonly MetricsRecord[];
  readonly last: StoredEpoch;
  readonly pictures: Readonly<Record<(typeof compared)[number], PictureResult>>;
  /** The number of active latent dimensions, if that has a meaning. */
  readonly activeUnits?: number;
}

/** Runs whose metrics are measured in the same way, and that way. */
interface Group {
  readonly id: string;
  readonly title: string;
  readonly runs: readonly ComparedRun[];
}

/** The page that compares runs. @param differing options that are not the same in all of them */
export async function comparisonPage(
  runs: readonly ComparedRun[],
  differing: readonly string[],
): Promise<string> {
  const groups = groupsOf(runs);
  const charts = groups.flatMap((group) => curveCharts(group, runs));
  const swept = sweptOption(runs, differing);
  const sweep = swept ? groups.flatMap((group) => sweepCharts(group, swept)) : [];
  const pictures = async (
    name: keyof ComparedRun['pictures'],
    id: string,
    title: string,
  ): Promise<Section> => ({
    id,
    title,
    body: await picturesBlock(
      runs.map(({ label }) => label),
      runs.map((run) => run.pictures[name]),
    ),
  });
  const sections: Section[] = [
    { id: 'options', title: 'What differs', body: optionsBlock(runs, differing) },
    { id: 'metrics', title: 'Final metrics', body: metricsBlock(runs, groups) },
    ...(swept
      ? [
          {
            id: 'sweep',
            title: `Metrics against ${swept}`,
            body: await chartsBlock(titled(sweep, groups), 'Of the last epoch, on the test set.'),
          },
        ]
      : []),
    {
      id: 'curves',
      title: 'Learning curves',
      body: await chartsBlock(
        titled(charts, groups),
        runs.length > MOST_WITH_TRAINING
          ? 'Of the test set.'
          : 'Strong lines: test set; thin lines: mean of the training epoch.',
      ),
    },
    await pictures('reconstructions', 'reconstructions', 'Reconstructions'),
    await pictures('samples', 'samples', 'Samples'),
    await pictures('latent-grid', 'latent-grid', 'Latent grids'),
  ];
  const data: PageData = {
    curves: Object.fromEntries([...sweep, ...charts].map(({ id, curves }) => [id, curves])),
    clouds: {},
    sliders: {},
  };
  return await renderPage({
    title: `${runs.length} runs compared`,
    summary: html`<p>${runs.map(({ label }) => label).join(' · ')}</p>${notesOf(runs, groups).map((note) => html`<p class="note">${note}</p>`)}`,
    sections: sections.map((section) => ({ ...section, id: `section-${section.id}` })),
    data,
  });
}

/** A picture of each run; a caption they share is shown once. */
async function picturesBlock(labels: readonly string[], pictures: readonly PictureResult[]): Promise<Markup> {
  const captions = pictures.map((picture) => (picture.kind === 'absent' ? '' : picture.caption));
  const common = new Set(captions).size === 1;
  const blocks: Markup[] = [];
  for (const [i, picture] of pictures.entries()) {
    if (picture.kind === 'cloud') continue;
    const words = common ? '' : html`<p>${captions[i]}</p>`;
    blocks.push(html`<div><h3>${swatch(i)}${labels[i]}</h3>${words}${await pictureBlock(picture)}</div>`);
  }
  return html`${common ? html`<p>${captions[0]}</p>` : ''}<div class="side-by-side">${blocks}</div>`;
}

const swatch = (i: number): Markup =>
  html`<span class="swatch" style="background: var(--class-${i % 10})"></span>`;

// -------------------------------------------------------------------------------------------- what may be compared

/** A loss and its parts are only compared if likelihood, reduction, normalization and data are the same. */
function groupsOf(runs: readonly ComparedRun[]): Group[] {
  const groups = new Map<string, ComparedRun[]>();
  for (const run of runs) {
    const { likelihood, reduction } = run.model;
    const { scale, shift } = run.model.normalization;
    const key = [
      likelihood.constructor.name,
      reduction,
      scale,
      shift,
      run.options.get('data'),
      run.config.binarize,
    ].join();
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].map((members, i) => ({
    id: `group-${i}`,
    title: members.map(({ label }) => label).join(', '),
    runs: members,
  }));
}

/** What readers must know before they draw conclusions. */
function notesOf(runs: readonly ComparedRun[], groups: readonly Group[]): string[] {
  const different = (of: (run: ComparedRun) => string) => [...new Set(runs.map(of))];
  const data = different(({ options }) => String(options.get('data')));
  const epochs = different(({ last }) => String(last.epoch));
  const units = different(({ config, spec }) => spec.units(config));
  const notes: string[] = [];
  if (data.length > 1)
    notes.push(
      `The runs have learned from different data (${data.join(', ')}): their metrics do not compare.`,
    );
  if (groups.length > 1)
    notes.push(
      'Not all runs measure their losses alike (likelihood, reduction, pixels or data differ): there are separate charts.',
    );
  if (units.length > 1)
    notes.push(`The losses are different sums (${units.join('; ')}): compare their parts, not the losses.`);
  if (epochs.length > 1)
    notes.push(`The runs were trained for different numbers of epochs (${epochs.join(', ')}).`);
  return notes;
}

// ---------------------------------------------------------------------------------------------------------- tables

function optionsBlock(runs: readonly ComparedRun[], differing: readonly string[]): Markup {
  if (differing.length === 0) return html`<p class="note">All options are the same.</p>`;
  return columnsTable(
    runs,
    differing.map((name) => [name, runs.map(({ options }) => String(options.get(name) ?? '–'))]),
    'options that differ',
  );
}

function metricsBlock(runs: readonly ComparedRun[], groups: readonly Group[]): Markup {
  const names = [...new Set(runs.flatMap(({ last }) => Object.keys(last.test)))];
  const nats = [...new Set(runs.flatMap(({ last }) => Object.keys(last.nats ?? {})))];
  const cells = (of: (run: ComparedRun) => number | null | undefined, digits?: number) =>
    runs.map((run) => {
      const value = of(run);
      return value === undefined ? '' : digitsOf(value ?? Number.NaN, digits);
    });
  const rows: [string, string[]][] = [
    ...names.map((name): [string, string[]] => [`test ${name}`, cells(({ last }) => last.test[name])]),
    ...nats.map((name): [string, string[]] => [`${name}, nats`, cells(({ last }) => last.nats?.[name])]),
    ['effective β', cells(({ model }) => model.effectiveBeta, 4)],
    ['active units', cells(({ activeUnits }) => activeUnits)],
    ['parameters', cells(({ config }) => config.parameters)],
    ['epochs', cells(({ last }) => last.epoch)],
    [
      'training time, s',
      cells(({ records }) => epochsOf(records).reduce((sum, { seconds }) => sum + seconds, 0), 4),
    ],
    ...(groups.length > 1 || new Set(runs.map(({ config, spec }) => spec.units(config))).size > 1
      ? [['loss is', runs.map(({ config, spec }) => spec.units(config))] as [string, string[]]]
      : []),
  ];
  return columnsTable(
    runs,
    rows.filter(([, values]) => values.some(Boolean)),
    'final metrics',
  );
}

function columnsTable(
  runs: readonly ComparedRun[],
  rows: readonly (readonly [name: string, values: readonly string[]])[],
  caption: string,
): Markup {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><thead><tr><td></td>${runs.map(
    ({ label }, i) => html`<th scope="col">${swatch(i)}${label}</th>`,
  )}</tr></thead><tbody>${rows.map(
    ([name, values]) =>
      html`<tr><th scope="row">${name}</th>${values.map((value) => html`<td>${value}</td>`)}</tr>`,
  )}</tbody></table></div>`;
}

// ---------------------------------------------------------------------------------------------------------- charts

/** Curves of the runs of a group. */
interface GroupChart extends Chart {
  readonly group: string;
}

/** With the names of their runs, if not all runs are in one chart. */
const titled = (charts: readonly GroupChart[], groups: readonly Group[]): Chart[] =>
  charts.map((chart) => (groups.length > 1 ? { ...chart, note: chart.group } : chart));

const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null);

/** With more runs than this, training curves would hide those of the test set. */
const MOST_WITH_TRAINING = 6;

/** A chart for each metric: the runs' curves over epochs. */
function curveCharts({ id, title, runs: members }: Group, all: readonly ComparedRun[]): GroupChart[] {
  const names = [...new Set(members.flatMap(({ records }) => metricNames(records)))];
  return names.map((name) => {
    const curves = members.flatMap(({ label, records }, i): Curve[] => {
      const epochs = epochsOf(records);
      const line = (half: 'train' | 'test') => ({
        color: all.indexOf(members[i]!),
        x: epochs.map(({ epoch }) => epoch),
        y: epochs.map((epoch) => numberOf(epoch[half][name])),
      });
      const test = { name: label, ...line('test') };
      if (all.length > MOST_WITH_TRAINING) return [test];
      return [test, { name: `${label}, training`, faint: true, ...line('train') }];
    });
    const shown = curves.filter(({ y }) => y.some((value) => value !== null));
    return {
      id: `${id}-curve-${name}`,
      title: name,
      group: title,
      curves: { xLabel: 'epochs', yLabel: name, curves: shown },
    };
  });
}

/** The numeric option by which the runs differ, if it is the only one besides the seed. */
function sweptOption(
  runs: readonly Pick<ComparedRun, 'options'>[],
  differing: readonly string[],
): string | undefined {
  const [name, ...others] = differing.filter((option) => option !== 'seed');
  if (name === undefined || others.length > 0) return undefined;
  return runs.every(({ options }) => typeof options.get(name) === 'number') ? name : undefined;
}

/** A chart for each metric: its final value against the option, with a line for each seed. */
function sweepCharts({ id, title, runs }: Group, option: string): GroupChart[] {
  const optionOf = ({ options }: ComparedRun) => options.get(option) as number;
  const values = runs.map(optionOf);
  const logX = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) >= 20;
  const seeds = [...new Set(runs.map(({ options }) => options.get('seed')))];
  const chart = (name: string, of: (run: ComparedRun) => unknown): GroupChart => {
    const curves = seeds.map((seed, i): Curve => {
      const points = runs
        .filter(({ options }) => options.get('seed') === seed)
        .sort((a, b) => optionOf(a) - optionOf(b));
      return {
        name: seeds.length > 1 ? `seed ${seed}` : name,
        color: i,
        x: points.map(optionOf),
        y: points.map((run) => numberOf(of(run))),
      };
    });
    const shown = curves.filter(({ y }) => y.some((value) => value !== null));
    return {
      id: `${id}-sweep-${name.replaceAll(/\W+/g, '-')}`,
      title: name,
      group: title,
      curves: { xLabel: option, yLabel: name, logX, curves: shown },
    };
  };
  const metrics = [...new Set(runs.flatMap(({ last }) => Object.keys(last.test)))];
  const nats = [...new Set(runs.flatMap(({ last }) => Object.keys(last.nats ?? {})))];
  return [
    ...metrics.map((name) => chart(`test ${name}`, ({ last }) => last.test[name])),
    ...nats.map((name) => chart(`${name}, nats`, ({ last }) => last.nats?.[name])),
    chart('active units', ({ activeUnits }) => activeUnits),
  ].filter(({ curves }) => curves.curves.length > 0);
}
