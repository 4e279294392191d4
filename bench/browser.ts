/* What of the suite needs nothing of Node: the site's benchmark page runs it in a browser. */

export { type Change, type Comparison, compare } from './compare.ts';
export type { KernelCase } from './kernels/case.ts';
export { convolutions, products, yardstick } from './kernels/contractions.ts';
export { type LayerCall, layerCase } from './kernels/layers.ts';
export { KernelBench, type KernelRow, type Skipped } from './kernels/measure.ts';
export { others } from './kernels/others.ts';
export { GROUPS, groupOf } from './page-parts.ts';
export { digits, milliseconds, percent } from './report.ts';
export { checkResults, header, type Results } from './results.ts';
export { measureRoofs, type Roof, type Roofs } from './roofline.ts';
export { rooflineChart } from './roofline-chart.ts';
export { type Effort, QUICK, THOROUGH, type Timing } from './timing.ts';
export { StepBench, type StepRow } from './training.ts';
