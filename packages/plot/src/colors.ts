/** `#rrggbb`. */
export type Color = `#${string}`;

/** Of text and of what is drawn first. */
export const ink: Color = '#282c34';
/** Of what explains: labels, notes. */
export const soft: Color = '#5a606b';
/** Of lines that guide the eye. */
export const faint: Color = '#e2e4e8';

/**
 * Ten colours that can be told apart in small dots: the CIEDE2000 distance of any two is 28 or more, and 15 or more for
 * protanopes, deuteranopes and tritanopes (the tests simulate them). They were found by simulated annealing over these
 * distances, away from black, white and grey, so that each colour has a name.
 */
export const classColors: readonly Color[] = [
  '#0068f7',
  '#eb3180',
  '#17574b',
  '#e2916e',
  '#663174',
  '#cc9cfd',
  '#897a13',
  '#c6db01',
  '#87210b',
  '#13a8a2',
];

/** The same hues for a dark background, as far apart from each other, with a contrast of 3 or more to the background. */
export const darkClassColors: readonly Color[] = [
  '#0186fd',
  '#f55280',
  '#288460',
  '#ffb896',
  '#795a95',
  '#d2b3ff',
  '#a6930f',
  '#bbff09',
  '#9e5319',
  '#57fde5',
];

/** The background that they are for. */
export const darkGround: Color = '#17191e';

/** Forms of a mark. The first ten classes are circles; the next ten have the same colours again, and the next form. */
export const classShapes = ['circle', 'triangle-up', 'square', 'cross', 'diamond', 'triangle-down'] as const;

/** The forms as SVG paths, in a square from (−1, −1) to (1, 1). */
export const shapePaths: Readonly<Record<(typeof classShapes)[number], string>> = {
  circle: 'M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0Z',
  'triangle-up': 'M0-1L1 .9H-1Z',
  square: 'M-.85-.85H.85V.85H-.85Z',
  cross: 'M-.35-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z',
  diamond: 'M0-1.1L.9 0L0 1.1L-.9 0Z',
  'triangle-down': 'M0 1L1-.9H-1Z',
};

/** Classes that can be told apart by colour and form together; beyond them, they repeat. */
export const mostClasses: number = classColors.length * classShapes.length;

/** The colour of class number `index`. */
export const classColor = (index: number): Color => classColors[index % classColors.length]!;

/** The form of the marks of class number `index`. */
export const classShape = (index: number): (typeof classShapes)[number] =>
  classShapes[Math.floor(index / classColors.length) % classShapes.length]!;

/** Black or white, whichever is easier to read on a colour. */
export const lettersOn = (color: Color): Color => (luminance(color) > 0.3 ? '#000000' : '#ffffff');

/** Relative luminance, as WCAG 2.1 defines it. */
export function luminance(color: Color): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
