export * from './data/datasets.ts';
export { UserError } from './errors.ts';
export * from './run/run.ts';
export { type MetricsRecord, RunFolder, runFiles } from './run/run-folder.ts';
export * from './run/train-run.ts';
