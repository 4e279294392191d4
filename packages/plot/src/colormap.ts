/** Red, green, blue, 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number];

export const white: Color = [255, 255, 255];
export const ink: Color = [40, 44, 52];
export const faint: Color = [226, 228, 232];

/**
 * Ten colours that stay apart for colour-blind eyes, and in brightness.
 * M. A. Petroff, Accessible Color Sequences for Data Visualization, 2021, https://arxiv.org/abs/2107.02270
 */
export const classColors: readonly Color[] = [
  [0x3f, 0x90, 0xda],
  [0xff, 0xa9, 0x0e],
  [0xbd, 0x1f, 0x01],
  [0x94, 0xa4, 0xa2],
  [0x83, 0x2d, 0xb6],
  [0xa9, 0x6b, 0x59],
  [0xe7, 0x63, 0x00],
  [0xb9, 0xac, 0x70],
  [0x71, 0x75, 0x81],
  [0x92, 0xda, 0xdd],
];

/** The same on a dark ground: the three that would be lost there are lighter. */
export const darkClassColors: readonly Color[] = classColors.map(
  (color, i) =>
    (({ 2: [0xce, 0x20, 0x1b], 4: [0x8a, 0x53, 0xa4], 8: [0x71, 0x72, 0x81] }) as Record<number, Color>)[i] ??
    color,
);

/** The ground that they are for. */
export const darkGround: Color = [0x17, 0x19, 0x1e];

/** The colour of a class; beyond ten they repeat. */
export const classColor = (index: number): Color => classColors[index % classColors.length]!;
