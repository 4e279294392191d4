import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { brotliDecompressSync } from 'node:zlib';
import { type Dawn, type OpenedAdapter, openAdapter } from './dawn.ts';
import { makeFolder } from './make-folder.ts';
import { native } from './native.ts';

/** This npm package of Chromium contains SwiftShader, a software Vulkan driver, and Chromium's own Vulkan loader. */
const PACKAGE = '@sparticuz/chromium';
const LOADER = 'libvulkan.so.1';
const MANIFEST = 'vk_swiftshader_icd.json';
const FILES = [LOADER, 'libvk_swiftshader.so', MANIFEST];

export interface PackedSwiftShader {
  archive: string;
  version: string;
}

/** @returns the place of the packed SwiftShader, or the reason why it cannot be used here */
export function packedSwiftShader(): PackedSwiftShader | string {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `the packed SwiftShader is for Linux x64 only, and this is ${process.platform} ${process.arch}`;
  }
  if (!isMainThread) return 'the packed SwiftShader can be loaded from the main thread only';
  try {
    let folder = dirname(createRequire(import.meta.url).resolve(PACKAGE));
    while (!existsSync(join(folder, 'bin', 'swiftshader.tar.br'))) {
      if (folder === dirname(folder)) return `${PACKAGE} has no bin/swiftshader.tar.br`;
      folder = dirname(folder);
    }
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return { archive: join(folder, 'bin', 'swiftshader.tar.br'), version };
  } catch {
    return `the npm package ${PACKAGE} is not installed (npm ci)`;
  }
}

/** The user's cache folder for this version; undefined if there is no home. */
function cacheFolder(version: string): string | undefined {
  try {
    const xdg = process.env.XDG_CACHE_HOME;
    const base = xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.cache');
    return join(base, 'tapegrad', `swiftshader-${version}`);
  } catch {
    return undefined;
  }
}

const complete = (folder: string) => FILES.every((file) => existsSync(join(folder, file)));

/** Reads the regular files of a ustar archive. */
function* untar(tar: Buffer): Generator<[name: string, content: Buffer]> {
  const text = (start: number, length: number) =>
    tar.toString('latin1', start, start + length).replace(/\0.*$/s, '');
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const type = text(at + 156, 1);
    if (type === '' || type === '0') yield [text(at, 100), tar.subarray(at + 512, at + 512 + size)];
    at += 512 + 512 * Math.ceil(size / 512);
  }
}

function unpackInto(folder: string, archive: string): void {
  for (const [name, content] of untar(brotliDecompressSync(readFileSync(archive)))) {
    const file = FILES.find((wanted) => name === wanted || name === `./${wanted}`);
    if (file) writeFileSync(join(folder, file), content, { mode: 0o755 });
  }
  if (!complete(folder)) throw new Error(`${archive} lacks one of ${FILES.join(', ')}`);
}

/** Unpacks under a temporary name and renames, so that racing processes see a whole folder or none. */
function unpackIntoCache({ archive, version }: PackedSwiftShader): string | undefined {
  const target = cacheFolder(version);
  if (!target || complete(target)) return target;
  let fresh: string | undefined;
  try {
    makeFolder(dirname(target));
    fresh = mkdtempSync(`${target}.`);
    unpackInto(fresh, archive);
    if (existsSync(target) && !complete(target)) {
      rmSync(target, { recursive: true, force: true }); // a cleaner has left only a part of it
    }
    renameSync(fresh, target);
    return target;
  } catch {
    // Not writable, full, or another process was faster: a rename does not replace a folder with files in it.
    if (fresh) rmSync(fresh, { recursive: true, force: true });
    return complete(target) ? target : undefined;
  }
}

/** A private folder that is removed when the process ends: under a fixed name, others could plant a library. */
function unpackIntoTemporary({ archive }: PackedSwiftShader): string {
  const folder = mkdtempSync(join(tmpdir(), 'tapegrad-swiftshader-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  unpackInto(folder, archive);
  return folder;
}

let systemLoader: boolean | undefined;

/** Whether the dynamic linker finds the system's Vulkan loader. */
export function hasSystemLoader(): boolean {
  systemLoader ??= findsLoader();
  return systemLoader;
}

function findsLoader(): boolean {
  if (process.platform !== 'linux') return true; // D3D12 and Metal need none
  try {
    native().load(LOADER, false);
    return true;
  } catch {
    return false;
  }
}

let loaded: string | undefined;

/**
 * Loads the packed Vulkan loader. Dawn asks for `libvulkan.so.1` by that name, and gets this one if the system has
 * none. The system's drivers are found through it, too.
 * @returns the folder it was unpacked to
 */
function loadPackedLoader(packed: PackedSwiftShader): string {
  if (loaded) return loaded;
  hasSystemLoader(); // asked later, the linker would find the packed one
  const cached = unpackIntoCache(packed);
  if (cached) {
    try {
      native().load(join(cached, LOADER), true);
      loaded = cached;
      return cached;
    } catch {
      // The home is mounted `noexec`; the temporary folder may not be.
    }
  }
  const temporary = unpackIntoTemporary(packed);
  native().load(join(temporary, LOADER), true);
  loaded = temporary;
  return temporary;
}

/** Where the packed loader is, once loaded; undefined if loading fails. */
export function packedLoaderPath(packed: PackedSwiftShader): string | undefined {
  try {
    return join(loadPackedLoader(packed), LOADER);
  } catch {
    return undefined;
  }
}

/** Opens the packed SwiftShader. The environment is only changed during the call, so child processes do not see it. */
export async function openPackedSwiftShader(
  dawn: Dawn,
  flags: string[],
  packed: PackedSwiftShader,
): Promise<OpenedAdapter | undefined> {
  const manifest = join(loadPackedLoader(packed), MANIFEST);
  const { setEnvironment } = native();
  // The second is for loaders before 1.3.207.
  const variables = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'].map((name) => [name, process.env[name]] as const);
  for (const [name] of variables) setEnvironment(name, manifest);
  const opened = openAdapter(dawn, flags);
  for (const [name, value] of variables) setEnvironment(name, value);
  return opened;
}
