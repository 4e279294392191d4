export * from './data/datasets.ts';
export { UserError } from './errors.ts';
export * from './run.ts';
export { type MetricsRecord, RunFolder, runFiles } from './run-folder.ts';
export * from './train-run.ts';
