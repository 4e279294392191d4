import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { type Descriptors, native } from './native.ts';

/*
 * Dawn writes some warnings to the standard error with `fprintf`: no toggle, log level or callback of its Node binding stops
 * them (Dawn, `src/utils/log.cc`).
 */

/** Written at every start with lavapipe, which has more dynamic buffers than Dawn counts. */
const LIMITS =
  /^Warning: maxDynamic(Uniform|Storage)BuffersPerPipelineLayout artificially reduced from \d+ to \d+ to fit .*\n/gm;

/** Written where there is a Vulkan loader but no driver. The search goes on with the packed one, or says what it looked at. */
const NO_DRIVER =
  /^Warning: vkCreateInstance(: Found no drivers!| failed with VK_ERROR_INCOMPATIBLE_DRIVER)\n( +at .*\n)*\n*/gm;

/** What native code wrote, without the lines that Dawn writes at every start and that mean nothing here. */
export const withoutLimits = (text: string): string => text.replaceAll(LIMITS, '');

const withoutNoise = (text: string): string => withoutLimits(text).replaceAll(NO_DRIVER, '');

const STANDARD_ERROR = 2;

let descriptors: Descriptors | undefined | false;

/** From now on nothing is held back: otherwise the last message of a driver that crashes would be lost. */
export function bePlain(): void {
  descriptors = false;
}

/**
 * Undefined where warnings cannot be held back. Only Dawn on Vulkan writes any. The standard error belongs to the process, so
 * two threads that divert it at once could leave it diverted.
 */
function usable(): Descriptors | undefined {
  if (descriptors === undefined) {
    try {
      descriptors = process.platform === 'linux' && isMainThread && native().descriptors();
    } catch {
      descriptors = false;
    }
  }
  return descriptors || undefined;
}

/**
 * A file that has no name and is gone when it is closed.
 * @throws where the runtime's number of a file is not the system's
 */
function namelessFile(): number {
  const folder = mkdtempSync(join(tmpdir(), 'tapegrad-'));
  try {
    const path = join(folder, 'standard-error');
    const file = openSync(path, 'wx+');
    if (readlinkSync(`/proc/self/fd/${file}`) === realpathSync(path)) return file;
    closeSync(file);
    throw new Error(`${file} is no descriptor`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes the standard error refer to a file; undefined if that is not possible. */
function diverted({ close, dup, dup2 }: Descriptors): { restore(): string } | undefined {
  const own = dup(STANDARD_ERROR);
  if (own < 0) return undefined; // closed: there is no reader
  try {
    const file = namelessFile();
    dup2(file, STANDARD_ERROR);
    return {
      restore() {
        dup2(own, STANDARD_ERROR);
        close(own);
        const text = Buffer.alloc(fstatSync(file).size);
        readSync(file, text, 0, text.length, 0);
        closeSync(file);
        return text.toString();
      },
    };
  } catch {
    close(own);
    return undefined; // no temporary folder
  }
}

/**
 * Runs a function that calls Dawn, and passes on what native code writes to the standard error meanwhile, except for
 * warnings that mean nothing. This ends when `fn` returns: it does not cover what its promise does later.
 */
export function quietly<T>(fn: () => T): T {
  const available = usable();
  const diversion = available && diverted(available);
  if (!diversion) return fn();
  try {
    return fn();
  } finally {
    const rest = withoutNoise(diversion.restore());
    if (rest !== '') process.stderr.write(rest);
  }
}
