import { type Device, DeviceLostError, defaultDevice, WebGPUDevice } from '@tapegrad/tensor';
import type { ModelSpec, Nats, Subject } from '@tapegrad/vae';
import {
  allPictures,
  averageOf,
  type Metrics,
  NotFiniteError,
  pictures,
  type StepMetrics,
  Trainer,
} from '@tapegrad/vae';
import type { Dataset } from '../data/dataset.ts';
import { attempt, reasonOf, UserError } from '../errors.ts';
import { assembleAhead, writeReport } from '../report/index.ts';
import { keepCodeSummary } from './code-summary.ts';
import { drawPicture } from './draw.ts';
import type { MetricsRecord } from './metrics-log.ts';
import { type RunConfig, readStoredWeights, storedConfig, writeWeights } from './run.ts';
import { RunEvents } from './run-events.ts';
import { type RunFolder, runFiles } from './run-folder.ts';
import { epochPicture, headingOf, subjectOf, writePicture, writePictures } from './run-pictures.ts';
import { emptyTally, type RunState, type Tally, writeRunState } from './run-state.ts';
import { inSize } from './too-large.ts';

/** Listeners for a run's progress: the progress bar, or the lines of `--json`. */
export interface Listener {
  /** Kernels are being compiled. */
  preparing(config: RunConfig): void;
  /** This many of them have been compiled. */
  compiling?(done: number, total: number): void;
  step(metrics: StepMetrics, progress: { epoch: number; images: number; imagesPerEpoch: number }): void;
  epoch(record: EpochRecord): void;
  /** Something went wrong, but the run goes on. */
  note?(message: string): void;
}

/** An epoch's line in `metrics.jsonl`. */
export interface EpochRecord extends MetricsRecord {
  readonly kind: 'epoch';
  readonly epoch: number;
  /** Optimizer steps since the beginning, and those of this epoch. */
  readonly step: number;
  readonly steps: number;
  readonly seconds: number;
  readonly train: Metrics;
  readonly test: Metrics;
  readonly nats?: Nats;
}

export interface RunRequest {
  /**
   * Makes the folder, or returns that of the run to be continued: called when only the disk can still refuse.
   */
  readonly folder: () => RunFolder | Promise<RunFolder>;
  readonly config: Omit<RunConfig, 'parameters'>;
  readonly spec: ModelSpec;
  readonly data: Dataset;
  /** The state to continue from. */
  readonly resume?: RunState;
  readonly listener: Listener;
  /** Asked after every window of steps: true ends the run there, with a checkpoint. */
  readonly stop: () => boolean;
  /** Called when all epochs are done and everything is written. */
  readonly finished?: (trainer: Trainer, folder: RunFolder) => Promise<void>;
  readonly device?: Device;
}

/** A run in progress. */
interface Run extends Omit<RunRequest, 'folder' | 'config'> {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly trainer: Trainer;
  /** Event files for TensorBoard, if requested. */
  readonly events: RunEvents | undefined;
  /**
   * The subject of all pictures: its programs are captured once. It remembers codes, so none are requested before the training
   * is over.
   */
  readonly subject: Subject;
  /** The sums behind the epoch's averages. */
  tally: Tally;
}

/** Steps below which an epoch has no first pictures of its own. */
const SHORT_EPOCH = 40;

/**
 * A training with fewer multiplications in its dense layers counts as brief: this loses at most 2 s of CPU time, of the 5 to 6 s
 * that it saves where the driver has compiled nothing yet.
 */
const BRIEF_WORK = 2 ** 36;

/**
 * Trains, or continues training, and fills the run folder. Each epoch ends with its metrics, pictures, weights and
 * the state to resume from; what is on the disk is always complete. Returns whether all epochs were done.
 */
export async function trainRun(request: RunRequest): Promise<boolean> {
  const { spec, resume } = request;
  const { trainer, config, subject, compiled } = await prepared(request);
  const folder = await request.folder();
  folder.writeConfig(storedConfig(config, spec));
  folder.rewindMetrics(trainer);
  const events = RunEvents.open(folder.path, { step: trainer.step, wanted: config.tensorboard ?? true });
  const run = { ...request, folder, config, trainer, events, subject, tally: resume?.tally ?? emptyTally() };
  try {
    if (resume && !hasWholeWeights(folder)) await checkpointWeights(run);
    while (trainer.epoch < config.epochs) {
      if (!(await trainEpoch(run))) {
        await checkpoint(run);
        return false;
      }
      await finishEpoch(run);
      run.tally = emptyTally();
      await checkpoint(run);
    }
    await lastPictures(run);
    await request.finished?.(trainer, folder);
  } catch (error) {
    throw explained(error, run);
  } finally {
    // A process that ends while a driver compiles may crash.
    await compiled;
    events?.dispose();
    subject.dispose();
    folder.release();
  }
  return true;
}

interface Prepared extends Pick<Run, 'trainer' | 'config' | 'subject'> {
  /** When nothing is compiled ahead any more. */
  readonly compiled: Promise<void>;
}

/** Makes a trainer and compiles its step: everything that can fail before there is anything to keep. */
async function prepared(request: RunRequest): Promise<Prepared> {
  const { spec, data, resume, listener, device = defaultDevice() } = request;
  try {
    const trainer = new Trainer(spec, data, { ...request.config, device });
    if (resume) attempt(resume.file, () => trainer.restore(resume.tensors, resume.metadata));
    const parameters = trainer.model.parameters().reduce((sum, { size }) => sum + size, 0);
    const config = { ...request.config, parameters };
    if (device instanceof WebGPUDevice) device.brief = isBrief(config, data, trainer);
    listener.preparing(config);
    const subject = subjectOf(trainer.model, data);
    const step = trainer.prepare((done, total) => listener.compiling?.(done, total));
    // Behind the step's kernels, those of evaluations and pictures. Errors are reported when they are needed.
    const rest = Promise.allSettled([trainer.prepareRest(), subject.prepare()]);
    await step;
    return { trainer, config, subject, compiled: rest.then(() => {}) };
  } catch (error) {
    if (error instanceof DeviceLostError)
      throw new UserError(`${error.message}; nothing was written: start again`, { cause: error });
    throw inSize(error, { ...request, isFixed: resume !== undefined }, device);
  }
}

/**
 * Whether the rest of a training takes less time than compiling the fastest kernels for it. A step passes three times
 * through the parameters, an evaluation once. Only dense layers have a choice of kernels.
 */
function isBrief({ parameters, epochs }: RunConfig, { train, test }: Dataset, { epoch }: Trainer): boolean {
  return (epochs - epoch) * (3 * train.count + test.count) * parameters < BRIEF_WORK;
}

async function trainEpoch(run: Run): Promise<boolean> {
  const { folder, events, config, trainer, tally, listener, stop } = run;
  const epoch = trainer.epoch + 1;
  const { imagesPerEpoch } = trainer;
  const first = firstLook(run);
  const onStep = (row: StepMetrics) => {
    const { step, images, metrics } = row;
    tally.rows.push({ metrics, images });
    tally.images += images;
    listener.step(row, { epoch, images: tally.images, imagesPerEpoch });
    if (step % config.logEvery !== 0) return;
    folder.appendMetrics({ kind: 'step', step, epoch, ...metrics });
    events?.step(step, metrics);
  };
  const train = async (until?: number) => {
    const started = performance.now();
    const complete = await trainer.trainEpoch(onStep, stop, until);
    tally.seconds += (performance.now() - started) / 1000;
    return complete;
  };
  if (trainer.epoch === 0 && trainer.position < first) {
    await train(first);
    if (trainer.position >= first) await showFirst(run);
  }
  return train();
}

/**
 * Images of the first epoch after which there are first pictures: a quarter of them, in whole steps, so that they are the
 * same in every run. 0 where an epoch is too short to be waited for.
 */
function firstLook({ config, trainer }: Run): number {
  const steps = Math.ceil(trainer.imagesPerEpoch / config.batchSize);
  return steps < SHORT_EPOCH ? 0 : Math.round(steps / 4) * config.batchSize;
}

/** Reconstructions of the held-out images, and samples, long before the first epoch is done. */
async function showFirst({ folder, config, subject, listener, trainer }: Run): Promise<void> {
  await unlessBroken(listener, 'first pictures', async () => {
    const after = `after ${trainer.position.toLocaleString('en')} images`;
    const all = await allPictures(subject, { seed: config.seed, only: ['reconstructions', 'samples'] });
    const paths: string[] = [];
    for (const [name, picture] of Object.entries(all)) {
      if (picture.kind === 'absent') continue;
      const raster = await drawPicture({ ...picture, title: `${name} ${after}` }, headingOf(config));
      paths.push(await writePicture(folder, `first-${name}`, raster));
    }
    listener.note?.(`first pictures, ${after}: ${paths.join(', ')}`);
  });
}

async function finishEpoch(run: Run): Promise<void> {
  const { folder, events, data, listener, trainer, tally } = run;
  const { model, epoch, step } = trainer;
  const test = await trainer.evaluate();
  const nats = model.nats(test);
  const record: EpochRecord = {
    kind: 'epoch',
    epoch,
    step,
    steps: tally.rows.length,
    seconds: Number(tally.seconds.toFixed(3)),
    train: { ...averageOf(tally.rows), ...trainer.epochMetrics },
    test,
    ...(nats ? { nats } : {}),
  };
  folder.appendMetrics(record);
  await showEpoch(run, record);
  events?.epoch(record);
  await events?.codes(step, model, data.test.images);
  listener.epoch(record);
}

/** Draws the held-out images and their current reconstructions. */
async function showEpoch({ folder, events, config, subject, listener, trainer }: Run, record: EpochRecord) {
  const { epoch, step } = trainer;
  await unlessBroken(listener, `pictures of epoch ${epoch}`, async () => {
    const sheet = await pictures.reconstructions(subject);
    const title = `epoch ${epoch}: test loss ${record.test.loss!.toPrecision(4)}`;
    const picture = await drawPicture({ ...sheet, title }, headingOf(config));
    await writePicture(folder, epochPicture(epoch), picture);
    events?.picture(step, 'reconstructions', picture);
  });
}

/** Draws all pictures of a trained model, and writes the report. */
async function lastPictures({ folder, config, data, listener, trainer, spec, subject }: Run): Promise<void> {
  await unlessBroken(listener, `pictures; \`tapegrad report ${folder.path}\` tries again`, async () => {
    assembleAhead();
    const all = await allPictures(subject, { seed: config.seed });
    await keepCodeSummary(folder, subject);
    await writePictures(folder, all, headingOf(config));
    await writeReport(folder, { config, spec, data, model: trainer.model, subject }, all);
  });
}

/** Reports failing pictures without ending the training, unless the disk or the device has failed. */
async function unlessBroken({ note }: Listener, what: string, show: () => Promise<void>): Promise<void> {
  try {
    await show();
  } catch (error) {
    if (error instanceof UserError || error instanceof DeviceLostError) throw error;
    note?.(`no ${what}: ${reasonOf(error)}`);
  }
}

/**
 * Writes weights for others and the state for `--resume`. A crash between the two is harmless: where there was a state
 * before, the old one makes the newer weights again; where there was none, the state makes the weights (see `trainRun`).
 */
async function checkpoint(run: Run): Promise<void> {
  const { folder, trainer, config, tally } = run;
  const { tensors, metadata } = await trainer.checkpoint();
  folder.assertHeld();
  const state = { tensors, metadata: { ...metadata, model: config.model }, tally };
  const writeState = () => writeRunState(folder, state);
  const isFirst = !folder.has(runFiles.state);
  if (isFirst) writeState();
  await checkpointWeights(run);
  if (!isFirst) writeState();
}

async function checkpointWeights({ folder, events, trainer, config }: Run): Promise<void> {
  const weights = await writeWeights(folder, trainer.model, config.model);
  if (trainer.position === 0) events?.weights(trainer.step, weights);
}

function hasWholeWeights(folder: RunFolder): boolean {
  try {
    readStoredWeights(folder);
    return true;
  } catch {
    return false;
  }
}

/** Turns errors of training into ones that users can act on. The last good checkpoint stays on the disk. */
function explained(error: unknown, run: Run): unknown {
  const { folder } = run;
  const kept = folder.has(runFiles.state);
  const resume = kept
    ? `the last checkpoint is kept: go on with \`tapegrad train --resume ${folder.path}\``
    : 'there was no checkpoint yet: start again';
  if (error instanceof NotFiniteError) {
    const state = kept ? `the last checkpoint in ${folder.path} is kept` : 'there was no checkpoint yet';
    return new UserError(`${error.message}; ${state}; try a smaller --lr`);
  }
  if (error instanceof DeviceLostError || error instanceof UserError) {
    return new UserError(`${error.message}; ${resume}`, { cause: error });
  }
  return inSize(error, run, run.trainer.device);
}
