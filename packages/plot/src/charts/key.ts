import type { Mark } from 'vega';
import { classColor, classShape } from '../colors.ts';
import { type ImageBatch, tiles } from '../pixels.ts';
import { encodePng, pngUri } from '../png.ts';

/** Images and their names. */
export interface MarkedImages {
  readonly images: ImageBatch;
  readonly names: readonly number[];
  /** Whether the names are classes, which have a colour. */
  readonly areClasses: boolean;
}

interface Entry {
  readonly name: number;
  readonly hasSymbol: boolean;
  /** The image next to it. */
  readonly image?: number;
}

/** Side of an image in pixels, about. */
const SIDE = 42;
/** From one line without an image to the next. */
const LINE = 20;
/** With more entries than this, there is no room for images. */
const MOST_IMAGES = 60;

/**
 * The key next to a plot: each class with its colour, its shape and an image, in as many columns as the height requires.
 * If there are more classes than images, the classes come first and the images after them.
 * @param left where it begins
 */
export function keyMarks(
  classes: readonly number[],
  marked: MarkedImages | undefined,
  left: number,
  height: number,
): Mark[] {
  const named = marked
    ? marked.names.map((name, image): Entry => ({ name, hasSymbol: marked.areClasses, image }))
    : [];
  const symbols = classes.map((name): Entry => ({ name, hasSymbol: true }));
  const ofClasses = new Set(marked?.areClasses ? marked.names : []);
  if (marked && classes.every((label) => ofClasses.has(label)))
    return listMarks(named, marked, left, height).marks;
  const first = listMarks(symbols, undefined, left, height);
  if (!marked || named.length > MOST_IMAGES) return first.marks;
  return [...first.marks, ...listMarks(named, marked, left + first.width, height).marks];
}

/** One list, with the room that it takes. */
function listMarks(
  entries: readonly Entry[],
  marked: MarkedImages | undefined,
  left: number,
  height: number,
): { marks: Mark[]; width: number } {
  const side = marked ? sideOf(marked.images) : { width: 0, height: 0 };
  const pitch = marked ? side.height + 6 : LINE;
  // Columns of about the same length.
  const columns = Math.ceil(entries.length / Math.max(1, Math.floor(height / pitch)));
  const rows = Math.ceil(entries.length / columns);
  const textAt = entries.some(({ hasSymbol }) => hasSymbol) ? 20 : 0;
  const imageAt = textAt + 8 * Math.max(0, ...entries.map(({ name }) => String(name).length)) + 8;
  const step = imageAt + side.width + 18;
  const marks = entries.flatMap(({ name, hasSymbol, image }, i): Mark[] => {
    const x = left + Math.floor(i / rows) * step;
    const middle = (i % rows) * pitch + pitch / 2;
    return [
      ...(hasSymbol ? [symbolMark(name, x + 7, middle)] : []),
      textMark(name, x + textAt, middle),
      ...(marked && image !== undefined ? [imageMark(marked.images, image, x + imageAt, middle, side)] : []),
    ];
  });
  return { marks, width: columns * step };
}

const symbolMark = (label: number, x: number, y: number): Mark => ({
  type: 'symbol',
  encode: {
    enter: {
      x: { value: x },
      y: { value: y },
      size: { value: 110 },
      shape: { value: classShape(label) },
      fill: { value: classColor(label) },
    },
  },
});

const textMark = (name: number, x: number, y: number): Mark => ({
  type: 'text',
  encode: {
    enter: {
      x: { value: x },
      y: { value: y },
      text: { value: String(name) },
      fontSize: { value: 13 },
      baseline: { value: 'middle' },
    },
  },
});

/**
 * Charts are rasterized at twice their size; a pixel of a small image becomes a whole number of those pixels. Large images
 * are made smaller.
 */
function sideOf({ shape: [, height, width] }: ImageBatch): { width: number; height: number } {
  const half = Math.floor((2 * SIDE) / Math.max(width, height));
  const scale = half >= 1 ? half / 2 : SIDE / Math.max(width, height);
  return { width: width * scale, height: height * scale };
}

function imageMark(
  { pixels, shape }: ImageBatch,
  index: number,
  x: number,
  middle: number,
  { width, height }: { width: number; height: number },
): Mark {
  const size = shape[0] * shape[1] * shape[2];
  const one = { pixels: pixels.subarray(index * size, (index + 1) * size), shape };
  return {
    type: 'image',
    encode: {
      enter: {
        x: { value: x },
        y: { value: Math.round(2 * (middle - height / 2)) / 2 },
        width: { value: width },
        height: { value: height },
        url: { value: pngUri(encodePng(tiles(one, 1))) },
        smooth: { value: width < shape[2] },
      },
    },
  };
}
