import { readFileSync, readlinkSync } from 'node:fs';

const HUP = 1n;

let answer: boolean | undefined;

/**
 * Whether this process was started with SIGHUP ignored. By the first line of JavaScript, Node has forgotten this. So we look
 * for traces of `nohup`, and check whether the parent process ignores the signal, as a script under `nohup` or after
 * `trap '' HUP` does.
 */
export function isHangUpIgnored(): boolean {
  answer ??= process.platform !== 'win32' && [hasNohupName, isIgnoredAbove, hasNohupFiles].some(isTrue);
  return answer;
}

/** False if it cannot be found out here (without Linux's /proc). */
function isTrue(test: () => boolean): boolean {
  try {
    return test();
  } catch {
    return false;
  }
}

/** Shells put the program that they start into `_`: if that is `nohup`, it became this process. */
const isNohup = (program: string | undefined): boolean => /(^|\/)nohup$/.test(program ?? '');

/** This works through `npx` and `npm run` too: they start a shell, which may not touch the variable, or this program itself. */
function hasNohupName(): boolean {
  if (isNohup(process.env._)) return true;
  const above = readFileSync(`/proc/${process.ppid}/environ`, 'utf8').split('\0');
  return above.some((entry) => entry.startsWith('_=') && isNohup(entry.slice(2)));
}

function isIgnoredAbove(): boolean {
  const status = readFileSync(`/proc/${process.ppid}/status`, 'utf8');
  const mask = BigInt(`0x${/^SigIgn:\s*([0-9a-f]+)$/m.exec(status)![1]}`);
  return (mask & (1n << (HUP - 1n))) !== 0n;
}

/** At a terminal, `nohup` replaces the input by a /dev/null that cannot be read, and writes to `nohup.out`. */
function hasNohupFiles(): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))![1]!;
  const isUnreadable = (Number.parseInt(flags, 8) & 3) === 1;
  if (isUnreadable && readlinkSync('/proc/self/fd/0') === '/dev/null') return true;
  return /\/nohup\.out$/.test(readlinkSync('/proc/self/fd/1'));
}
