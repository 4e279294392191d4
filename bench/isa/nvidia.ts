import { execFile } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { UserError } from 'tapegrad/node';
import type { Compiled, CompiledFacts, Compiler, KernelText } from './compiler.ts';
import { toCuda } from './cuda.ts';
import { type Dialect, hottestLoop } from './disassembly.ts';

/*
 * NVIDIA's compiler has no driver without a GPU, but CUDA's has the same last stage (`ptxas`). Kernels are translated to
 * CUDA C++ for it. A driver takes SPIR-V instead, and for robust access to buffers adds instructions that check each load.
 */

/** H100 and H200. */
const TARGET = 'sm_90';
/** Of a multiprocessor there: registers, bytes of shared memory, warps, workgroups, schedulers ("CUDA C++ Programming Guide"). */
const [REGISTERS, SHARED, WARPS, WORKGROUPS, SCHEDULERS] = [65_536, 233_472, 64, 32, 4];
/** Threads of a warp; registers come in eights for each; shared memory by 128 bytes, and what CUDA takes for each workgroup. */
const [WARP, EIGHTS, PIECE, TAKEN] = [32, 8, 128, 1024];

const TOOLS = ['nvcc', 'nvdisasm'] as const;
const FOLDERS = ['/usr/local/cuda/bin', '/opt/cuda/bin'];
const NVCC = ['-std=c++20', '-use_fast_math', '-w', `-arch=${TARGET}`, '-Xptxas', '-v', '-cubin'];

const PRELUDE = new URL('./wgsl.cuh', import.meta.url);
const run = promisify(execFile);

/** Where a tool is, by PATH or where CUDA is usually put. */
function find(tool: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...FOLDERS];
  return folders
    .map((folder) => join(folder, tool))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function missing(): string | undefined {
  const absent = TOOLS.filter((tool) => !find(tool));
  if (absent.length === 0) return undefined;
  return (
    `isa: ${absent.join(' and ')} not found, in PATH or ${FOLDERS.join(', ')}. They come with the CUDA toolkit (conda: ` +
    "cuda-nvcc, cuda-nvdisasm; the Python package 'triton' has nvdisasm in backends/nvidia/bin). No NVIDIA GPU is needed"
  );
}

/** NVIDIA's instructions, by "CUDA Binary Utilities". What stands before an instruction is the condition that it runs on. */
const sass: Dialect = {
  label: /^(\.L_x_\d+):/,
  instruction: /^\s+\/\*[\da-f]{4,}\*\/\s+(?:@!?U?P\w+ )?([A-Z].*?)\s*;/,
  branch: /^BRA\b.*`\((\.L_x_\d+)\)/,
  multiplyAdd: /^FFMA/,
  barrier: /^BAR\.SYNC/,
  sharedBytes: (instruction) => (/^LDS\b/.test(instruction) ? bytesOf(instruction) : undefined),
  globalBytes: (instruction) => (/^LDG?\.E\b/.test(instruction) ? bytesOf(instruction) : undefined),
};

/** Of `LDS.128`, 16; of `LDG.E.U8.CONSTANT`, 1; where nothing is said, 4. */
function bytesOf(instruction: string): number {
  const bits = /^[\w.]*?\.[US]?(8|16|64|128)\b/.exec(instruction)?.[1];
  return Number(bits ?? 32) / 8;
}

const upTo = (size: number, piece: number) => Math.ceil(size / piece) * piece;

/**
 * Warps that a scheduler holds at a time, for workgroups of so many threads. Each scheduler has a quarter of the registers for its
 * warps, as CUDA's `cuda_occupancy.h` counts.
 */
export function wavesOf(threads: number, registers: number, shared: number): number {
  const warps = Math.ceil(threads / WARP);
  const eachHas = Math.floor(REGISTERS / SCHEDULERS / (WARP * upTo(registers, EIGHTS)));
  const groups = Math.min(
    WORKGROUPS,
    Math.floor(WARPS / warps),
    Math.floor((SCHEDULERS * eachHas) / warps),
    Math.floor(SHARED / (upTo(shared, PIECE) + TAKEN)),
  );
  return Math.floor((groups * warps) / SCHEDULERS);
}

/** Threads of a workgroup: a number, a constant of the module, or of the kind `64u`. */
function threadsOf({ code, entry }: KernelText): number {
  const size = new RegExp(`@workgroup_size\\(\\s*(\\w+)[^)]*\\)\\s*fn ${entry}\\(`).exec(code)?.[1] ?? '';
  const value = new RegExp(`const ${size} = (\\d+)`).exec(code)?.[1] ?? size;
  return Number.parseInt(value, 10);
}

function factsOf(kernel: KernelText, log: string, disassembly: string): CompiledFacts {
  const number = (pattern: RegExp) => Number(pattern.exec(log)?.[1] ?? 0);
  const registers = number(/Used (\d+) registers/);
  if (registers === 0) throw new Error(`isa: nvcc said nothing of registers: ${log.slice(0, 200)}`);
  const shared = number(/(\d+) bytes smem/);
  const addresses = [...disassembly.matchAll(/^\s+\/\*([\da-f]{4,})\*\/\s+\S/gm)];
  return {
    vectorRegisters: registers,
    spilledRegisters: number(/(\d+) bytes spill stores/) / 4,
    scratch: number(/(\d+) bytes stack frame/),
    shared,
    // An instruction has 16 bytes.
    codeBytes: Number.parseInt(addresses.at(-1)?.[1] ?? '0', 16) + 16,
    waves: wavesOf(threadsOf(kernel), registers, shared),
    loop: hottestLoop(disassembly, sass),
  };
}

async function compile(kernel: KernelText, prelude: string, folder: string, name: string): Promise<Compiled> {
  const [source, binary] = ['cu', 'cubin'].map((kind) => join(folder, `${name}.${kind}`)) as [string, string];
  let disassembly = '';
  try {
    writeFileSync(source, `${prelude}\n${toCuda(kernel.code, kernel.entry, name)}`);
    const { stderr: log } = await run(find('nvcc')!, [...NVCC, '-o', binary, source]);
    disassembly = (await run(find('nvdisasm')!, ['-c', binary], { maxBuffer: 2 ** 28 })).stdout;
    return { disassembly, facts: factsOf(kernel, log, disassembly) };
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const said = stderr?.split('\n').find((line) => line.includes('error'));
    return { disassembly, error: said?.replace(source, name) ?? message };
  }
}

async function compileAll(
  kernels: readonly KernelText[],
  onProgress: (done: number) => void,
): Promise<Compiled[]> {
  const absent = missing();
  if (absent !== undefined) throw new UserError(absent);
  const prelude = readFileSync(PRELUDE, 'utf8');
  const folder = mkdtempSync(join(tmpdir(), 'tapegrad-isa-'));
  const results: Compiled[] = [];
  let [next, done] = [0, 0];
  const work = async () => {
    while (next < kernels.length) {
      const i = next++;
      results[i] = await compile(kernels[i]!, prelude, folder, `kernel_${i}`);
      onProgress(++done);
    }
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, work));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return results;
}

/** CUDA's compiler, for NVIDIA's GPUs. */
export const nvidia: Compiler = { target: TARGET, float16: true, missing, compileAll };
