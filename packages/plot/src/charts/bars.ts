import type { Spec } from 'vega';
import { classColor, faint, soft } from '../colors.ts';
import { hundredths } from '../numbers.ts';

/** A bar: its name and its length. */
export interface Bar {
  readonly name: string;
  /** 0 or more; a value that is not finite, or below 0, is drawn without a length. */
  readonly value: number;
  readonly marked: boolean;
}

/** What is written around bars. */
export interface BarOptions {
  title?: string;
  /** Written after each value. */
  unit?: string;
  /** What the two colours mean. */
  marks?: readonly [marked: string, unmarked: string];
  /** Length of the longest bar in pixels. */
  width?: number;
}

const ROW = 22;

/** Horizontal bars, one below the other, each with its name before it and its value after it. */
export function barChart(
  bars: readonly Bar[],
  { title, unit = '', marks, width = 460 }: BarOptions = {},
): Spec {
  const rows = bars.map(({ name, value, marked }, place) => ({
    place,
    name,
    marked,
    length: value > 0 && value < Number.POSITIVE_INFINITY ? value : 0,
    text: `${hundredths(value)} ${unit}`.trim(),
  }));
  const band = { scale: 'y', field: 'place' } as const;
  return {
    title,
    width,
    height: ROW * Math.max(1, rows.length),
    data: [{ name: 'rows', values: rows }],
    scales: [
      {
        name: 'x',
        type: 'linear',
        domain: [0, Math.max(...rows.map(({ length }) => length), Number.MIN_VALUE)],
        range: 'width',
      },
      {
        name: 'y',
        type: 'band',
        domain: rows.map(({ place }) => place),
        range: 'height',
        paddingInner: 0.25,
      },
      { name: 'color', type: 'ordinal', domain: [true, false], range: [classColor(0), soft] },
      { name: 'meaning', type: 'ordinal', domain: [true, false], range: marks ? [...marks] : ['', ''] },
      {
        name: 'name',
        type: 'ordinal',
        domain: rows.map(({ place }) => place),
        range: rows.map(({ name }) => name),
      },
    ],
    axes: [
      {
        scale: 'y',
        orient: 'left',
        domain: false,
        ticks: false,
        labelPadding: 8,
        encode: { labels: { update: { text: { scale: 'name', field: 'value' } } } },
      },
    ],
    ...(marks && {
      legends: [
        {
          fill: 'color',
          orient: 'top',
          direction: 'horizontal',
          symbolType: 'square',
          symbolSize: 140,
          encode: { labels: { update: { text: { scale: 'meaning', field: 'value' } } } },
        },
      ],
    }),
    marks: [
      {
        type: 'rect',
        from: { data: 'rows' },
        encode: {
          enter: {
            x: { value: 0 },
            width: { value: width },
            y: band,
            height: { scale: 'y', band: 1 },
            fill: { value: faint },
          },
        },
      },
      {
        type: 'rect',
        from: { data: 'rows' },
        encode: {
          enter: {
            x: { scale: 'x', value: 0 },
            x2: { scale: 'x', field: 'length' },
            y: band,
            height: { scale: 'y', band: 1 },
            fill: { scale: 'color', field: 'marked' },
          },
        },
      },
      {
        type: 'text',
        from: { data: 'rows' },
        encode: {
          enter: {
            x: { value: width + 10 },
            y: { scale: 'y', field: 'place', band: 0.5 },
            baseline: { value: 'middle' },
            text: { field: 'text' },
          },
        },
      },
    ],
  };
}
