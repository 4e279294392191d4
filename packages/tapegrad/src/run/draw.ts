import { barChart, densityChart, histogramChart, lineChart, type Raster, scatterChart } from '@tapegrad/plot';
import { drawnExactly, imageGrid, rasterized } from '@tapegrad/plot/node';
import type { Picture, Sheet } from '@tapegrad/vae';
import type { Curves } from '../report/client/types.ts';

/** A chart as Vega describes it. */
type Spec = ReturnType<typeof barChart>;

/**
 * Draws a picture as pixels, ready for `encodePng`.
 * @param heading goes before the picture's own title
 */
export async function drawPicture(picture: Picture, heading = ''): Promise<Raster> {
  const named = picture.detail ? `${picture.title}, ${picture.detail}` : picture.title;
  const title = heading ? `${heading}: ${named}` : named;
  if (picture.kind !== 'sheet') return rasterOf(chartOf(picture, { title }));
  const { pixels, shape, columns, rowLabels, columnLabels } = picture;
  // Small images are shown at twice their size.
  const scale = shape[2] < 48 ? 2 : 1;
  return imageGrid({ pixels, shape }, { columns, rowLabels, columnLabels, title, scale });
}

/** Learning curves as pixels. */
export const drawCurves = (curves: Curves, title: string): Promise<Raster> =>
  rasterOf(
    lineChart(
      curves.curves.map((curve) => ({ ...curve, y: curve.y.map((value) => value ?? Number.NaN) })),
      { title, xLabel: curves.xLabel, yLabel: curves.yLabel },
    ),
  );

const rasterOf = async (spec: Spec): Promise<Raster> => rasterized(await drawnExactly(spec));

export interface ChartOptions {
  readonly title?: string;
  /** Small charts side by side, if there are any. */
  readonly across?: number;
  /** Of the longest bar, in pixels. */
  readonly width?: number;
}

/** A picture other than a sheet of images, as a chart. */
function chartOf(picture: Exclude<Picture, Sheet>, { title, across, width }: ChartOptions = {}): Spec {
  switch (picture.kind) {
    case 'cloud': {
      const { points, labels, heldOut, xLabel, yLabel, sameUnits } = picture;
      return scatterChart(points, { labels, xLabel, yLabel, sameUnits, title, marked: heldOut });
    }
    case 'histograms':
      return histogramChart(picture.rows, { title, across });
    case 'densities':
      return densityChart(picture.rows, { ...picture, title, across });
    case 'bars':
      return barChart(picture.rows, { title, unit: picture.unit, marks: picture.marks, width });
  }
}
