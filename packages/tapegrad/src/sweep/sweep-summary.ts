import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { flagOf } from '@tapegrad/vae';
import { attempt } from '../errors.ts';
import { type Outcome, type Result, replaceFile, resultOf, runOf, type SweepConfig } from './sweep.ts';
import type { Point } from './sweep-grid.ts';

/** A row of the summary: a point of the grid and its state so far. */
export interface SummaryRow {
  readonly name: string;
  readonly run: string;
  readonly status: Outcome['status'] | 'open';
  readonly values: Point['values'];
  readonly result?: Result;
}

/** All points of the grid: those that any process has finished, and how this process's others ended. */
export function summarize(
  folder: string,
  points: readonly Point[],
  outcomes: ReadonlyMap<Point, Outcome>,
): SummaryRow[] {
  return points.map((point) => {
    const path = resultOf(folder, point);
    const { name, values } = point;
    const known = outcomes.get(point)?.status;
    const row = { name, values, run: runOf(folder, point) };
    if (known === 'failed' || known === 'interrupted' || !existsSync(path))
      return { ...row, status: known ?? 'open' };
    const result = attempt(`${path}: broken`, () => JSON.parse(readFileSync(path, 'utf8')) as Result);
    return { ...row, status: 'done', result };
  });
}

/** Writes `summary.json` and `summary.csv` into the sweep's folder. */
export function writeSummary(folder: string, config: SweepConfig, rows: readonly SummaryRow[]): void {
  const { header, lines } = columns(config, rows);
  const csv = [header, ...lines].map((line) => line.map(quoted).join(',')).join('\r\n');
  replaceFile(join(folder, 'summary.json'), `${JSON.stringify({ ...config, runs: rows }, null, 2)}\n`);
  replaceFile(join(folder, 'summary.csv'), `${csv}\r\n`);
}

/** The summary for a terminal: numbers to five digits, in columns. */
export function summaryTable(config: SweepConfig, rows: readonly SummaryRow[]): string {
  const { header, lines } = columns(config, rows);
  const cells = [header, ...lines].map(([, ...line]) =>
    line.map((value) => (typeof value === 'number' ? `${Number(value.toPrecision(5))}` : value)),
  );
  const widths = cells[0]!.map((_, k) => Math.max(...cells.map((line) => line[k]!.length)));
  return cells.map((line) => `${line.map((cell, k) => cell.padStart(widths[k]!)).join('  ')}\n`).join('');
}

/** The columns: name, values of the axes, status, and every metric that some row has. */
function columns({ axes }: SweepConfig, rows: readonly SummaryRow[]) {
  const metrics = [...new Set(rows.flatMap(({ result }) => Object.keys(metricsOf(result))))];
  const header = ['run', ...axes.map(({ option }) => flagOf(option)), 'status', ...metrics];
  const lines = rows.map(({ name, values, status, result }): (string | number)[] => {
    const own = metricsOf(result);
    return [
      name,
      ...axes.map(({ option }) => values[option]!),
      status,
      ...metrics.map((metric) => own[metric] ?? ''),
    ];
  });
  return { header, lines };
}

function metricsOf(result: Result | undefined): Record<string, number> {
  if (!result) return {};
  const { epochs, seconds, train, test, nats = {} } = result;
  const named = (group: string, metrics: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${group} ${name}`, value]));
  const { loss = Number.NaN } = train;
  return { epochs, seconds, 'train loss': loss, ...named('test', test), ...named('nats', nats) };
}

/** A field of RFC 4180. */
const quoted = (value: string | number): string =>
  /[",\r\n]/.test(`${value}`) ? `"${`${value}`.replaceAll('"', '""')}"` : `${value}`;
