import type { LoopFacts } from './disassembly.ts';

/* What compilers of real GPUs have in common: see `radv.ts` and `nvidia.ts`. */

/** A kernel to be compiled: its whole WGSL, and what it binds. */
export interface KernelText {
  readonly id: string;
  readonly code: string;
  readonly entry: string;
  readonly bindings: readonly GPUBindGroupLayoutEntry[];
}

/** What the compiler says of a kernel. Bytes are those of a workgroup (shared) and of the code. */
export interface CompiledFacts {
  readonly vectorRegisters: number;
  readonly spilledRegisters: number;
  /** Bytes of memory that each lane has for what fits no register, arrays among it. */
  readonly scratch: number;
  readonly shared: number;
  readonly codeBytes: number;
  /** Subgroups that a SIMD (of NVIDIA's, a scheduler) holds at a time: what hides memory's latency. */
  readonly waves: number;
  readonly loop: LoopFacts | undefined;
}

export interface Compiled {
  readonly facts?: CompiledFacts;
  readonly disassembly: string;
  /** Why it did not compile. */
  readonly error?: string;
}

/** A compiler for a GPU that need not be there. */
export interface Compiler {
  /** The GPUs that it compiles for, by the compiler's name for them. */
  readonly target: string;
  /** Whether it takes `f16`. */
  readonly float16: boolean;
  /** What is not installed, and how to get it; undefined if nothing is missing. */
  missing(): string | undefined;
  /**
   * Compiles kernels, and tells what came of each, in their order.
   * @throws UserError if something is missing
   */
  compileAll(kernels: readonly KernelText[], onProgress: (done: number) => void): Promise<Compiled[]>;
}
