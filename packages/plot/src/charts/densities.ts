import type { Mark, Spec } from 'vega';
import { classColor, faint, soft } from '../colors.ts';
import { type Panel, panelChart, pathMark, textAt } from './panels.ts';

/** A curve, by some of its points. */
export interface Density {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

/** A line of the chart: densities over one axis. */
export interface DensityRow {
  readonly name: string;
  /** Written at the other end of the panel's head. */
  readonly detail?: string;
  /** One for each of the names. */
  readonly curves: readonly Density[];
}

/** Text around densities, and the ends of the axis. */
export interface DensityOptions {
  title?: string;
  /** The names of the curves in every panel, and which class colours they have. */
  names: readonly { readonly name: string; readonly color: number }[];
  /** Drawn behind the curves of every panel. */
  behind: Density & { readonly name: string };
  /** What all panels show of x. */
  range: readonly [low: number, high: number];
  /** Width and height of a panel in pixels. */
  width?: number;
  height?: number;
  /** Panels side by side. */
  across?: number;
  /** Whether the names stand above the panels, with their colours. */
  key?: boolean;
}

/** Where the curves of a panel begin, below their text, in pixels. */
export const DENSITY_TOP = 18;
const GAP = 24;

/** A panel for each row, with curves over a common x, each as high as its highest curve. */
export function densityChart(
  rows: readonly DensityRow[],
  { title, names, behind, range, width = 230, height = 72, across = 4, key: hasKey = true }: DensityOptions,
): Spec {
  const toX = (value: number) => ((value - range[0]) / (range[1] - range[0])) * width;
  const peak = ({ y }: Density) => Math.max(...Array.from(y), 0);
  const panels = rows.map(({ name, detail = '', curves }): Panel => {
    const most = Math.max(peak(behind), ...curves.map(peak), Number.MIN_VALUE);
    const path = ({ x, y }: Density) => {
      const points = Array.from(
        x,
        (value, i) => [toX(value), DENSITY_TOP + height * (1 - y[i]! / most)] as const,
      );
      const seen = points.filter(([at]) => at >= 0 && at <= width);
      return seen.map(([at, up]) => `${rounded(at)},${rounded(up)}`).join('L');
    };
    const floor = DENSITY_TOP + height;
    return {
      scales: [{ name: 'x', type: 'linear', domain: [...range], range: [0, width], zero: false }],
      axes: [
        { scale: 'x', orient: 'bottom', tickCount: 5, labelFontSize: 10, domainColor: soft, grid: false },
      ],
      marks: [
        textAt(0, 11, name, { weight: 600 }),
        textAt(width, 11, detail, { align: 'right' }),
        pathMark(`M0,${floor}L${path(behind)}L${width},${floor}Z`, { fill: faint }),
        ...curves.map((curve, i) =>
          pathMark(`M${path(curve)}`, {
            stroke: classColor(names[i]?.color ?? i),
            dash: dashOf(names[i]?.color ?? i),
          }),
        ),
      ],
    };
  });
  const columns = Math.max(1, Math.min(across, rows.length));
  const key = keyOf(
    hasKey ? [...names.map(({ name, color }) => ({ name, color })), { name: behind.name }] : [],
    columns * (width + GAP) - GAP,
  );
  const layout = {
    across: columns,
    width,
    height: height + DENSITY_TOP,
    gapX: GAP,
    gapY: 28,
    top: key.height,
  };
  return panelChart(panels, { title, ...layout }, key.marks);
}

/** Names in lines that are at most `width` wide, each with a stroke of its colour, or a box where it has none. */
function keyOf(
  names: readonly { name: string; color?: number }[],
  width: number,
): { marks: Mark[]; height: number } {
  let [x, y] = [0, 8];
  const marks = names.flatMap(({ name, color }) => {
    const room = 26 + 8 * name.length + 14;
    if (x > 0 && x + room > width) [x, y] = [0, y + 20];
    const at = x;
    x += room;
    const stroke = color === undefined ? faint : classColor(color);
    const box = color === undefined ? 6 : 1.5;
    return [pathMark(`M${at},${y - box}h20v${2 * box}h-20Z`, { fill: stroke }), textAt(at + 26, y + 4, name)];
  });
  return { marks, height: names.length > 0 ? y + 20 : 0 };
}

/** Beyond the number of colours, lines are dashed. */
const dashOf = (color: number): number[] =>
  ([[], [6, 3], [2, 2]] as const)[Math.floor(color / 10) % 3]!.slice();

const rounded = (value: number): number => Math.round(value * 10) / 10;
