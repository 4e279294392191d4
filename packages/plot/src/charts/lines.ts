import type { Spec } from 'vega';
import { classColor } from '../colors.ts';

/** A line: its points, by x. */
export interface Series {
  readonly name: string;
  readonly x: ArrayLike<number>;
  /** As many as x. A value that is not finite leaves a gap. */
  readonly y: ArrayLike<number>;
  /** Which of the class colours; its place among the series by default. */
  readonly color?: number;
  /** Drawn thin, for the many values behind a few averages. */
  readonly faint?: boolean;
}

/** What is written around lines, and how their axes are scaled. */
export interface LineOptions {
  title?: string;
  xLabel?: string;
  yLabel?: string;
  /** Width and height of the plot's area in pixels. */
  width?: number;
  height?: number;
}

/** Up to this many points, each is drawn as a dot. */
const FEW = 30;
/** Beyond the number of colours, lines are dashed. */
const dashes: readonly number[][] = [[], [8, 4], [2, 3]];

/** Lines over a common x, with their names above the plot. */
export function lineChart(
  series: readonly Series[],
  { title, xLabel, yLabel, width = 620, height = 260 }: LineOptions = {},
): Spec {
  for (const { name, x, y } of series) {
    if (x.length !== y.length) throw new Error(`chart: ${name} has ${x.length} x for ${y.length} y`);
  }
  const rows = series.flatMap(({ x, y, faint }, i) =>
    Array.from(x, (at, k) => {
      const value = y[k]!;
      const isPoint = (k: number) => Number.isFinite(x[k]) && Number.isFinite(y[k]);
      const seen = isPoint(k);
      // A point between two gaps has no line that would show it.
      const isAlone = !isPoint(k - 1) && !isPoint(k + 1);
      return {
        series: i,
        x: at,
        y: seen ? value : null,
        seen,
        dot: seen && (isAlone || (!faint && x.length <= FEW)),
      };
    }),
  );
  const indices = series.map((_, i) => i);
  const colors = series.map(({ color }, i) => classColor(color ?? i));
  const position = { x: { scale: 'x', field: 'x' }, y: { scale: 'y', field: 'y' } } as const;
  return {
    title,
    width,
    height,
    data: [
      { name: 'rows', values: rows },
      { name: 'dots', values: rows.filter(({ dot }) => dot) },
    ],
    scales: [
      {
        name: 'x',
        type: 'linear',
        domain: { data: 'rows', field: 'x' },
        range: 'width',
        zero: false,
        padding: 8,
      },
      {
        name: 'y',
        type: 'linear',
        domain: { data: 'rows', field: 'y' },
        range: 'height',
        zero: false,
        padding: 8,
      },
      { name: 'color', type: 'ordinal', domain: indices, range: colors },
      {
        name: 'width',
        type: 'ordinal',
        domain: indices,
        range: series.map(({ faint }) => (faint ? 1 : 2.5)),
      },
      {
        name: 'opacity',
        type: 'ordinal',
        domain: indices,
        range: series.map(({ faint }) => (faint ? 0.6 : 1)),
      },
      {
        name: 'dash',
        type: 'ordinal',
        domain: indices,
        range: series.map(({ color }, i) => dashOf(color ?? i)),
      },
      { name: 'names', type: 'ordinal', domain: indices, range: series.map(({ name }) => name) },
    ],
    axes: [
      { scale: 'x', orient: 'bottom', grid: true, title: xLabel, tickCount: Math.ceil(width / 80) },
      { scale: 'y', orient: 'left', grid: true, title: yLabel, tickCount: Math.ceil(height / 50) },
    ],
    legends: [
      {
        stroke: 'color',
        strokeWidth: 'width',
        strokeDash: 'dash',
        orient: 'top',
        direction: 'horizontal',
        columns: Math.max(1, Math.min(series.length, 4)),
        symbolType: 'stroke',
        symbolSize: 400,
        columnPadding: 24,
        encode: { labels: { update: { text: { scale: 'names', field: 'value' } } } },
      },
    ],
    marks: [
      {
        type: 'group',
        from: { facet: { name: 'line', data: 'rows', groupby: 'series' } },
        marks: [
          {
            type: 'line',
            from: { data: 'line' },
            encode: {
              enter: {
                ...position,
                defined: { field: 'seen' },
                stroke: { scale: 'color', field: 'series' },
                strokeWidth: { scale: 'width', field: 'series' },
                strokeOpacity: { scale: 'opacity', field: 'series' },
                strokeDash: { scale: 'dash', field: 'series' },
                strokeJoin: { value: 'round' },
              },
            },
          },
        ],
      },
      {
        type: 'symbol',
        from: { data: 'dots' },
        encode: { enter: { ...position, fill: { scale: 'color', field: 'series' }, size: { value: 40 } } },
      },
    ],
  };
}

const dashOf = (color: number): number[] => dashes[Math.floor(color / 10) % dashes.length]!;
