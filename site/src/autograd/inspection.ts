/* What is known of a program that ran: plain data, from the worker to the page, or recorded. */

export interface TensorInfo {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: string;
  /** The first values, row-major. */
  readonly values: readonly number[];
  readonly least: number;
  readonly most: number;
}

/** An op that ran forwards. */
export interface NodeInfo {
  /** What the graph calls it: `entry 3 (relu)`. Undefined where nothing tracks it. */
  readonly name: string | undefined;
  readonly op: string;
  /** As text: `axes [1]`. */
  readonly attributes: string;
  readonly inputs: readonly number[];
  readonly output: number;
  /** Of the root, with respect to the output. */
  readonly gradient?: TensorInfo | undefined;
}

/** An op that a rule ran, on the way back. */
export interface BackwardInfo {
  /** The node whose rule ran it. */
  readonly node: string;
  readonly op: string;
  readonly attributes: string;
  readonly inputs: readonly number[];
  readonly output: number;
}

/** A launch of the captured program. */
export interface LaunchInfo {
  readonly op: string;
  readonly kernel: string;
  readonly workgroups: readonly number[];
  readonly writes: readonly string[];
  readonly reads: readonly string[];
  /** Entries of the graph that it computes, and those whose rules asked for it. */
  readonly forward: readonly string[];
  readonly backward: readonly string[];
  /** Constants put before the WGSL, and the uniforms, by name. */
  readonly constants: string;
  readonly uniforms: string;
  /** Index into the kernels. */
  readonly code: number;
}

export interface ProgramInfo {
  readonly launches: readonly LaunchInfo[];
  /** The same before launches were merged. */
  readonly unmerged: readonly Pick<LaunchInfo, 'op' | 'forward' | 'backward' | 'kernel'>[];
  readonly merged: number;
  readonly elided: number;
  readonly planned: number;
  readonly liveSet: number;
  /** `program.print()`. */
  readonly text: string;
  readonly kernels: readonly string[];
  readonly adapter: string;
}

export interface Inspection {
  readonly printed: readonly string[];
  readonly tensors: readonly TensorInfo[];
  /** Names of variables, by tensor. */
  readonly names: Readonly<Record<number, string>>;
  readonly nodes: readonly NodeInfo[];
  readonly backward: readonly BackwardInfo[];
  /** Tensors that require grad, and their gradients. */
  readonly leaves: readonly { readonly tensor: number; readonly gradient: TensorInfo | undefined }[];
  /** The roots of backward walks. */
  readonly roots: readonly number[];
  readonly program: ProgramInfo | undefined;
  /** Why there is no captured program. */
  readonly noProgram: string | undefined;
  readonly device: string;
}
