import type { Mark, Spec } from 'vega';
import { classColor, classShape, lettersOn, soft } from '../colors.ts';
import { type ImageBatch, imageCount } from '../pixels.ts';
import { framed, rangeOf } from '../range.ts';
import { keyMarks, type MarkedImages } from './key.ts';

/** Points in the plane: [count, 2], row-major. Those that are not finite are left out. */
export type Points = Float32Array | Float64Array;

/** How points are told apart, and what is written around them. */
export interface ScatterOptions {
  /** One class per point: its colour and form, and an entry in the key. */
  labels?: ArrayLike<number> | null;
  /** Images that stand in the key, and whose places are marked. */
  marked?: {
    readonly images: ImageBatch;
    readonly points: Points;
    /** Their classes. */
    readonly labels?: ArrayLike<number> | null;
  };
  title?: string;
  xLabel?: string;
  yLabel?: string;
  /** Whether both axes have the same unit, so that distances in the picture are distances in the plane. */
  sameUnits?: boolean;
  /** Side of the plot in pixels, if it is a square; others have the same area. */
  size?: number;
}

/** Points coloured by class; images beside them, their places among the points marked by their names. */
export function scatterChart(
  points: Points,
  { labels, marked, title, xLabel, yLabel, sameUnits = true, size = 600 }: ScatterOptions = {},
): Spec {
  const count = points.length / 2;
  if (!Number.isInteger(count))
    throw new Error(`scatter: ${points.length} coordinates: points have two each`);
  if (labels && labels.length !== count)
    throw new Error(`scatter: ${labels.length} labels for ${count} points`);
  if (marked && marked.points.length !== 2 * imageCount(marked.images))
    throw new Error(`scatter: ${imageCount(marked.images)} images at ${marked.points.length / 2} places`);

  const along = (axis: number) =>
    rangeOf([points, marked?.points ?? []].flatMap((list) => [...list].filter((_, i) => i % 2 === axis)));
  const frame = framed(along(0), along(1), sameUnits);
  const width = Math.round(size * Math.sqrt(frame.aspect));
  const height = Math.round(size / Math.sqrt(frame.aspect));
  const classes = [...new Set([...Array.from(labels ?? []), ...Array.from(marked?.labels ?? [])])].sort(
    (a, b) => a - b,
  );
  const images = marked && namedImages(marked);
  const position = { x: { scale: 'x', field: 'x' }, y: { scale: 'y', field: 'y' } } as const;
  return {
    title,
    width,
    height,
    data: [
      { name: 'points', values: rowsOf(points, labels) },
      { name: 'places', values: marked && images ? placesOf(marked.points, images) : [] },
    ],
    scales: [
      { name: 'x', type: 'linear', domain: [...frame.x], range: 'width', zero: false },
      { name: 'y', type: 'linear', domain: [...frame.y], range: 'height', zero: false },
    ],
    axes: [
      { scale: 'x', orient: 'bottom', grid: true, title: xLabel, tickCount: Math.ceil(width / 90) },
      { scale: 'y', orient: 'left', grid: true, title: yLabel, tickCount: Math.ceil(height / 70) },
    ],
    marks: [
      {
        type: 'symbol',
        from: { data: 'points' },
        encode: {
          enter: {
            ...position,
            fill: { field: 'color' },
            shape: { field: 'shape' },
            // A shape is harder to see than a colour.
            size: { value: classes.some((label) => label >= 10) ? 36 : 22 },
            fillOpacity: { value: 0.75 },
          },
        },
      },
      {
        type: 'symbol',
        from: { data: 'places' },
        encode: {
          enter: {
            ...position,
            fill: { field: 'color' },
            size: { value: 230 },
            stroke: { value: '#ffffff' },
            strokeWidth: { value: 1.5 },
          },
        },
      },
      {
        type: 'text',
        from: { data: 'places' },
        encode: {
          enter: {
            ...position,
            text: { field: 'name' },
            fill: { field: 'letters' },
            fontSize: { value: 10 },
            fontWeight: { value: 600 },
            align: { value: 'center' },
            baseline: { value: 'middle' },
          },
        },
      },
      ...keyMarks(classes, images, width + 24, height),
      ...(sameUnits && !frame.sameScale ? [scalesNote(width)] : []),
    ],
  };
}

function rowsOf(points: Points, labels?: ArrayLike<number> | null) {
  return Array.from({ length: points.length / 2 }, (_, i) => {
    const label = labels?.[i] ?? 0;
    return { x: points[2 * i]!, y: points[2 * i + 1]!, color: classColor(label), shape: classShape(label) };
  }).filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
}

/** Images are called by their classes, or else by their places among the others. */
function namedImages({ images, labels }: NonNullable<ScatterOptions['marked']>): MarkedImages {
  const names = Array.from({ length: imageCount(images) }, (_, i) => labels?.[i] ?? i);
  return { images, names, areClasses: Boolean(labels) };
}

function placesOf(points: Points, { names, areClasses }: MarkedImages) {
  return names
    .map((name, i) => {
      const color = areClasses ? classColor(name) : soft;
      return {
        x: points[2 * i]!,
        y: points[2 * i + 1]!,
        name: String(name),
        color,
        letters: lettersOn(color),
      };
    })
    .filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
}

const scalesNote = (width: number): Mark => ({
  type: 'text',
  encode: {
    enter: {
      x: { value: width - 6 },
      y: { value: 14 },
      align: { value: 'right' },
      fontSize: { value: 11 },
      fill: { value: soft },
      text: { value: 'the axes have different scales' },
    },
  },
});
