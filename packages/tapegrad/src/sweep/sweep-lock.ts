import { randomUUID } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { attempt, UserError } from '../errors.ts';

/** A process, and when it began: a number may be given to another one later. */
interface Holding {
  readonly pid: number;
  readonly began?: string;
}

/** Who runs a point. */
interface Holder {
  /** For people to read. */
  readonly host: string;
  /** Where the processes' numbers mean what they mean here. */
  readonly place: string;
  readonly processes: readonly Holding[];
  readonly token: string;
}

export interface Patience {
  /** How often the holder says that it is still there, in milliseconds. */
  readonly beat: number;
  /** For how long others watch for that; longer than a network file system may keep the time of a file to itself. */
  readonly watch: number;
}

/**
 * Holds a run, so that no two processes write it, on one machine or on several that share the folder. A file that only
 * one can make says who holds it. It is stale when none of its processes is alive. Those of another machine, or another
 * container, cannot be asked: the holder touches the file now and then, and one that is not touched while we watch is
 * stale.
 */
export class Lock {
  readonly #path: string;
  readonly #token: string;
  readonly #beat: NodeJS.Timeout;

  private constructor(path: string, token: string, beat: number) {
    this.#path = path;
    this.#token = token;
    this.#beat = setInterval(() => this.#touch(), beat);
    this.#beat.unref();
  }

  /** @throws UserError that says who has it, if somebody has */
  static async take(
    path: string,
    { beat, watch }: Patience = { beat: 20_000, watch: 100_000 },
  ): Promise<Lock> {
    attempt(`${path}: cannot make its folder`, () => mkdirSync(dirname(path), { recursive: true }));
    const token = randomUUID();
    const made = () => write(path, holder(token, [process.pid]));
    if (made() || ((await removeStale(path, watch)) && made())) return new Lock(path, token, beat);
    const by = read(path);
    const who = by ? `process ${by.processes.at(-1)?.pid} on ${by.host}` : 'another process';
    throw new UserError(`${who} runs it (if that cannot be, remove ${path})`);
  }

  /** Adds a process that writes the run: as long as it lives, the run is held. */
  alsoHeldBy(pid: number): void {
    writeFileSync(this.#path, JSON.stringify(holder(this.#token, [process.pid, pid])));
  }

  release(): void {
    clearInterval(this.#beat);
    if (read(this.#path)?.token === this.#token) rmSync(this.#path, { force: true });
  }

  #touch(): void {
    const now = new Date();
    try {
      utimesSync(this.#path, now, now);
    } catch {} // gone: nothing to keep alive
  }
}

function holder(token: string, pids: readonly number[]): Holder {
  const processes = pids.map((pid) => ({ pid, began: beginningOf(pid) }));
  return { host: hostname(), place: placeHere(), processes, token };
}

/** Host names do for machines; containers may share one, but not the kernel's names for boots and process tables. */
function placeHere(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return [hostname(), boot, readlinkSync('/proc/self/ns/pid')].join(' ');
  } catch {
    return hostname();
  }
}

/** When a process began, in the kernel's ticks; undefined where the system does not tell. */
function beginningOf(pid: number): string | undefined {
  try {
    // Field 22 of proc(5), counted from the end of the name, which may hold anything.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Makes the file, unless it is there. */
function write(path: string, content: Holder): boolean {
  // Written under another name and linked, so that nobody reads half of it.
  const draft = `${path}.${content.token}`;
  return attempt(`${path}: cannot write it`, () => {
    try {
      writeFileSync(draft, JSON.stringify(content));
      linkSync(draft, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      rmSync(draft, { force: true });
    }
  });
}

function read(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Takes a stale lock away; false if it is not stale. Of several that try, one succeeds; a lock that was taken anew in
 * between is put back.
 */
async function removeStale(path: string, watch: number): Promise<boolean> {
  const seen = read(path);
  if (!seen) return !existsSync(path);
  if (seen.place === placeHere() ? seen.processes.some(isAlive) : await isTouched(path, watch)) return false;
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (read(aside)?.token !== seen.token) linkSync(aside, path);
  } catch {} // another was faster
  rmSync(aside, { force: true });
  return true;
}

/** Whether somebody touches a file, or puts another in its place, within some milliseconds. */
async function isTouched(path: string, watch: number): Promise<boolean> {
  const touched = () => statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  const before = touched();
  for (let step = 0; step < 20; step++) {
    await setTimeout(watch / 20);
    if (touched() !== before) return true;
  }
  return false;
}

function isAlive({ pid, began }: Holding): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return began === undefined || began === beginningOf(pid);
}
