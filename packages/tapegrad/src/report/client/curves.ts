import uPlot from 'uplot';
import { classColor, cssColor, onThemeChange } from './theme.ts';
import type { Curve, Curves } from './types.ts';

const HEIGHT = 280;
/** Axes of whole numbers, and the distances that their ticks may have. */
const counted = ['steps', 'epochs'];
const wholes = Array.from({ length: 9 }, (_, power) =>
  [1, 2, 5].map((factor) => factor * 10 ** power),
).flat();
/** When colours run out, lines are dashed. */
const dashes: readonly number[][] = [[], [8, 4], [2, 3]];

/** Lines over a common x: drag to zoom, double-click to see everything, hover to read values. */
export function curveChart(element: HTMLElement, { xLabel, yLabel, logX, curves }: Curves): void {
  const data = uPlot.join(curves.map(({ x, y }) => [[...x], [...y]] as uPlot.AlignedData));
  const axis = (label: string, size?: number): uPlot.Axis => ({
    label,
    // uPlot's own formatting stops at three decimals.
    values: (_, splits) => splits.map((value) => (value == null ? '' : String(Number(value.toPrecision(6))))),
    labelSize: 20,
    labelFont: '12px system-ui, sans-serif',
    font: '12px system-ui, sans-serif',
    stroke: () => cssColor('ink'),
    grid: { stroke: () => cssColor('faint'), width: 1 },
    ticks: { stroke: () => cssColor('faint'), width: 1 },
    ...(size && { size }),
  });
  // The chart that is here without a script.
  element.replaceChildren();
  const plot = new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      scales: { x: { time: false, ...(logX && { distr: 3 as const }) } },
      axes: [{ ...axis(xLabel), ...(counted.includes(xLabel) && { incrs: wholes }) }, axis(yLabel, 64)],
      series: [{ label: xLabel, value: (_, value) => number(value) }, ...curves.map(seriesOf)],
      cursor: { dataIdx: nearestValue },
      legend: { live: true },
      hooks: {
        // The last values, if the pointer is elsewhere.
        setCursor: [
          (self) => {
            if ((self.cursor.left ?? -1) < 0) showLast(self);
          },
        ],
      },
    },
    data,
    element,
  );
  showLast(plot);
  new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT })).observe(element);
  onThemeChange(() => plot.redraw());
}

/** Shows the last value of each series in the legend. */
function showLast(plot: uPlot): void {
  const idxs = plot.data.map((values) => {
    let index = values.length - 1;
    while (index >= 0 && values[index] == null) index--;
    return index < 0 ? null : index;
  });
  plot.setLegend({ idxs } as Parameters<uPlot['setLegend']>[0], false);
}

function seriesOf({ name, color, faint, x }: Curve): uPlot.Series {
  return {
    label: name,
    stroke: () => classColor(color) + (faint ? 'a0' : ''),
    width: faint ? 1 : 2.5,
    dash: dashes[Math.floor(color / 10) % dashes.length],
    spanGaps: true,
    points: { show: !faint && x.length <= 60, size: 7, fill: () => classColor(color) },
    value: (_, value) => number(value),
  };
}

/** Series have values at different x: the nearest one of this series. */
function nearestValue(plot: uPlot, series: number, hovered: number): number {
  const values = plot.data[series]!;
  if (series === 0 || values[hovered] != null) return hovered;
  const at = plot.data[0]!;
  let [below, above] = [hovered, hovered];
  while (below >= 0 && values[below] == null) below--;
  while (above < values.length && values[above] == null) above++;
  if (below < 0 || above >= values.length) return below < 0 ? Math.min(above, values.length - 1) : below;
  return at[hovered]! - at[below]! <= at[above]! - at[hovered]! ? below : above;
}

const number = (value: number | null | undefined): string =>
  value == null ? '–' : Number.isInteger(value) ? String(value) : value.toPrecision(5);
