import type { Raster } from '@tapegrad/plot';
import { barChart, histogramRows, imageGrid, scatterPlot } from '@tapegrad/plot';
import type { Picture } from '@tapegrad/vae';

/**
 * Draws a picture as pixels, ready for `encodePng`.
 * @param heading goes before the picture's own title
 */
export function drawPicture(picture: Picture, heading = ''): Raster {
  const named = picture.detail ? `${picture.title}, ${picture.detail}` : picture.title;
  const title = heading ? `${heading}: ${named}` : named;
  switch (picture.kind) {
    case 'sheet': {
      const { pixels, shape, columns, rowLabels, columnLabels } = picture;
      // Small images are shown at twice their size; labels under a column have to fit its width.
      const scale = shape[2] < 48 ? 2 : 1;
      const textScale = columns > 12 ? 1 : 2;
      return imageGrid(
        { pixels, shape },
        { columns, rowLabels, columnLabels, title, scale, textScale, titleScale: 2 },
      );
    }
    case 'cloud': {
      const { points, labels, heldOut, xLabel, yLabel, sameUnits } = picture;
      return scatterPlot(points, {
        labels,
        xLabel,
        yLabel,
        sameUnits,
        title,
        thumbnails: { ...heldOut.images, points: heldOut.points, labels: heldOut.labels },
      });
    }
    case 'histograms':
      return histogramRows(picture.rows, { title });
    case 'bars':
      return barChart(picture.rows, { title, unit: picture.unit, marks: picture.marks });
  }
}
