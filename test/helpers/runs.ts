import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Dataset, loadDataset } from 'tapegrad/node';

import { builtCommand } from './built.ts';
import { isQuiet } from './quiet.ts';

export { temporaryFolder } from './temporary.ts';

const all = await loadDataset('mnist');

/** The first images of MNIST. */
export function fewDigits(train: number, test: number): Dataset {
  const first = ({ images, labels }: Dataset['train'], count: number) => ({
    images: images.subarray(0, count * 784),
    labels: labels!.subarray(0, count),
    count,
  });
  return { ...all, name: 'few', train: first(all.train, train), test: first(all.test, test) };
}

/** Writes a dataset as the four IDX files. */
export function writeIdx(folder: string, { train, test, shape }: Dataset): string {
  mkdirSync(folder, { recursive: true });
  const [, height, width] = shape;
  for (const [part, { images, labels, count }] of [
    ['train', train],
    ['t10k', test],
  ] as const) {
    const header = (...words: number[]) => Buffer.from(Uint32Array.from(words).buffer).swap32();
    const write = (name: string, ...parts: Uint8Array[]) =>
      writeFileSync(join(folder, `${part}-${name}-ubyte`), Buffer.concat(parts));
    write('images-idx3', header(0x803, count, height, width), images);
    write('labels-idx1', header(0x801, count), labels!);
  }
  return folder;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** Without the line that announces the adapter. */
  readonly stderr: string;
  readonly announced: boolean;
}

export interface Command {
  /** From the sources, as in the checkout. */
  readonly fromSources?: boolean;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Sees every line of stdout as it comes. */
  readonly onLine?: (
    line: string,
    child: { readonly pid: number; kill(signal: NodeJS.Signals): void },
  ) => void;
}

const sources = fileURLToPath(new URL('../../packages/tapegrad/bin/tapegrad.js', import.meta.url));

/** Runs `tapegrad`, as it is published, in a process of its own. */
export async function tapegrad(
  args: readonly string[],
  { fromSources = false, cwd, env, onLine }: Command = {},
): Promise<Ended> {
  const environment = { ...process.env, ...env };
  const bin = fromSources ? sources : await builtCommand();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...args], {
      cwd,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr, partial] = ['', '', ''];
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const lines = (partial + text).split('\n');
      partial = lines.pop()!;
      for (const line of lines)
        onLine?.(line, { pid: child.pid!, kill: (signal) => process.kill(child.pid!, signal) });
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const lines = stderr.split('\n').filter((line) => isQuiet || !line.startsWith('Warning: maxDynamic'));
      const own = lines.filter((line) => !line.startsWith('adapter: '));
      const announced = own.length < lines.length;
      resolve({ code, signal, stdout, stderr: own.join('\n'), announced });
    });
  });
}
