import { useEffect, useRef } from 'preact/hooks';
import './locale.ts';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { cssColor, useTheme } from './theme.ts';

export interface Curve {
  readonly name: string;
  /** A custom property of the style sheet. */
  readonly color: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly thin?: boolean;
  /** Points without a line between them. */
  readonly dots?: boolean;
}

const HEIGHT = 240;

/** Lines over a common x. What they say in words stands beside them, in a table or a sentence. */
export function Curves({
  curves,
  label,
  logarithmic = false,
}: {
  curves: readonly Curve[];
  label: string;
  logarithmic?: boolean;
}) {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  // What makes another chart necessary; new points do not.
  const form = `${curves.map(({ name, color, thin, dots }) => `${name}|${color}|${thin}|${dots}`).join()} ${theme} ${logarithmic}`;
  useEffect(() => {
    const box = element.current!;
    const made = newPlot(box, curves, logarithmic);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height: HEIGHT }));
    observer.observe(box);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [form]);
  useEffect(() => plot.current?.setData(dataOf(curves)), [curves]);
  return <div class="curves" ref={element} role="img" aria-label={label} />;
}

const dataOf = (curves: readonly Curve[]): uPlot.AlignedData =>
  curves.length === 0 ? [[]] : uPlot.join(curves.map(({ x, y }) => [[...x], [...y]] as uPlot.AlignedData));

function newPlot(element: HTMLElement, curves: readonly Curve[], logarithmic: boolean): uPlot {
  const axis = (size?: number): uPlot.Axis => ({
    font: '12px system-ui, sans-serif',
    stroke: () => cssColor('soft'),
    grid: { stroke: () => cssColor('line'), width: 1 },
    ticks: { show: false },
    values: (_, splits) => splits.map((value) => (value == null ? '' : String(Number(value.toPrecision(6))))),
    ...(size && { size }),
  });
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      scales: { x: { time: false }, y: logarithmic ? { distr: 3 } : {} },
      axes: [axis(28), axis(52)],
      legend: { show: false },
      cursor: { y: false },
      series: [
        {},
        ...curves.map(
          ({ name, color, thin, dots }): uPlot.Series => ({
            label: name,
            stroke: () => cssColor(color),
            width: dots ? 0 : thin ? 1 : 2,
            spanGaps: true,
            // Hollow, so that they are seen on a line of their colour.
            points: dots ? { show: true, size: 8, width: 2, fill: () => cssColor('card') } : { show: false },
          }),
        ),
      ],
    },
    dataOf(curves),
    element,
  );
}
