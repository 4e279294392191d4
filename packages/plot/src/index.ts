export { type Bar, type BarOptions, barChart } from './charts/bars.ts';
export {
  DENSITY_TOP,
  type Density,
  type DensityOptions,
  type DensityRow,
  densityChart,
} from './charts/densities.ts';
export { type HistogramCell, type HistogramOptions, histogramChart } from './charts/histograms.ts';
export { type LineOptions, lineChart, type Series } from './charts/lines.ts';
export { type Points, type ScatterOptions, scatterChart } from './charts/scatter.ts';
export {
  type Color,
  classColor,
  classColors,
  classShape,
  classShapes,
  darkClassColors,
  darkGround,
  faint,
  ink,
  lettersOn,
  luminance,
  mostClasses,
  shapePaths,
  soft,
} from './colors.ts';
export { hundredths } from './numbers.ts';
export {
  createRaster,
  drawImage,
  type Grid,
  type ImageBatch,
  imageCount,
  imagesOf,
  type Raster,
  sideBySide,
  stacked,
  tiles,
} from './pixels.ts';
export { decodePng, encodePng, pngUri } from './png.ts';
export { type Frame, framed, type Range, rangeOf } from './range.ts';
export { type Drawing, drawn, FONT, inlined, type Measure } from './svg.ts';
