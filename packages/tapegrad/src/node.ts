/** Everything that needs files or a driver: devices, data on disk, run folders, training as the command does it. */
export { diagnose, type FindOptions, findAdapter, openDevice } from '@tapegrad/node';
export { datasetNames } from './choices.ts';
export type { Dataset, Split } from './data/dataset.ts';
export { loadDataset } from './data/datasets.ts';
export { type BadImages, type ImageFolderOptions, loadImageFolder } from './data/image-folder.ts';
export { UserError } from './errors.ts';
export { specOf } from './models.ts';
export { type ReportedRun, writeReport } from './report/index.ts';
export { type ComparisonOptions, readRuns, writeComparison } from './run/compare.ts';
export { drawPicture } from './run/draw.ts';
export { type ExportFormat, exportRun } from './run/export.ts';
export { type ForeignWeights, type ImportRequest, importRun, readWeights } from './run/import.ts';
export { bitsPerDimension, type MetricsOptions, type RunMetrics, runMetrics } from './run/metrics.ts';
export type { MetricsRecord } from './run/metrics-log.ts';
export {
  chromeTrace,
  type LaunchTime,
  profileTable,
  type StepProfile,
  stepProfile,
} from './run/profile.ts';
export {
  loadWeights,
  type OpenRun,
  openRun,
  type RunConfig,
  readRun,
  readRunConfig,
  type StoredRun,
  storedConfig,
  writeWeights,
} from './run/run.ts';
export { dataForRun, type LoadingListener, loadData, type RunData } from './run/run-data.ts';
export { RunFolder, runFiles } from './run/run-folder.ts';
export { epochPicture, subjectOf, writeCurves, writePicture, writePictures } from './run/run-pictures.ts';
export { type RunState, readRunState } from './run/run-state.ts';
export {
  type EpochRecord,
  type Listener,
  type RunRequest,
  trainRun,
} from './run/train-run.ts';
