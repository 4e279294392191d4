import { join } from 'node:path';
import { createRaster, encodePng, type Raster } from '@tapegrad/plot';
import { Generator, referenceDevice } from '@tapegrad/tensor';
import { type Autoencoder, type ModelOptions, models, settingsOf, type TrainingOptions } from '@tapegrad/vae';
import {
  type Dataset,
  epochPicture,
  type RunConfig,
  RunFolder,
  storedConfig,
  writeWeights,
} from 'tapegrad/node';

/** What a run of two epochs has noted: a loss that falls from `loss`, with a step that is no number. */
export const recordsOf = (loss: number, epochs = 2) =>
  Array.from({ length: epochs }, (_, i) => {
    const [epoch, now] = [i + 1, loss / (i + 1)];
    const parts = { reconstruction: now * 0.75, kl: now * 0.25 };
    return [
      {
        kind: 'step' as const,
        step: 10 * epoch - 5,
        epoch,
        loss: i === 0 ? Number.NaN : now * 1.1,
        ...parts,
      },
      { kind: 'step' as const, step: 10 * epoch, epoch, loss: now * 1.05, ...parts },
      {
        kind: 'epoch' as const,
        epoch,
        step: 10 * epoch,
        steps: 10,
        seconds: 1.5,
        train: { loss: now * 1.2, ...parts },
        test: { loss: now, ...parts },
        nats: { elbo: -100 * now, reconstruction: 90 * now, kl: 10 * now },
      },
    ];
  }).flat();

/** A picture of one image of 2 by 2 pixels, which are as grey as said. */
const pictureOf = (level: number): Raster => ({
  ...createRaster(4, 4, level),
  grid: {
    ...{ left: 1, top: 1, stepX: 3, stepY: 3, scale: 1, columns: 1, count: 1, shape: [1, 2, 2] },
    ...{ rowLabels: ['decoded'], columnLabels: ['7'] },
  },
});

export interface Finished {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly model: Autoencoder;
}

/** The folder of a run with untrained weights and invented metrics: nothing but what a command reads of it. */
export async function finishedRun(
  path: string,
  data: Dataset,
  {
    model: name = 'vae',
    loss = 1,
    epochs = 2,
    ...options
  }: Partial<ModelOptions & TrainingOptions> & {
    model?: string;
    loss?: number;
    seed?: number;
    data: string;
  },
): Promise<Finished> {
  const spec = models.get(name)!;
  const config: RunConfig = {
    ...settingsOf(spec, { network: 'mlp', hidden: 8, latent: 3, ...options }),
    model: name,
    epochs,
    seed: 0,
    limit: null,
    logEvery: 5,
    imageShape: data.shape,
    checksums: data.checksums,
    adapter: { name: 'reference', driver: '', kind: '' },
    versions: { tapegrad: '0' },
    parameters: 1234,
    ...options,
  };
  const folder = await RunFolder.claim(path);
  folder.writeConfig(storedConfig(config, spec));
  for (const record of recordsOf(loss, epochs)) folder.appendMetrics(record);
  for (let epoch = 1; epoch <= epochs; epoch++)
    folder.writeImage(`${epochPicture(epoch)}.png`, encodePng(pictureOf(epoch)));
  const model = spec.build(data.shape, config, new Generator(config.seed, { device: referenceDevice }));
  await writeWeights(folder, model, name);
  folder.release();
  return { folder: RunFolder.open(join(path)), config, model };
}
