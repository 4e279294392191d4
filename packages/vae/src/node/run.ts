import { readFileSync } from 'node:fs';
import { loadStateDict, saveStateDict } from '@tapegrad/nn';
import type { Device } from '@tapegrad/tensor';
import { Generator } from '@tapegrad/tensor';
import { type Autoencoder, type ModelSpec, models, type TrainingDefaults } from '../models/index.ts';
import { type Dataset, heldOutDigits, loadDataset } from './data/datasets.ts';
import { UserError } from './errors.ts';
import { RunFolder, runFiles } from './run-folder.ts';
import { nearestName } from './suggest.ts';

/** What `config.json` holds: every option in force, and what the run rests on. */
export interface RunConfig extends TrainingDefaults {
  readonly model: string;
  readonly seed: number;
  readonly data: string;
  /** First N training images, or null for all. */
  readonly limit: number | null;
  readonly logEvery: number;
  readonly imageShape: readonly [number, number, number];
  readonly checksums: Readonly<Record<string, string>>;
  readonly adapter: { readonly name: string; readonly driver: string; readonly kind: string };
  readonly versions: Readonly<Record<string, string>>;
  readonly parameters: number;
}

export function specOf(name: string): ModelSpec {
  const spec = models.get(name);
  if (spec) return spec;
  const near = nearestName(name, [...models.keys()]);
  throw new UserError(
    `no model is named '${name}'${near ? `; did you mean '${near}'?` : ''} There are ${[...models.keys()].join(', ')}`,
  );
}

/** Loads a dataset; `limit` keeps the first so many training images. */
export function loadData(name: string, limit: number | null): Dataset {
  const data = loadDataset(name);
  const count = Math.min(limit ?? data.train.count, data.train.count);
  return { ...data, train: { ...data.train, count } };
}

/** A finished (or interrupted) run, ready to be asked for figures and pictures. */
export interface OpenRun {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly spec: ModelSpec;
  readonly model: Autoencoder;
}

export function readRunConfig(folder: RunFolder): { config: RunConfig; spec: ModelSpec } {
  const config = folder.readConfig() as unknown as RunConfig;
  const spec = models.get(config.model);
  if (!spec || !Array.isArray(config.imageShape) || !(config.latent >= 1)) {
    throw new UserError(`${folder.path}: its config.json does not describe a model that this version knows`);
  }
  return { config, spec };
}

/** Opens a run folder and loads its weights. */
export function openRun(path: string, device: Device): OpenRun {
  const folder = RunFolder.open(path);
  const { config, spec } = readRunConfig(folder);
  if (!folder.has(runFiles.weights)) {
    throw new UserError(`${path}: the run has no weights yet: it stopped before its first checkpoint`);
  }
  const model = spec.build(config.imageShape, config, new Generator(config.seed, { device }));
  const file = folder.file(runFiles.weights);
  try {
    loadStateDict(model, readFileSync(file));
  } catch (error) {
    throw new UserError(`${file}: ${(error as Error).message}`);
  }
  return { folder, config, spec, model };
}

/** Writes the weights under PyTorch's names. */
export async function writeWeights(folder: RunFolder, model: Autoencoder, name: string): Promise<void> {
  folder.writeAtomically(runFiles.weights, await saveStateDict(model, { format: 'pt', model: name }));
}

/** The bytes of the held-out digits (the first of each class in the test set), and their names. */
export function heldOut(data: Dataset): { bytes: Uint8Array; labels: string[] } {
  const size = data.shape.reduce((product, extent) => product * extent, 1);
  const indices = heldOutDigits(data);
  const bytes = new Uint8Array(indices.length * size);
  indices.forEach((index, k) => {
    bytes.set(data.test.images.subarray(index * size, (index + 1) * size), k * size);
  });
  return { bytes, labels: indices.map((index, k) => `${data.test.labels?.[index] ?? k}`) };
}
