import { readFileSync } from 'node:fs';
import { decodeSafetensors, encodeSafetensors } from '@tapegrad/nn';
import { DeviceLostError } from '@tapegrad/tensor';
import { latentGrid, reconstructions, samples } from '../gallery.ts';
import type { ModelSpec } from '../models/index.ts';
import { averageOf, type Figures } from '../pass.ts';
import { encodePng } from '../pictures/png.ts';
import type { Raster } from '../pictures/raster.ts';
import { NotFiniteError, type StepFigures, Trainer } from '../trainer.ts';
import type { Dataset } from './data/datasets.ts';
import { UserError } from './errors.ts';
import { heldOut, type RunConfig, writeWeights } from './run.ts';
import { type RunFolder, runFiles } from './run-folder.ts';

/** Whom a run tells how it goes: the progress bar, or the lines of `--json`. */
export interface Listener {
  /** Kernels are being compiled. */
  preparing(): void;
  step(figures: StepFigures, progress: { epoch: number; images: number; imagesPerEpoch: number }): void;
  epoch(record: Record<string, unknown>): void;
  note(message: string): void;
}

export interface RunRequest {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly spec: ModelSpec;
  readonly data: Dataset;
  readonly resume: boolean;
  readonly listener: Listener;
  /** Asked after every window of steps: true ends the run there, with a checkpoint. */
  readonly stop: () => boolean;
}

/** The sums behind an epoch's training averages, which a resumed epoch goes on with. */
interface Tally {
  rows: { figures: Figures; images: number }[];
  images: number;
  seconds: number;
}

const emptyTally = (): Tally => ({ rows: [], images: 0, seconds: 0 });

/**
 * Trains, or goes on training, and fills the run folder. Each epoch ends with its metrics, pictures, weights and the
 * state to resume from; what is on the disk is always whole.
 * Returns whether all epochs were done.
 */
export async function trainRun(request: RunRequest): Promise<boolean> {
  const { folder, config, spec, data, listener, stop } = request;
  const trainer = new Trainer(spec, data, config);
  const tally = emptyTally();
  if (request.resume) resumeFrom(folder, trainer, tally);
  listener.preparing();
  await trainer.prepare();
  try {
    while (trainer.epoch < config.epochs) {
      const epoch = trainer.epoch + 1;
      const started = performance.now();
      const onStep = (row: StepFigures) => {
        tally.rows.push({ figures: row.figures, images: row.images });
        tally.images += row.images;
        listener.step(row, { epoch, images: tally.images, imagesPerEpoch: trainer.imagesPerEpoch });
        if (row.step % config.logEvery === 0)
          folder.appendMetrics({ kind: 'step', step: row.step, epoch, ...row.figures });
      };
      const complete = await trainer.trainEpoch(onStep, stop);
      tally.seconds += (performance.now() - started) / 1000;
      if (!complete) {
        await checkpoint(folder, trainer, config, tally);
        return false;
      }
      await finishEpoch(request, trainer, tally);
      Object.assign(tally, emptyTally());
      await checkpoint(folder, trainer, config, tally);
    }
  } catch (error) {
    throw await explained(error, request, trainer, tally);
  }
  await lastPictures(request, trainer);
  return true;
}

async function finishEpoch(
  { folder, config, spec, data, listener }: RunRequest,
  trainer: Trainer,
  tally: Tally,
) {
  const { model } = trainer;
  const train = averageOf(tally.rows);
  const test = await trainer.evaluate();
  const nats = model.nats(test);
  const record = {
    kind: 'epoch' as const,
    epoch: trainer.epoch,
    step: trainer.step,
    steps: tally.rows.length,
    seconds: Number(tally.seconds.toFixed(3)),
    train,
    test,
    ...(nats ? { nats } : {}),
  };
  folder.appendMetrics(record);
  const { bytes, labels } = heldOut(data);
  const title = `${config.model}, epoch ${trainer.epoch}: test loss ${test.loss!.toPrecision(4)}`;
  const picture = await reconstructions(model, bytes, spec.normalization, { title, columnLabels: labels });
  writePicture(folder, `reconstructions-epoch-${String(trainer.epoch).padStart(3, '0')}`, picture);
  listener.epoch(record);
}

async function lastPictures({ folder, config, spec, data }: RunRequest, trainer: Trainer): Promise<void> {
  const { model } = trainer;
  const { bytes, labels } = heldOut(data);
  const title = (what: string) => `${config.model} (d = ${config.latent}): ${what}`;
  const decoded = await reconstructions(model, bytes, spec.normalization, {
    title: title('held-out digits'),
    columnLabels: labels,
  });
  writePicture(folder, 'reconstructions', decoded);
  writePicture(folder, 'samples', await samples(model, { seed: config.seed, title: title('samples') }));
  writePicture(folder, 'latent-grid', await latentGrid(model, { title: title('latent grid') }));
}

export function writePicture(folder: RunFolder, name: string, raster: Raster): string {
  folder.writeImage(`${name}.png`, encodePng(raster));
  return folder.file(`images/${name}.png`);
}

/** Weights for others, state for `--resume`. The state alone is enough to go on, so a crash between the two is harmless. */
async function checkpoint(
  folder: RunFolder,
  trainer: Trainer,
  config: RunConfig,
  tally: Tally,
): Promise<void> {
  await writeWeights(folder, trainer.model, config.model);
  const { tensors, metadata } = await trainer.checkpoint();
  const state = encodeSafetensors(tensors, {
    ...metadata,
    model: config.model,
    tally: JSON.stringify(tally),
  });
  folder.writeAtomically(runFiles.state, state);
}

function resumeFrom(folder: RunFolder, trainer: Trainer, tally: Tally): void {
  const file = folder.file(runFiles.state);
  if (!folder.has(runFiles.state))
    throw new UserError(`${folder.path}: nothing to resume: it has no state.safetensors`);
  try {
    const { tensors, metadata } = decodeSafetensors(readFileSync(file));
    trainer.restore(tensors, metadata);
    Object.assign(tally, JSON.parse(metadata.tally ?? '{}') as Partial<Tally>);
  } catch (error) {
    throw new UserError(`${file}: ${(error as Error).message}`);
  }
  folder.rewindMetrics({ step: trainer.step, epoch: trainer.epoch });
}

/** Errors of training as a user can act on them. */
async function explained(
  error: unknown,
  request: RunRequest,
  trainer: Trainer,
  tally: Tally,
): Promise<unknown> {
  const { folder, config } = request;
  const resume = `tapegrad train --resume ${folder.path}`;
  if (error instanceof DeviceLostError) {
    const kept = folder.has(runFiles.state)
      ? `the last checkpoint is kept: go on with \`${resume}\``
      : 'there was no checkpoint yet: start again with --force';
    return new UserError(`${error.message}; ${kept}`);
  }
  if (error instanceof NotFiniteError) {
    // The trainer has gone back to where all was well: that is the last good checkpoint.
    while (tally.images > trainer.position) tally.images -= tally.rows.pop()!.images;
    if (trainer.step > 0) await checkpoint(folder, trainer, config, tally);
    return new UserError(
      `${error.message}. ${trainer.step > 0 ? `The state after step ${trainer.step} is kept in ${folder.path}` : 'Nothing was learned yet'}; try a smaller --lr`,
    );
  }
  return error;
}
