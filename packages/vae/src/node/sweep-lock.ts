import { randomUUID } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { attempt, UserError } from './errors.ts';

/** Who runs a point. */
interface Holder {
  readonly host: string;
  readonly pids: readonly number[];
  readonly token: string;
}

/** How often the holder says that it is still there, and how long others believe it, in milliseconds. */
const BEAT = 20_000;
const BELIEVED = 180_000;

/**
 * Holds a run, so that no two processes write it, on one machine or on several that share the folder. A file that only
 * one can make says who holds it. It is stale when none of its processes is alive; those of another machine cannot be
 * asked, so the holder touches the file, and one that was not touched for three minutes is stale.
 */
export class Lock {
  readonly #path: string;
  readonly #token: string;
  readonly #beat: NodeJS.Timeout;

  private constructor(path: string, token: string) {
    this.#path = path;
    this.#token = token;
    this.#beat = setInterval(() => this.#touch(), BEAT);
    this.#beat.unref();
  }

  /** @throws UserError that says who has it, if somebody has */
  static take(path: string): Lock {
    mkdirSync(dirname(path), { recursive: true });
    const token = randomUUID();
    if (!write(path, holder(token))) {
      removeStale(path);
      if (!write(path, holder(token))) throw held(path);
    }
    return new Lock(path, token);
  }

  /** Adds a process that writes the run: as long as it lives, the run is held. */
  alsoHeldBy(pid: number): void {
    writeFileSync(this.#path, JSON.stringify({ ...holder(this.#token), pids: [process.pid, pid] }));
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

const holder = (token: string): Holder => ({ host: hostname(), pids: [process.pid], token });

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

/** Takes a stale lock away. Of several that try, one succeeds; a lock that was taken anew in between is put back. */
function removeStale(path: string): void {
  const seen = read(path);
  if (!seen || !isStale(path, seen)) return;
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (read(aside)?.token !== seen.token) linkSync(aside, path);
  } catch {} // another was faster
  rmSync(aside, { force: true });
}

function isStale(path: string, { host, pids }: Holder): boolean {
  if (host === hostname()) return !pids.some(isAlive);
  try {
    return Date.now() - statSync(path).mtimeMs > BELIEVED;
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function held(path: string): UserError {
  const by = read(path);
  const who = by ? `process ${by.pids.at(-1)} on ${by.host}` : 'another process';
  return new UserError(`${who} runs it (if that cannot be, remove ${path})`);
}
