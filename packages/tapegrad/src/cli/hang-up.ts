import { readFileSync, readlinkSync } from 'node:fs';

const HUP = 1n;

let answer: boolean | undefined;

/**
 * Whether this process was started with SIGHUP ignored. When the first line of JavaScript runs, Node has forgotten it, so
 * this goes by what `nohup` leaves behind, and by whether the process that started this one ignores the signal, as a
 * script under `nohup` or after `trap '' HUP` does.
 */
export function isHangUpIgnored(): boolean {
  answer ??= process.platform !== 'win32' && [hasNohupName, isIgnoredAbove, hasNohupFiles].some(isTrue);
  return answer;
}

/** What cannot be found out here (without Linux's /proc) is no. */
function isTrue(test: () => boolean): boolean {
  try {
    return test();
  } catch {
    return false;
  }
}

/** Shells put the program that they start in `_`: then it was `nohup`, which became this one. */
const isNohup = (program: string | undefined): boolean => /(^|\/)nohup$/.test(program ?? '');

/** Through `npx` and `npm run` too: they start a shell, which need not touch the variable, or this program itself. */
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

/** Where it finds a terminal, `nohup` makes the input a /dev/null that cannot be read, and writes to `nohup.out`. */
function hasNohupFiles(): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))![1]!;
  const isUnreadable = (Number.parseInt(flags, 8) & 3) === 1;
  if (isUnreadable && readlinkSync('/proc/self/fd/0') === '/dev/null') return true;
  return /\/nohup\.out$/.test(readlinkSync('/proc/self/fd/1'));
}
