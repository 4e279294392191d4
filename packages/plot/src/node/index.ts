export { type GridOptions, imageGrid } from './grid.ts';
export { encodePixels, encodePng, encodePngAside } from './png.ts';
export { drawnExactly, rasterized, textMeasure, ZOOM } from './rasterize.ts';
