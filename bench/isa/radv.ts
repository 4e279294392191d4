import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from 'tapegrad/node';
import type { Compiled, Compiler, KernelText } from './compiler.ts';
import { type Dialect, hottestLoop } from './disassembly.ts';

/*
 * Mesa's RADV compiles for an AMD GPU that is not there (its "null device"), and prints what came of it. It does so in a
 * process of its own: the driver is chosen by the environment, and writes to standard error.
 */

/** The last family that Dawn's `requestDevice` survives on a null device: from GFX9 on it begins a command buffer. */
const FAMILY = 'polaris10';

const FOLDERS = ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d'];

/** The file by which Vulkan finds RADV. */
export function findDriver(folders: readonly string[] = FOLDERS): string | undefined {
  for (const folder of folders) {
    if (!existsSync(folder)) continue;
    const file = readdirSync(folder).find((name) => /^radeon_icd.*\.json$/.test(name));
    if (file) return join(folder, file);
  }
  return undefined;
}

const DRIVER_MISSING =
  `isa: Mesa's RADV is not installed: there is no radeon_icd.json in ${FOLDERS.join(', ')}. It comes with lavapipe: ` +
  'apt install mesa-vulkan-drivers (Debian 12: -t bookworm-backports), dnf install mesa-vulkan-drivers, ' +
  'pacman -S vulkan-radeon; Linux only. No AMD GPU is needed';

/** AMD's instructions, by "AMD GCN3 Instruction Set Architecture". A block begins with a line `BB3:`. */
const gcn: Dialect = {
  label: /^(BB\d+):/,
  instruction: /^\s+([a-z]\w+.*?)\s*(;.*)?$/,
  repeated: /^\s*\(then repeated (\d+) times\)/,
  branch: /^s_c?branch\w*\s+(BB\d+)/,
  multiplyAdd: /^v_(mac|mad|madak|madmk|fma|fmac|fmaak|fmamk)_f32/,
  barrier: /^s_barrier/,
  // Of `ds_read_b128`, 16; of `ds_read2_b32`, which reads two of them, 8.
  sharedBytes(instruction) {
    const [, two, bits] = /^ds_read(2(?:st64)?)?_[biu](\d+)/.exec(instruction) ?? [];
    return bits === undefined ? undefined : ((two ? 2 : 1) * Number(bits)) / 8;
  },
  // Of `buffer_load_dwordx4`, 16.
  globalBytes(instruction) {
    const [, what, words] =
      /^(?:buffer|flat|global)_load_(dword|[us]byte|[us]short)(?:x(\d))?/.exec(instruction) ?? [];
    if (what === undefined) return undefined;
    if (what !== 'dword') return what.endsWith('byte') ? 1 : 2;
    return 4 * Number(words ?? 1);
  },
};

/** What the compiling process writes to standard error before, and if it fails after, each kernel. */
export const BEGIN = '@@ kernel ';
export const FAILED = '@@ failed ';
export const END = '@@ end';

/** One kernel that takes the compiler's process down counts as failed; the others are compiled by another process. */
async function compileAll(
  kernels: readonly KernelText[],
  onProgress: (done: number) => void,
): Promise<Compiled[]> {
  const driver = findDriver();
  if (!driver) throw new UserError(DRIVER_MISSING);
  const results: Compiled[] = [];
  while (results.length < kernels.length) {
    const before = results.length;
    const { parts, complete, code } = await run(driver, kernels.slice(before), (done) =>
      onProgress(before + done),
    );
    // Of the one that took the process down little was printed.
    results.push(...parts.slice(0, complete ? undefined : -1).map(resultOf));
    if (complete) break;
    if (parts.length === 0) throw new Error(`isa: the compiling process ended with ${code} before it began`);
    results.push({ disassembly: '', error: `the compiler's process ended with ${code}` });
  }
  return results;
}

interface Run {
  /** What was printed for each kernel that was begun. */
  readonly parts: string[];
  readonly complete: boolean;
  readonly code: number | NodeJS.Signals | null;
}

function run(driver: string, kernels: readonly KernelText[], onBegin: (done: number) => void): Promise<Run> {
  const env = {
    ...process.env,
    VK_DRIVER_FILES: driver,
    VK_ICD_FILENAMES: driver,
    RADV_FORCE_FAMILY: FAMILY,
    MESA_SHADER_CACHE_DISABLE: '1',
    RADV_DEBUG: 'shaderstats,asm,nocache',
  };
  // A file: on a pipe, which Node does not let block, the driver's output has holes.
  const folder = mkdtempSync(join(tmpdir(), 'tapegrad-isa-'));
  const printed = join(folder, 'stderr');
  const output = openSync(printed, 'w');
  const child = spawn(
    process.execPath,
    [...process.execArgv, fileURLToPath(new URL('./compile-batch.ts', import.meta.url))],
    { env, stdio: ['pipe', 'pipe', output] },
  );
  closeSync(output);
  return new Promise<Run>((resolve, reject) => {
    let begun = 0;
    child.stdout!.on('data', (data: Buffer) => {
      begun += data.length;
      onBegin(begun - 1);
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      const text = readFileSync(printed, 'utf8');
      const [head, ...parts] = text.split(new RegExp(`^${BEGIN}.*\n`, 'm'));
      const complete = text.includes(END);
      if (!complete && parts.length === 0) {
        reject(new Error(`isa: the compiling process failed: ${head!.trim().split('\n').at(-1)}`));
      } else resolve({ parts, complete, code: signal ?? status });
    });
    // A process that dies early does not read all of it.
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(JSON.stringify(kernels));
  }).finally(() => rmSync(folder, { recursive: true, force: true }));
}

function resultOf(text: string): Compiled {
  const failed = text.split(FAILED)[1]?.trim();
  const disassembly = text.split('disasm:\n')[1]?.split('*** SHADER STATS ***')[0]?.trimEnd() ?? '';
  if (failed) return { disassembly, error: failed };
  const number = (name: string) => {
    const found = new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1];
    if (found === undefined) throw new Error(`isa: RADV printed no '${name}': ${text.slice(0, 200)}`);
    return Number(found);
  };
  return {
    disassembly,
    facts: {
      vectorRegisters: number('VGPRs'),
      spilledRegisters: number('Spilled VGPRs') + number('Spilled SGPRs'),
      scratch: number('Scratch size'),
      shared: number('LDS size'),
      codeBytes: number('Code size'),
      waves: number('Subgroups per SIMD'),
      loop: hottestLoop(disassembly, gcn),
    },
  };
}

/** Mesa's RADV, for AMD GPUs. */
export const radv: Compiler = {
  target: FAMILY,
  float16: false,
  missing: () => (findDriver() ? undefined : DRIVER_MISSING),
  compileAll,
};
