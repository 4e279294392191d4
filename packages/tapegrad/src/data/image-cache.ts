import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { makeFolder, renameOver } from '@tapegrad/node';
import { quietly } from '../errors.ts';

/** Decoded images, and the problems found in decoding them, as the cache keeps them. */
export interface DecodedImages {
  /** [count, channels, size, size] of the images that could be decoded, in the files' order. */
  readonly pixels: Uint8Array;
  /** The other images: their place among the files, and what is wrong with them. */
  readonly bad: readonly (readonly [index: number, reason: string])[];
  /** SHA-256 of each of these images' files, one after the other. */
  readonly hashes: Uint8Array;
}

/**
 * A file of the cache: 'TGIMAGES', the length of the header as a little-endian uint32, the header (JSON: the lengths of
 * pixels and hashes, and `bad`), the pixels, the hashes, and the SHA-256 of all that.
 */
const MAGIC = Buffer.from('TGIMAGES');
export const HASH_BYTES = 32;
/** The system reads and writes at most 2 GiB in a call. */
const CHUNK = 2 ** 26;

/**
 * Where decoded images are kept: in `tapegrad/data` of `$XDG_CACHE_HOME` or `~/.cache`. It may be emptied at any
 * time.
 */
export function imageCacheFile(key: unknown): string {
  const xdg = process.env.XDG_CACHE_HOME;
  const base = xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.cache');
  const name = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 32);
  return join(base, 'tapegrad', 'data', `${name}.images`);
}

/**
 * The content of a cache file, or undefined if there is none or it is incomplete. Its time is set, as a sign of use.
 */
export function readImageCache(path: string): DecodedImages | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    touch(file, path);
    const { size } = fstatSync(file);
    const hash = createHash('sha256');
    const next = (length: number) => {
      const part = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const read = readSync(file!, part, at, Math.min(CHUNK, length - at), null);
        if (read === 0) throw new Error('ends early');
        hash.update(part.subarray(at, at + read));
        at += read;
      }
      return part;
    };
    if (!MAGIC.equals(next(MAGIC.length))) return undefined;
    const headerLength = Buffer.from(next(4)).readUInt32LE();
    if (headerLength > size) return undefined;
    const { length, hashed, bad } = JSON.parse(Buffer.from(next(headerLength)).toString()) as Header;
    if (size !== MAGIC.length + 4 + headerLength + length + hashed + HASH_BYTES) return undefined;
    const pixels = next(length);
    const hashes = next(hashed);
    const expected = hash.copy().digest();
    return expected.equals(next(HASH_BYTES)) ? { pixels, hashes, bad } : undefined;
  } catch {
    return undefined; // missing, unreadable or broken: it is made again
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

interface Header {
  readonly length: number;
  readonly hashed: number;
  readonly bad: DecodedImages['bad'];
}

/**
 * Writes a cache file under a temporary name and renames it, and removes files that have not been used for long.
 * @throws the system's error if this fails
 */
export function writeImageCache(path: string, { pixels, hashes, bad }: DecodedImages): void {
  const temporary = `${path}.${process.pid}.tmp`;
  makeFolder(dirname(path));
  try {
    const file = openSync(temporary, 'w');
    try {
      const hash = createHash('sha256');
      const put = (part: Uint8Array) => {
        for (let at = 0; at < part.length; ) {
          const written = writeSync(file, part, at, Math.min(CHUNK, part.length - at));
          hash.update(part.subarray(at, at + written));
          at += written;
        }
      };
      const header = Buffer.from(
        JSON.stringify({ length: pixels.length, hashed: hashes.length, bad } satisfies Header),
      );
      const headerLength = Buffer.alloc(4);
      headerLength.writeUInt32LE(header.length);
      for (const part of [MAGIC, headerLength, header, pixels, hashes]) put(part);
      put(hash.copy().digest());
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameOver(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  prune(dirname(path));
}

// --------------------------------------------------------------------------------------------------------- old files

const UNUSED_DAYS = 30;
/** Names of cache files, and of the remains of one after a crash. */
const OURS = /^[0-9a-f]{32}\.images(\.\d+\.tmp)?$/;

/** Sets a file's time, by its name if that fails: on Windows a reader may not do so. */
function touch(file: number, path: string): void {
  const now = new Date();
  try {
    futimesSync(file, now, now);
  } catch {
    quietly(() => utimesSync(path, now, now));
  }
}

function isOld(path: string): boolean {
  const stat = lstatSync(path);
  return stat.isFile() && stat.mtimeMs < Date.now() - UNUSED_DAYS * 24 * 3600 * 1000;
}

/** Others may have been faster, and the cache may be read-only. */
const prune = (folder: string): void =>
  quietly(() => {
    for (const name of readdirSync(folder))
      if (OURS.test(name)) quietly(() => removeIfOld(join(folder, name)));
  });

/** Another process may begin to use the file at this moment: after moving it away, its time is checked again. */
function removeIfOld(path: string): void {
  if (!isOld(path)) return;
  const aside = `${path.replace(/\.\d+\.tmp$/, '')}.${process.pid}.tmp`;
  renameSync(path, aside);
  if (isOld(aside)) rmSync(aside);
  else renameSync(aside, path);
}
