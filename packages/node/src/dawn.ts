import { readdirSync, readFileSync } from 'node:fs';
import { quietly } from './quiet.ts';

/** The `webgpu` package: Dawn as a Node add-on. */
export interface Dawn {
  create(flags: string[]): GPU;
  readonly globals: object;
}

/**
 * What LLVM's 512-bit code for lavapipe needs. Mesa uses 256 bits unless LP_NATIVE_VECTOR_WIDTH says otherwise, and we
 * keep that: with 512, contractions were no faster, took two to three times as long to compile, and a texture read wrong
 * values.
 */
const AVX512 = ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl'];

export function cpuHasAvx512(): boolean {
  try {
    const line = /^flags\s*:.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0] ?? '';
    const flags = new Set(line.split(/\s+/));
    return AVX512.every((flag) => flags.has(flag));
  } catch {
    return false; // not Linux
  }
}

/** The C library: the add-on is built for glibc only. Undefined off Linux. */
export function libc(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  // Without this the report looks up the host name of every open socket.
  if (process.report) Object.assign(process.report, { excludeNetwork: true });
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const glibc = report?.header?.glibcVersionRuntime;
  if (glibc) return `glibc ${glibc}`;
  return libNames().some((name) => name.startsWith('ld-musl-')) ? 'musl' : 'unknown';
}

function libNames(): string[] {
  try {
    return readdirSync('/lib');
  } catch {
    return [];
  }
}

/**
 * Loads Dawn and puts WebGPU's constants (`GPUBufferUsage` and its like) on `globalThis`, where a browser has them.
 * @throws Error that says which systems the add-on is built for
 */
export async function loadDawn(): Promise<Dawn> {
  try {
    const dawn: Dawn = await import('webgpu');
    Object.assign(globalThis, dawn.globals);
    return dawn;
  } catch (cause) {
    const here = [process.platform, process.arch, libc()].filter(Boolean).join(' ');
    throw new Error(
      `webgpu: the native add-on does not load on this system (${here}): ${(cause as Error).message}\n` +
        'It is built for Linux x64 and arm64 with glibc 2.34 or later (Debian 12, Ubuntu 22.04, Fedora 35; not Alpine, ' +
        'whose C library is musl), macOS, and Windows x64 and arm64. If the file is missing, run `npm ci` again.',
      { cause },
    );
  }
}

export interface OpenedAdapter {
  gpu: GPU;
  adapter: GPUAdapter;
}

/**
 * Every instance of this process. Dawn polls an instance as long as one of its promises is pending, by a pointer that
 * does not keep it alive: once V8 collects the `GPU` object, that polling reads freed memory and the process dies at
 * random.
 */
const instances: GPU[] = [];

/**
 * Creates an instance and asks it for its best adapter. Dawn finds the drivers inside the two calls, not later, so the
 * environment that steers the Vulkan loader may be put back as soon as this function has returned its promise.
 */
export async function openAdapter(dawn: Dawn, flags: string[]): Promise<OpenedAdapter | undefined> {
  const { gpu, asked } = quietly(() => {
    const gpu = dawn.create(flags);
    return { gpu, asked: gpu.requestAdapter({ powerPreference: 'high-performance' }) };
  });
  instances.push(gpu);
  const adapter = await asked;
  return adapter ? { gpu, adapter } : undefined;
}

/** No adapter has this name. Dawn answers a request for it with the list of existing ones. */
const NO_SUCH_ADAPTER = 'tapegrad-lists-adapters';

/** Names of all adapters that Dawn accepts, best first, as the drivers spell them. */
export async function adapterNames(dawn: Dawn, flags: string[]): Promise<string[]> {
  try {
    await openAdapter(dawn, [...flags, `adapter=${NO_SUCH_ADAPTER}`]);
    return []; // no adapter at all
  } catch (error) {
    return [...(error as Error).message.matchAll(/, name: '(.*)'$/gm)].map((match) => match[1]!);
  }
}

/** As Dawn writes a driver's name in `GPUAdapterInfo.device`. */
export function slug(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}
