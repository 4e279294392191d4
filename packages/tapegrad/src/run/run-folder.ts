import {
  accessSync,
  appendFileSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { renameOver } from '@tapegrad/node';
import { attempt, UserError } from '../errors.ts';
import { nearestName } from '../suggest.ts';
import { readText } from '../text.ts';
import { eventFiles } from './tensorboard.ts';

/** The files of a run, by which a folder is known to hold one. */
export const runFiles = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  weights: 'weights.safetensors',
  state: 'state.safetensors',
} as const;

/** Folders that a run fills, and what it writes only if asked. */
const runFolders = ['images', 'export', 'profile.json', 'report.html'];

/** One line of `metrics.jsonl`. Losses that are not finite are stored as null, since JSON has no NaN. */
export interface MetricsRecord {
  kind: 'step' | 'epoch';
  /** Optimizer steps since the beginning of the run. */
  step?: number;
  epoch?: number;
  [key: string]: unknown;
}

/**
 * The folder that one training run writes, and that the other commands read. Whole files are replaced atomically, and
 * metrics are appended line by line: a crash at any moment leaves a folder that can be opened and resumed.
 * Every method that touches the disk throws a UserError of one line when the disk refuses.
 */
export class RunFolder {
  readonly path: string;
  /** Whether this object made the folder, and nothing is in it yet. */
  #fresh: boolean;

  private constructor(path: string, fresh = false) {
    this.path = path;
    this.#fresh = fresh;
  }

  /** Refuses a path where `create` could not make a run's folder, touching nothing: a training asks before it begins. */
  static assertFree(path: string, { force = false }: { force?: boolean } = {}): void {
    if (path === '') throw new UserError("the run's folder has no name: name one with --out");
    if (existsSync(path) && !statSync(path).isDirectory()) {
      throw new UserError(`${path}: cannot be the run's folder: it is a file; choose another with --out`);
    }
    let above = path; // or the folder itself, where it exists
    while (!existsSync(above) && dirname(above) !== above) above = dirname(above);
    const what = `${path}: cannot prepare the run's folder`;
    attempt(what, () => accessSync(above, constants.W_OK));
    if (!statSync(above).isDirectory()) throw new UserError(`${what}: ${above} is a file, not a folder`);
    const held = filesHeld(path);
    if (held.length > 0 && !force) {
      throw new UserError(
        `${path}: holds another run (${held.join(', ')}); choose another folder with --out, go on with that run with ` +
          '--resume, or replace it with --force',
      );
    }
  }

  /**
   * Makes the folder, and its parents. One that holds a run already is refused, unless `force`: then that run's files
   * are removed, and only those.
   */
  static create(path: string, options: { force?: boolean } = {}): RunFolder {
    RunFolder.assertFree(path, options);
    const made = attempt(`${path}: cannot prepare the run's folder`, () => {
      const first = mkdirSync(path, { recursive: true });
      const held = filesHeld(path);
      for (const name of held.length > 0 ? [...held, ...runFolders, ...eventFiles(path)] : [])
        rmSync(join(path, name), { recursive: true, force: true });
      return first !== undefined;
    });
    return new RunFolder(path, made);
  }

  /** Opens the folder of an earlier run, once its configuration is found to be readable. */
  static open(path: string): RunFolder {
    if (!existsSync(path)) {
      const near = nearestName(basename(path), siblings(path));
      const hint = near ? `; did you mean ${join(dirname(path), near)}?` : '';
      throw new UserError(`${path}: no such run folder${hint}`);
    }
    if (!statSync(path).isDirectory()) {
      throw new UserError(`${path}: is a file; name the run's folder`);
    }
    const folder = new RunFolder(path);
    folder.readConfig();
    return folder;
  }

  /** The path of a file of this run. */
  file(name: string): string {
    return join(this.path, name);
  }

  has(name: string): boolean {
    return existsSync(this.file(name));
  }

  // ------------------------------------------------------------------------------------------------- configuration

  /** Where this is the first file of a new folder and the disk refuses it, the folder goes too. */
  writeConfig(config: object): void {
    try {
      this.writeAtomically(runFiles.config, `${JSON.stringify(config, null, 2)}\n`);
    } catch (error) {
      if (this.#fresh) quietly(() => rmdirSync(this.path));
      throw error;
    }
    this.#fresh = false;
  }

  /** The configuration as it was written; the caller checks what it needs of it. */
  readConfig(): Record<string, unknown> {
    const path = this.file(runFiles.config);
    if (!existsSync(path)) {
      throw new UserError(`${this.path}: not a run folder: it holds no ${runFiles.config}`);
    }
    const text = attempt(`${path}: cannot read it`, () => readText(path));
    const config = parseObject(text);
    if (!config)
      throw new UserError(`${path}: broken: it is not a JSON object; the run cannot be used without it`);
    return config;
  }

  // ------------------------------------------------------------------------------------------------------- metrics

  /** Appends one line, handed to the system at once: a killed process loses nothing that was appended. */
  appendMetrics(record: MetricsRecord): void {
    const path = this.file(runFiles.metrics);
    const length = existsSync(path) ? statSync(path).size : 0;
    attempt(`${path}: cannot write it`, () => {
      try {
        appendFileSync(path, `${JSON.stringify(record)}\n`);
      } catch (error) {
        quietly(() => truncateSync(path, length)); // a full disk may have taken half of the line
        throw error;
      }
    });
  }

  /** All records so far; a last line that a crash cut short is left out. */
  readMetrics(): MetricsRecord[] {
    return this.#metrics().map(({ record }) => record);
  }

  /**
   * Drops what was logged after a checkpoint, so that a resumed run continues the same curves: a torn last line, and
   * everything from the first record of a later step or epoch on.
   *
   * @param step optimizer steps that the checkpoint has behind it
   * @param epoch epochs that it has completed, whose summaries stay; all epochs' when not given
   */
  rewindMetrics({ step, epoch = Number.POSITIVE_INFINITY }: { step: number; epoch?: number }): void {
    const path = this.file(runFiles.metrics);
    if (!existsSync(path)) return;
    let end = 0;
    for (const { record, end: recordEnd } of this.#metrics()) {
      const later = (record.step ?? 0) > step || (record.kind === 'epoch' && (record.epoch ?? 0) > epoch);
      if (later) break;
      end = recordEnd;
    }
    attempt(`${path}: cannot shorten it`, () => truncateSync(path, end));
  }

  /** Every whole line, with the position in bytes at which it ends. */
  #metrics(): { record: MetricsRecord; end: number }[] {
    const path = this.file(runFiles.metrics);
    if (!existsSync(path)) return [];
    const lines = attempt(`${path}: cannot read it`, () => readFileSync(path, 'utf8')).split('\n');
    lines.pop(); // what follows the last newline: nothing, or half a line
    let end = 0;
    return lines.map((line, i) => {
      const record = parseObject(line);
      if (!record)
        throw new UserError(`${path}: line ${i + 1} is not a JSON object; remove the line to go on`);
      end += Buffer.byteLength(line) + 1;
      return { record: record as MetricsRecord, end };
    });
  }

  // --------------------------------------------------------------------------------------------------- whole files

  /**
   * Writes a file under a temporary name beside its own, waits until it is on the disk, and renames it: whoever reads
   * `name` finds the old content or the new, never a part. When it fails, the old file stays and the temporary goes.
   *
   * @param name may be in a subfolder, which is made when needed
   */
  writeAtomically(name: string, content: Uint8Array | string): void {
    writeWhole(this.file(name), content);
  }

  /** Writes `images/<name>`, an encoded PNG. */
  writeImage(name: string, png: Uint8Array): void {
    this.writeAtomically(join('images', name), png);
  }
}

/** Writes a file under another name, and renames it when it is whole on the disk. Makes its folder. */
export function writeWhole(path: string, content: Uint8Array | string): void {
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  attempt(`${path}: cannot write it`, () => {
    mkdirSync(dirname(path), { recursive: true });
    try {
      const file = openSync(temporary, 'w');
      try {
        writeFileSync(file, content);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameOver(temporary, path);
    } catch (error) {
      quietly(() => rmSync(temporary, { force: true }));
      throw error;
    }
  });
}

/** The files of a run that a folder holds. */
const filesHeld = (path: string): string[] =>
  Object.values(runFiles).filter((name) => existsSync(join(path, name)));

/** For cleaning up after a failure, which must not hide the failure. */
function quietly(fn: () => void): void {
  try {
    fn();
  } catch {}
}

function siblings(path: string): string[] {
  try {
    return readdirSync(dirname(path));
  } catch {
    return [];
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {}
  return undefined;
}
