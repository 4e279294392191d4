import type { Spec } from 'vega';
import { classColor, soft } from '../colors.ts';
import { hundredths } from '../numbers.ts';
import { type Panel, panelChart, pathMark, textAt } from './panels.ts';

/** One histogram of several side by side. */
export interface HistogramCell {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  /** Of each bin; the highest has the whole height. */
  readonly shares: readonly number[];
  readonly mean: number;
  readonly std: number;
}

/** What is written around histograms. */
export interface HistogramOptions {
  title?: string;
  /** Width and height of a histogram in pixels. */
  width?: number;
  height?: number;
  /** Rows side by side. */
  across?: number;
}

/** A row of small histograms for each name. The histograms of a column share their scale. */
export function histogramChart(
  rows: readonly { readonly name: string; readonly cells: readonly HistogramCell[] }[],
  { title, width = 230, height = 48, across = 2 }: HistogramOptions = {},
): Spec {
  const perRow = Math.max(1, ...rows.map(({ cells }) => cells.length));
  const panels = rows.flatMap(({ name, cells }) =>
    cells.map((cell, column) => histogramPanel(column === 0 ? name : '', cell, column, width, height)),
  );
  return panelChart(panels, {
    title,
    across: perRow * Math.min(across, Math.max(1, rows.length)),
    width,
    height: height + 18,
    gapX: 24,
    gapY: 26,
  });
}

/** Where the bars begin, below their text. */
const TOP = 18;

function histogramPanel(
  name: string,
  { name: what, low, high, shares, mean, std }: HistogramCell,
  column: number,
  width: number,
  height: number,
): Panel {
  const bin = width / shares.length;
  const most = Math.max(...shares, Number.MIN_VALUE);
  const bars = shares.map((share, i) => {
    const up = height * (share / most);
    return share > 0
      ? `M${rounded(i * bin)},${TOP + height}h${rounded(bin - 0.75)}v${rounded(-up)}h${rounded(0.75 - bin)}Z`
      : '';
  });
  return {
    scales: [{ name: 'x', type: 'linear', domain: [low, high], range: [0, width], zero: false }],
    axes: [{ scale: 'x', orient: 'bottom', tickCount: 4, labelFontSize: 10, domainColor: soft, grid: false }],
    marks: [
      textAt(0, 11, name, { weight: 600 }),
      textAt(width, 11, `${what}: ${hundredths(mean)} ± ${hundredths(std)}`, { align: 'right' }),
      pathMark(bars.join(''), { fill: classColor(column === 0 ? 0 : 4) }),
    ],
  };
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
