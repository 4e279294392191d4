import { randomUUID } from 'node:crypto';
import {
  existsSync,
  linkSync,
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
import { makeFolder } from '@tapegrad/node';
import { attempt, UserError } from './errors.ts';

/** A process and when it began, since its number may be reused later. */
interface Holding {
  readonly pid: number;
  readonly began?: string;
}

/** The processes that hold a lock. */
interface Holder {
  /** For humans to read. */
  readonly host: string;
  /** The machine or container in which the processes' numbers are valid. */
  readonly place: string;
  readonly processes: readonly Holding[];
  readonly token: string;
}

export interface Patience {
  /** How often the holder shows that it is alive, in milliseconds. */
  readonly beat: number;
  /** How long others watch for such a sign: longer than a network file system may delay a file's time. */
  readonly watch: number;
}

export interface LockOptions {
  /** What the lock is for: errors open with it. */
  readonly what?: string;
  readonly patience?: Patience;
  /** Called with a message that says how long, if a process on another machine must be watched. */
  readonly waiting?: (message: string) => void;
}

const PATIENCE: Patience = { beat: 20_000, watch: 100_000 };

/**
 * A lock that has not been touched for this many times `watch` is stale without watching: clocks do not differ that much.
 */
const LONG_AGO = 6;

/**
 * Holds a run, so that no two processes write it, on one machine or on several that share the folder. A file that only
 * one process can create says who holds it. The lock is stale if none of its processes is alive. Processes of other machines
 * or containers cannot be checked directly. So a holder touches its file now and then, and a file that is not touched while
 * we watch is stale. A process that ends normally removes its locks.
 */
export class Lock {
  readonly #path: string;
  readonly #token: string;
  readonly #beat: NodeJS.Timeout;
  #others: number[] = [];

  private constructor(path: string, token: string, beat: number) {
    this.#path = path;
    this.#token = token;
    this.#beat = setInterval(() => this.#touch(), beat);
    this.#beat.unref();
    if (held.size === 0) process.on('exit', releaseHeld);
    held.add(this);
  }

  /** @throws UserError that names the holder, if there is one */
  static async take(
    path: string,
    { what, patience: { beat, watch } = PATIENCE, waiting }: LockOptions = {},
  ): Promise<Lock> {
    attempt(`${path}: cannot make its folder`, () => makeFolder(dirname(path)));
    const token = randomUUID();
    const made = () => write(path, holder(token, [process.pid]));
    if (made() || ((await removeStale(path, watch, waiting)) && made())) return new Lock(path, token, beat);
    throw new UserError(`${what ? `${what}: ` : ''}${refusal(path, read(path))}`);
  }

  /**
   * Refuses what `take` would refuse, as far as that is known at once: if a living process of this machine holds it.
   */
  static assertFree(path: string, what: string): void {
    const seen = read(path);
    if (seen?.place === placeHere() && seen.processes.some(isAlive))
      throw new UserError(`${what}: ${refusal(path, seen)}`);
  }

  /** False once another process has taken it after too long without a touch, as when the machine was asleep. */
  get isHeld(): boolean {
    return read(this.#path)?.token === this.#token;
  }

  /** Adds a process that writes the run, which is held as long as that process lives. */
  alsoHeldBy(pid: number): void {
    this.#others.push(pid);
    writeFileSync(this.#path, JSON.stringify(holder(this.#token, [process.pid, pid])));
  }

  release(): void {
    clearInterval(this.#beat);
    held.delete(this);
    if (held.size === 0) process.off('exit', releaseHeld);
    if (this.isHeld) rmSync(this.#path, { force: true });
  }

  /** Releases the lock at the end of this process, unless another that it covers is still alive. */
  releaseAtExit(): void {
    if (!this.#others.some((pid) => isAlive({ pid }))) this.release();
  }

  #touch(): void {
    if (!this.isHeld) return;
    const now = new Date();
    try {
      utimesSync(this.#path, now, now);
    } catch {} // gone: nothing to keep alive
  }
}

/** The locks of this process: however many there are, one listener waits for its end. */
const held = new Set<Lock>();
const releaseHeld = () => {
  for (const lock of held) lock.releaseAtExit();
};

function refusal(path: string, by: Holder | undefined): string {
  const who = by ? `process ${by.processes.at(-1)?.pid} on ${by.host}` : 'another process';
  return `${who} runs it (if that cannot be, remove ${path})`;
}

function holder(token: string, pids: readonly number[]): Holder {
  const processes = pids.map((pid) => ({ pid, began: statusOf(pid)?.began }));
  return { host: hostname(), place: placeHere(), processes, token };
}

/**
 * A host name suffices for machines; containers may share one, but not the kernel's ids of boots and process tables.
 */
function placeHere(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return [hostname(), boot, readlinkSync('/proc/self/ns/pid')].join(' ');
  } catch {
    return hostname();
  }
}

/** A process's state, and when it began in the kernel's ticks; undefined if the system does not say. */
function statusOf(pid: number): { state: string; began: string } | undefined {
  try {
    // Fields 3 and 22 of proc(5), counted from the end of the name, which may contain anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return { state: fields[0]!, began: fields[19]! };
  } catch {
    return undefined;
  }
}

/** Makes the file unless it exists. */
function write(path: string, content: Holder): boolean {
  // Written under another name and then linked, so that it is never read half-written.
  const draft = `${path}.${content.token}`;
  const text = JSON.stringify(content);
  return attempt(`${path}: cannot write it`, () => {
    try {
      writeFileSync(draft, text);
      return linked(draft, path, text);
    } finally {
      rmSync(draft, { force: true });
    }
  });
}

/** Not every file system has links. Without them, others may read half of the file, and take the lock as held. */
function linked(draft: string, path: string, text: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
  }
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function read(path: string): Holder | undefined {
  try {
    const { host, place, processes, token } = JSON.parse(readFileSync(path, 'utf8')) as Holder;
    return Array.isArray(processes) ? { host, place, processes, token } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Removes a stale lock; returns false if it is not stale. If several try, one succeeds; a lock that was taken again in
 * the meantime is put back.
 */
async function removeStale(path: string, watch: number, waiting: LockOptions['waiting']): Promise<boolean> {
  const seen = read(path);
  if (!seen && !existsSync(path)) return true;
  const isHere = seen?.place === placeHere();
  if (isHere ? seen.processes.some(isAlive) : await isTouched(path, watch, seen, waiting)) return false;
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (read(aside)?.token !== seen?.token) putBack(aside, path);
  } catch {} // another was faster
  rmSync(aside, { force: true });
  return true;
}

function putBack(aside: string, path: string): void {
  linked(aside, path, readFileSync(aside, 'utf8'));
}

/** Whether somebody touches or replaces a file within some milliseconds. */
async function isTouched(
  path: string,
  watch: number,
  by: Holder | undefined,
  waiting: LockOptions['waiting'],
): Promise<boolean> {
  const touched = () => statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  const before = touched();
  if (before === undefined || Date.now() - before > LONG_AGO * watch) return false;
  const who = by ? `process ${by.processes.at(-1)?.pid} on ${by.host}` : 'somebody';
  waiting?.(
    `${path}: ${who} had it last; looking for ${Math.ceil(watch / 1000)} seconds whether it is still there`,
  );
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
  const status = statusOf(pid);
  // A process that has ended stays in the table until its parent asks about it, which in some containers never happens.
  if (status?.state === 'Z' || status?.state === 'X') return false;
  return began === undefined || status === undefined || began === status.began;
}
