import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { faultOf, flagOf, models } from '@tapegrad/vae';
import type { Dataset } from '../data/dataset.ts';
import { attempt, UserError } from '../errors.ts';
import { noModel, specOf } from '../models.ts';
import type { AdapterConfig, RunConfig } from '../run/run.ts';
import { type DataOptions, findData, type LoadingListener } from '../run/run-data.ts';
import { runFiles } from '../run/run-folder.ts';
import { faultIn, runFacts, runOptions } from '../run/run-options.ts';
import { nearestName } from '../suggest.ts';
import { parseObject, readText } from '../text.ts';
import { tunable } from './options/tunable.ts';

/** The content of `--config FILE`. */
export interface ConfigFile {
  readonly path: string;
  readonly model: string;
  /** Options, by their names in `config.json` and on the command line. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The adapter that the run of this file was trained on, if it was trained. */
  readonly adapter?: AdapterConfig;
  /** Finds the images of its run, by their checksums if it has any. */
  find(
    options: DataOptions,
    listener: LoadingListener,
  ): Promise<{ data: Dataset; name: string; note?: string }>;
}

/** Options that `--data` replaces too, since they belong to the images. */
const OF_IMAGES = ['imageSize', 'channels', 'badImages', 'pixelMean', 'pixelStd'];

/**
 * Reads a run's `config.json`, or one written by hand: any options of one model. `named` is the model that the command line
 * names, if any, and `given` are its options, which override the file's.
 *
 * @throws UserError that names the file about an option that is unknown, of another model, or out of range
 */
export function readConfigFile(
  file: string,
  named: string | undefined,
  given: Readonly<Record<string, unknown>>,
): ConfigFile {
  const path = existsSync(file) && statSync(file).isDirectory() ? join(file, runFiles.config) : file;
  const what = `--config ${file}`;
  const text = attempt(what, () => readText(path));
  const config = parseObject(text);
  if (!config) throw new UserError(`${what}: it is not a JSON object, as a run's ${runFiles.config} is`);
  const { model = named } = config;
  if (typeof model !== 'string')
    throw new UserError(`${what}: it names no model; name one: tapegrad train MODEL --config ${file}`);
  if (!models.has(model)) throw new UserError(`${what}: ${noModel(model)}`);
  if (named !== undefined && specOf(named).name !== model)
    throw new UserError(`${what}: holds options of '${model}', not of '${named}'`);
  const entries = Object.entries(config).filter(([name]) => !runFacts.has(name));
  for (const [name, value] of entries) assertOption(what, model, name, value);
  const isTaken = ([name, value]: [string, unknown]) =>
    value !== null && !(given.data !== undefined && OF_IMAGES.includes(name));
  const { checksums, dataPaths, adapter } = config as Partial<RunConfig>;
  return {
    path: file,
    model,
    options: Object.fromEntries(entries.filter(isTaken)),
    ...(typeof adapter?.name === 'string' && !('imported' in config) && { adapter }),
    async find(options, listener) {
      const run = {
        config: { ...options, dataPaths, checksums: checksums ?? {} },
        folder: { path: dirname(path) },
      };
      const { data, name, differing } = await findData(run, { listener });
      const isOther = checksums !== undefined && differing.length > 0;
      return {
        data,
        name,
        ...(isOther && {
          note: `${what}: its run had other images: the checksum of ${differing[0]} in ${name} is not the same`,
        }),
      };
    },
  };
}

function assertOption(what: string, model: string, name: string, value: unknown): void {
  const { defaults } = specOf(model);
  const range = tunable[name];
  if (range && !(name in defaults)) {
    const own = Object.keys(defaults).join(', ');
    throw new UserError(`${what}: ${model} has no ${name}; it takes ${own}`);
  }
  const known = runOptions[name];
  if (!range && !known) {
    const names = [...Object.keys(defaults), ...Object.keys(runOptions)];
    const near = nearestName(name, names) ?? (flagged(name) in defaults ? flagged(name) : undefined);
    throw new UserError(
      `${what}: '${name}' is not an option of a run${near ? `; did you mean '${near}'?` : ` (known: ${names.join(', ')})`}`,
    );
  }
  const fault = faultIn(name, value, range ? faultOf(range, value) : known!.fault(value));
  if (fault) throw new UserError(`${what}: ${fault}`);
}

/** `freeBits` for `free-bits`, which somebody who thinks of the flag may write. */
const flagged = (name: string): string =>
  [...Object.keys(tunable), ...Object.keys(runOptions)].find((known) => flagOf(known) === name) ?? name;
