import { oneLine } from './text.ts';

/**
 * An error that the user can act on: one line that says what was asked for, what was found and what to do. The command line
 * prints only the message, without a stack trace.
 */
export class UserError extends Error {
  override name = 'UserError';

  /** Line ends and control characters in file names are escaped: see `oneLine`. */
  constructor(message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
  }
}

/** An error that takes several lines, such as advice on what to install. */
export class UserAdvice extends UserError {
  constructor(lines: string) {
    super('');
    this.message = lines;
  }
}

const reasons: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full; free some space or choose another place',
  EDQUOT: 'the disk quota is used up; free some space or choose another place',
  EFBIG: 'the file would be larger than the system allows',
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many open files',
};

/** Why a system call failed, in words if there are any, and always in one line. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return reasons[code ?? ''] ?? String(message ?? error).replaceAll(/\s*\n\s*/g, ' ');
}

/** Runs `fn`, and turns what it throws into one line that opens with `what`. */
export function attempt<T>(what: string, fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    throw new UserError(`${what}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Runs `fn`. Its failure does not matter, or must not hide the failure that it cleans up after. */
export function quietly(fn: () => void): void {
  try {
    fn();
  } catch {}
}
