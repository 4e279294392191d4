import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findAdapter } from './adapter.ts';
import { cpuHasAvx512, libc } from './dawn.ts';
import { hardwareHints, type VulkanDriver, vulkanDrivers } from './drivers.ts';
import { operatingSystem } from './install.ts';
import { ADAPTER_KINDS, type AdapterKind, describeAdapter } from './kinds.ts';
import { withoutLimits } from './quiet.ts';
import { hasSystemLoader, packedLoaderPath, packedSwiftShader } from './swiftshader.ts';

/** An adapter that could have been chosen. */
export interface DiagnosedCandidate {
  /** A driver of this system, or SwiftShader from npm. */
  source: 'system' | 'packed';
  kind: AdapterKind;
  name: string;
  driver: string;
  status: 'chosen' | 'available' | 'unavailable';
  /** Why it was, or was not, chosen. */
  reason: string;
}

/** What is known about the chosen adapter. */
export interface ChosenAdapter {
  kind: AdapterKind;
  name: string;
  driver: string;
  packed: boolean;
  vendor: string;
  architecture: string;
  features: string[];
  limits: Record<string, number>;
  /** In invocations; smallest and largest are equal unless the driver may choose. */
  subgroupMinSize: number;
  subgroupMaxSize: number;
  announcement: string;
}

/** What `tapegrad doctor` reports; plain JSON. */
export interface Diagnosis {
  node: string;
  platform: string;
  os: string;
  libc?: string;
  cpu: { model: string; cores: number; avx512: boolean };
  webgpu: string;
  vulkan?: { loader: 'system' | 'packed' | 'none'; drivers: VulkanDriver[] };
  /** Messages of Dawn and the Vulkan loader while the system's drivers were tried. */
  messages: string[];
  candidates: DiagnosedCandidate[];
  chosen: ChosenAdapter | null;
  /** Why nothing was chosen. */
  error?: string;
  /** What to do to get a faster adapter, or any. */
  advice: string[];
}

type Info = Pick<
  GPUAdapterInfo,
  | 'vendor'
  | 'architecture'
  | 'device'
  | 'description'
  | 'isFallbackAdapter'
  | 'subgroupMinSize'
  | 'subgroupMaxSize'
>;

function probeSystem(loader: string | undefined): { adapters: Info[]; messages: string[] } {
  const own = fileURLToPath(import.meta.url);
  const probe = join(dirname(own), `probe${extname(own)}`);
  const runtime = process.versions.deno
    ? ['run', '--allow-all']
    : extname(own) === '.ts' // in the checkout
      ? ['--import', import.meta.resolve('tsx')]
      : [];
  const argv = [...runtime, probe, ...(loader ? [loader] : [])];
  const child = spawnSync(process.execPath, argv, { encoding: 'utf8', timeout: 60_000 });
  const isShown = (line: string) => line.trim() !== '' && !/^\s+at /.test(line);
  const lines = withoutLimits(child.stderr).split('\n').filter(isShown);
  const messages = [...new Set(lines.map((line) => line.trim()))];
  if (child.signal) messages.push(`the process that tried the system's drivers ended with ${child.signal}`);
  try {
    return { adapters: JSON.parse(child.stdout) as Info[], messages };
  } catch {
    return { adapters: [], messages };
  }
}

function webgpuVersion(): string {
  const file = createRequire(import.meta.url)
    .resolve('webgpu')
    .replace(/index\.js$/, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

async function choose(choice: string): Promise<ChosenAdapter | Error> {
  try {
    const { adapter, kind, name, driver, packed, announcement } = await findAdapter(choice);
    const { vendor, architecture, subgroupMinSize, subgroupMaxSize } = adapter.info;
    const limits: Record<string, number> = {};
    for (const key in adapter.limits) {
      const value = adapter.limits[key as keyof GPUSupportedLimits];
      if (typeof value === 'number') limits[key] = value;
    }
    const features = [...adapter.features].sort();
    const what = { kind, name, driver, packed, vendor, architecture };
    return { ...what, features, limits, subgroupMinSize, subgroupMaxSize, announcement };
  } catch (error) {
    return error as Error;
  }
}

function judge(
  candidates: Omit<DiagnosedCandidate, 'status' | 'reason'>[],
  chosen: ChosenAdapter | null,
  choice: string,
): DiagnosedCandidate[] {
  let taken = false;
  return candidates.map((one): DiagnosedCandidate => {
    const same = one.name === chosen?.name && (one.source === 'packed') === chosen.packed;
    if (same && !taken) {
      taken = true;
      const reason = choice === 'auto' ? 'the fastest kind there is' : `--adapter ${choice}`;
      return { ...one, status: 'chosen', reason };
    }
    const slower = chosen && ADAPTER_KINDS.indexOf(one.kind) > ADAPTER_KINDS.indexOf(chosen.kind);
    const auto = slower ? `slower than ${chosen.kind}` : 'another one of its kind comes first';
    return { ...one, status: 'available', reason: choice === 'auto' ? auto : `not --adapter ${choice}` };
  });
}

function advise(
  candidates: DiagnosedCandidate[],
  drivers: VulkanDriver[],
  system: string,
  install: string,
): string[] {
  const advice: string[] = [];
  const has = (kind: AdapterKind) =>
    candidates.some((one) => one.kind === kind && one.status !== 'unavailable');
  if (!has('gpu')) {
    advice.push(...hardwareHints());
    advice.push('no hardware GPU is offered; one, with its driver, would be many times faster than software');
  }
  if (process.platform === 'linux' && !has('lavapipe')) {
    const old = drivers.find((driver) => driver.mesa);
    const state = old
      ? `lavapipe of Mesa ${old.mesa} is installed, but Dawn does not accept it (22.3 is too old, 25.0 works)`
      : 'lavapipe is not installed';
    const gain = has('gpu') ? 'for comparing adapters' : '3 to 6 times the speed of SwiftShader';
    advice.push(`${state}; ${gain}, on ${system}: ${install}`);
  } else if (candidates.every((one) => one.status === 'unavailable')) {
    advice.push(`on ${system}: ${install}`);
  }
  return advice;
}

/**
 * Looks at everything that {@link findAdapter} might use, chooses as it would, and says why.
 * Does not throw if there is no adapter: then `chosen` is null and `error` holds the message.
 */
export async function diagnose(choice = 'auto'): Promise<Diagnosis> {
  const { name: os, install } = operatingSystem();
  const archive = packedSwiftShader();
  const linux = process.platform === 'linux';
  const systemLoader = hasSystemLoader();
  const drivers = vulkanDrivers();
  // Choose first: that sets lavapipe's vector width, which the probe must inherit.
  const result = await choose(choice);
  const chosen = result instanceof Error ? null : result;
  const packedLoader = typeof archive === 'string' ? undefined : packedLoaderPath(archive);
  const packed =
    typeof archive !== 'string' && !packedLoader ? "it can't be unpacked or loaded (see error)" : archive;
  const loader = systemLoader ? undefined : packedLoader;
  const { adapters, messages } = probeSystem(loader);
  const offered = adapters.map((info) => ({
    source: 'system' as const,
    ...describeAdapter(info as GPUAdapterInfo),
  }));
  const shader = { source: 'packed' as const, kind: 'swiftshader' as const, name: 'SwiftShader' };
  const candidates =
    typeof packed === 'string'
      ? [
          ...judge(offered, chosen, choice),
          { ...shader, driver: '', status: 'unavailable' as const, reason: packed },
        ]
      : judge([...offered, { ...shader, driver: `@sparticuz/chromium ${packed.version}` }], chosen, choice);
  const cLibrary = libc();
  return {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    os,
    ...(cLibrary ? { libc: cLibrary } : {}),
    cpu: { model: cpus()[0]?.model ?? 'unknown', cores: availableParallelism(), avx512: cpuHasAvx512() },
    webgpu: webgpuVersion(),
    ...(linux ? { vulkan: { loader: systemLoader ? 'system' : loader ? 'packed' : 'none', drivers } } : {}),
    messages,
    candidates,
    chosen,
    ...(result instanceof Error ? { error: result.message } : {}),
    advice: advise(candidates, drivers, os, install),
  };
}
