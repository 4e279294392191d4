import type { Align, GroupMark, Mark, Spec } from 'vega';

/** A small chart among others. */
export interface Panel {
  /** Inside its own coordinates, from (0, 0) to its width and height. */
  readonly marks: Mark[];
  readonly scales?: GroupMark['scales'];
  readonly axes?: GroupMark['axes'];
}

export interface PanelOptions {
  readonly title?: string | undefined;
  /** Panels in a row. */
  readonly across: number;
  /** The width of a panel. */
  readonly width: number;
  readonly height: number;
  /** Between panels. */
  readonly gapX: number;
  readonly gapY: number;
  /** Above them all, for a key. */
  readonly top?: number;
}

/** Small charts in rows. */
export function panelChart(
  panels: readonly Panel[],
  { title, across, width, height, gapX, gapY, top = 0 }: PanelOptions,
  others: readonly Mark[] = [],
): Spec {
  const columns = Math.max(1, Math.min(across, panels.length));
  const rows = Math.max(1, Math.ceil(panels.length / across));
  return {
    title,
    width: columns * (width + gapX) - gapX,
    height: top + rows * (height + gapY) - gapY,
    marks: [
      ...others,
      ...panels.map(
        ({ marks, scales = [], axes = [] }, i): GroupMark => ({
          type: 'group',
          encode: {
            enter: {
              x: { value: (i % across) * (width + gapX) },
              y: { value: top + Math.floor(i / across) * (height + gapY) },
              width: { value: width },
              height: { value: height },
            },
          },
          scales,
          axes,
          marks,
        }),
      ),
    ],
  };
}

/** Text at a place of a panel. */
export const textAt = (
  x: number,
  y: number,
  text: string,
  { size = 12, weight = 400, align = 'left' }: { size?: number; weight?: 400 | 600; align?: Align } = {},
): Mark => ({
  type: 'text',
  encode: {
    enter: {
      x: { value: x },
      y: { value: y },
      text: { value: text },
      fontSize: { value: size },
      fontWeight: { value: weight },
      align: { value: align },
    },
  },
});

/** A path, filled or drawn. */
export const pathMark = (
  path: string,
  { fill, stroke, dash }: { fill?: string; stroke?: string; dash?: number[] },
): Mark => ({
  type: 'path',
  encode: {
    enter: {
      path: { value: path },
      ...(fill && { fill: { value: fill } }),
      ...(stroke && {
        stroke: { value: stroke },
        strokeWidth: { value: 1.5 },
        strokeDash: { value: dash ?? [] },
      }),
    },
  },
});
