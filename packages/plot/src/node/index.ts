export { type GridOptions, imageGrid } from './grid.ts';
export { drawnExactly, rasterized, textMeasure, ZOOM } from './rasterize.ts';
