import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeFolder } from '@tapegrad/node';
import { attempt, quietly, UserError } from '../errors.ts';
import { whyNothingFits } from '../folders.ts';
import { Lock } from '../lock.ts';
import { nearestName } from '../suggest.ts';
import { parseObject, readText } from '../text.ts';
import {
  appendRecord,
  type Checkpoint,
  type MetricsRecord,
  readRecords,
  rewindRecords,
} from './metrics-log.ts';
import { eventFiles } from './tensorboard.ts';
import { removeLeftovers, writeWhole } from './whole-files.ts';

/** The files of a run, by which its folder is recognized. */
export const runFiles = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  weights: 'weights.safetensors',
  state: 'state.safetensors',
} as const;

/** Folders that a run fills, and files that it writes late or only if asked. */
const runFolders = ['images', 'export', 'latent.json', 'profile.json', 'report.html'];

/** Says which process is writing the run, if any. */
const LOCK = '.lock';

export interface ClaimOptions {
  /** Whether a run that is in the folder may be replaced. */
  readonly force?: boolean;
  /** Whether a run that stopped before its first checkpoint may be replaced: it has nothing to keep. */
  readonly again?: boolean;
  /** Called with a message about what it waits for. */
  readonly waiting?: (message: string) => void;
}

/**
 * The folder that a training run writes and the other commands read. Whole files are replaced atomically, and metrics
 * are appended line by line, so a crash at any moment leaves a folder that can be opened and resumed. One process at
 * a time trains it, and holds the folder's lock (`claim`, `take`). Others may read it, and add pictures. Every method
 * that touches the disk throws a UserError of one line if the disk refuses.
 */
export class RunFolder {
  readonly path: string;
  #lock: Lock | undefined;
  /** Whether this object made the folder and it is still empty. */
  #fresh: boolean;

  private constructor(path: string, fresh = false) {
    this.path = path;
    this.#fresh = fresh;
  }

  // -------------------------------------------------------------------------------------------- making and opening

  /** Refuses a path where no folder can be made, and leaves nothing there: a training run asks before it begins. */
  static assertPlace(path: string): void {
    if (path === '') throw new UserError("the run's folder has no name: name one with --out");
    if (existsSync(path) && !statSync(path).isDirectory()) {
      throw new UserError(`${path}: cannot be the run's folder: it is a file; choose another with --out`);
    }
    let above = path; // or the folder itself, if it exists
    while (!existsSync(above) && dirname(above) !== above) above = dirname(above);
    const what = `${path}: cannot prepare the run's folder`;
    attempt(what, () => accessSync(above, constants.W_OK));
    if (!statSync(above).isDirectory()) throw new UserError(`${what}: ${above} is a file, not a folder`);
    const reason = whyNothingFits(above);
    if (reason) throw new UserError(`${what}: ${reason}`);
  }

  /**
   * Refuses a path that `claim` would refuse, as far as that can be told now.
   * @returns whether there is a run that stopped before its first checkpoint and would be replaced
   */
  static assertFree(path: string, options: ClaimOptions = {}): boolean {
    RunFolder.assertPlace(path);
    Lock.assertFree(join(path, LOCK), path);
    return beginsAgain(path, options);
  }

  /**
   * Makes the folder and its parents, and holds it. A folder with a run in it is refused unless `force` or `again`
   * allow it: then that run's files are removed, and only those.
   */
  static async claim(path: string, options: ClaimOptions = {}): Promise<RunFolder> {
    RunFolder.assertFree(path, options);
    const made = attempt(`${path}: cannot prepare the run's folder`, () => makeFolder(path));
    return RunFolder.#held(path, { fresh: made !== undefined, ...options }, (folder) => {
      beginsAgain(path, options); // another process may have written a run in the meantime, and ended
      folder.#clear();
    });
  }

  /** As `claim`, for the first of PATH, PATH-2, PATH-3 … that does not exist: no two processes get the same one. */
  static async claimNext(path: string, options: Pick<ClaimOptions, 'waiting'> = {}): Promise<RunFolder> {
    const what = `${path}: cannot prepare the run's folder`;
    attempt(what, () => makeFolder(dirname(path)));
    for (let n = 1; ; n++) {
      const next = n === 1 ? path : `${path}-${n}`;
      if (attempt(what, () => madeNew(next))) return RunFolder.#held(next, { fresh: true, ...options });
    }
  }

  /** Opens the folder of an earlier run, if its configuration can be read. */
  static open(path: string): RunFolder {
    if (path === '') throw new UserError("the run's folder has no name: is a variable of the shell empty?");
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

  /** Opens the folder of an earlier run and holds it, in order to continue that run. */
  static async take(path: string, options: Pick<ClaimOptions, 'waiting'> = {}): Promise<RunFolder> {
    RunFolder.open(path);
    return RunFolder.#held(path, { fresh: false, ...options });
  }

  static async #held(
    path: string,
    { fresh, waiting }: { fresh: boolean; waiting?: ClaimOptions['waiting'] },
    prepare: (folder: RunFolder) => void = () => {},
  ): Promise<RunFolder> {
    const folder = new RunFolder(path, fresh);
    try {
      folder.#lock = await Lock.take(join(path, LOCK), { what: path, waiting });
      prepare(folder);
    } catch (error) {
      folder.#abandon();
      throw error;
    }
    removeLeftovers(path);
    return folder;
  }

  /** Lets other processes train the run, as does the end of this one. */
  release(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  /** @throws UserError if another process has taken the run, whose files must not be overwritten */
  assertHeld(): void {
    if (this.#lock?.isHeld === false)
      throw new UserError(
        `${this.path}: another process took it over after this one had shown no sign of life for too long; this one stops`,
      );
  }

  /** Removes the folder if it was made in vain. */
  #abandon(): void {
    this.release();
    if (this.#fresh) quietly(() => rmdirSync(this.path));
  }

  #clear(): void {
    const held = filesHeld(this.path);
    if (held.length === 0) return;
    attempt(`${this.path}: cannot remove the run that is in it`, () => {
      for (const name of [...held, ...runFolders, ...eventFiles(this.path)])
        rmSync(this.file(name), { recursive: true, force: true });
    });
  }

  /** The path of a file of this run. */
  file(name: string): string {
    return join(this.path, name);
  }

  has(name: string): boolean {
    return existsSync(this.file(name));
  }

  // ------------------------------------------------------------------------------------------------- configuration

  /** If this is the first file of a new folder and the disk refuses it, the folder is removed as well. */
  writeConfig(config: object): void {
    try {
      this.writeAtomically(runFiles.config, `${JSON.stringify(config, null, 2)}\n`);
    } catch (error) {
      if (this.#fresh) this.#abandon();
      throw error;
    }
    this.#fresh = false;
  }

  /** The configuration as it was written; callers check what they need. */
  readConfig(): Record<string, unknown> {
    const path = this.file(runFiles.config);
    if (!existsSync(path)) {
      const [run] = runsIn(this.path);
      const hint = run === undefined ? '' : `; there are runs in it, such as ${run}`;
      throw new UserError(`${this.path}: not a run folder: it holds no ${runFiles.config}${hint}`);
    }
    const text = attempt(`${path}: cannot read it`, () => readText(path));
    const config = parseObject(text);
    if (!config)
      throw new UserError(`${path}: broken: it is not a JSON object; the run cannot be used without it`);
    return config;
  }

  // ------------------------------------------------------------------------------------------------------- metrics

  /** Appends one line; see `appendRecord`. */
  appendMetrics(record: MetricsRecord): void {
    appendRecord(this.file(runFiles.metrics), record);
  }

  /** All records so far; a last line that a crash cut short is left out. */
  readMetrics(): MetricsRecord[] {
    return readRecords(this.file(runFiles.metrics));
  }

  /** Drops what was logged after a checkpoint; see `rewindRecords`. */
  rewindMetrics(checkpoint: Checkpoint): void {
    rewindRecords(this.file(runFiles.metrics), checkpoint);
  }

  // --------------------------------------------------------------------------------------------------- whole files

  /**
   * Writes a file under a temporary name in the same folder, waits until it is on the disk, and renames it: readers of
   * `name` find the old content or the new, never a part. If that fails, the old file stays and the temporary one is
   * removed.
   *
   * @param name may be in a subfolder, which is made when needed
   */
  writeAtomically(name: string, content: Uint8Array | string): void {
    writeWhole(this.file(name), content, { alone: this.#lock !== undefined });
  }

  /** Writes `images/<name>`, an encoded PNG. */
  writeImage(name: string, png: Uint8Array): void {
    this.writeAtomically(join('images', name), png);
  }
}

/** The files of a run that a folder holds. */
const filesHeld = (path: string): string[] =>
  Object.values(runFiles).filter((name) => existsSync(join(path, name)));

/**
 * Whether a new run replaces one that stopped before its first checkpoint.
 * @throws UserError if a folder contains a run that may not be replaced
 */
function beginsAgain(path: string, { force, again }: ClaimOptions): boolean {
  const held = filesHeld(path);
  if (held.length === 0 || force) return false;
  const isBeginning = !held.some((name) => name === runFiles.weights || name === runFiles.state);
  if (again && isBeginning && configIn(path)?.model) return true;
  throw new UserError(
    `${path}: holds another run (${held.join(', ')}); choose another folder with --out, continue that run with ` +
      '--resume, or replace it with --force',
  );
}

/** Makes a folder; returns false if it exists. */
function madeNew(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** The configuration in a folder; undefined if there is none, or none that can be read. */
function configIn(path: string): Record<string, unknown> | undefined {
  try {
    return parseObject(readText(join(path, runFiles.config)));
  } catch {
    return undefined;
  }
}

/** The runs that a folder holds. */
function runsIn(path: string): string[] {
  const isRun = (name: string) => existsSync(join(path, name, runFiles.config));
  return readdirSync(path)
    .filter(isRun)
    .map((name) => join(path, name));
}

function siblings(path: string): string[] {
  try {
    return readdirSync(dirname(path));
  } catch {
    return [];
  }
}
