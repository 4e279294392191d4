import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/* The packages as their users have them: packed, and installed into a folder that knows nothing of this repository. */

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, without this process's way of loading TypeScript. */
export function run(
  command: string,
  args: readonly string[],
  { cwd, env }: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      // Deno takes FORCE_COLOR for a wish, whatever it says.
      env: { ...process.env, NODE_OPTIONS: '', FORCE_COLOR: undefined, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** @throws with what the command printed unless it ends well */
export async function succeed(...args: Parameters<typeof run>): Promise<Ran> {
  const ran = await run(...args);
  if (ran.code !== 0) {
    throw new Error(`${args[0]} ${args[1].join(' ')} ended with ${ran.code}:\n${ran.stdout}\n${ran.stderr}`);
  }
  return ran;
}

/** npm, as this process's Node has it. */
export const npm = (args: readonly string[], cwd: string): Promise<Ran> =>
  succeed(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['--no-audit', '--no-fund', ...args], { cwd });

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly private?: boolean;
  readonly repository: { readonly url: string; readonly directory: string };
  readonly exports: Record<string, string | Record<string, string>>;
  readonly dependencies?: Record<string, string>;
  readonly [key: string]: unknown;
}

export interface Tarball {
  readonly path: string;
  readonly manifest: Manifest;
  /** Paths inside. */
  readonly files: readonly string[];
}

/** `npm run pack`: a tarball of every package, into a folder. */
export async function packAll(folder: string): Promise<Tarball[]> {
  await npm(['run', 'pack', '--silent', '--', folder], root);
  const names = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const [list, manifest] = await Promise.all([
        succeed('tar', ['-tzf', path]),
        succeed('tar', ['-xzOf', path, 'package/package.json']),
      ]);
      const files = list.stdout
        .trim()
        .split('\n')
        .map((file) => file.replace(/^package\//, ''));
      return { path, files, manifest: JSON.parse(manifest.stdout) as Manifest };
    }),
  );
}

/** Installs tarballs into a new folder, as a user does who has them on disk. */
export async function install(
  folder: string,
  tarballs: readonly Tarball[],
  options: readonly string[] = [],
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "someone", "private": true, "type": "module" }\n');
  await npm(['install', '--silent', ...options, ...tarballs.map(({ path }) => path)], folder);
  return folder;
}

/** All files below a folder, from it. */
export const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll('\\', '/'));

export const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');
