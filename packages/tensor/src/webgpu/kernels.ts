import type { TensorView } from '../contracts.ts';
import type { DType } from '../dtype.ts';
import type { MatrixConfig } from './matrix.ts';
import type { TunedTable } from './tuned.ts';

/**
 * What kind of machine runs the kernels: it decides which variant of a kernel is the fast one. `swiftshader` stands
 * for every software adapter that is not lavapipe.
 */
export type AdapterKind = 'gpu' | 'lavapipe' | 'swiftshader';

/** A float among a launch's uniforms; plain numbers are integers. */
export interface Float {
  readonly float: number;
}
export const float = (value: number): Float => ({ float: value });

/** One kernel launch, as ops describe it. */
export interface Launch {
  /** The WGSL file under `shaders/`. */
  readonly shader: string;
  readonly entry?: string;
  /** Module-scope `const`s put before the source: tile sizes, flags. Booleans, integers (u32). */
  readonly constants?: Readonly<Record<string, number | boolean>>;
  /** WGSL put after the source: the expression of an elementwise op. Part of the pipeline's identity. */
  readonly code?: string;
  /** Bound from @binding(1) on, writable, in this order. */
  readonly outputs: readonly TensorView[];
  /** Bound after the outputs, read-only. */
  readonly inputs: readonly TensorView[];
  /** The words of the struct at @binding(0), in order; at most 64. */
  readonly uniforms: readonly (number | Float)[];
  /** Workgroups: a count (spread over x and y by itself; see `group_index` in the prelude) or exact extents. */
  readonly workgroups: number | readonly [number, number, number];
  /** Floating-point operations, where the op counts them: what a profile makes a rate of. */
  readonly flops?: number;
  /** What lets a captured program merge this launch with its neighbours: see `fuse.ts`. */
  readonly fusion?: Fusion;
}

/**
 * A producer passes what it stores through `finish`; an elementwise consumer can become that function. One with `loads`
 * reads its first input through `value`, each element once; the elementwise launches before it can become that.
 */
export type Fusion =
  | {
      readonly role: 'producer';
      /** Where the stages' uniforms begin, in words. */
      readonly words: number;
      /** Whether it stores vec4s. */
      readonly vectors: boolean;
      /** Where the uniforms of `value` begin and how many there can be, in words; whether it reads vec4s. */
      readonly loads?: { readonly start: number; readonly most: number; readonly vectors: boolean };
    }
  | {
      readonly role: 'elementwise';
      readonly expression: string;
      readonly parameters: readonly number[];
    };

/** Lanes of a subgroup, where an adapter has but one size of them, so that a workgroup can be exactly one. */
export function subgroupSize({ subgroups }: Pick<LaunchContext, 'subgroups'>): number | undefined {
  return subgroups && subgroups.min === subgroups.max && [4, 8, 16, 32].includes(subgroups.min)
    ? subgroups.min
    : undefined;
}

/** What an op's kernel may ask of the WebGPU device. */
export interface LaunchContext {
  readonly kind: AdapterKind;
  readonly subgroups: { readonly min: number; readonly max: number } | undefined;
  /** Shapes that the adapter's matrix units multiply. */
  readonly matrices?: readonly MatrixConfig[] | undefined;
  /** Choices that were measured on this adapter. */
  readonly tuned?: TunedTable | undefined;
  launch(launch: Launch): void;
  /** Scratch memory, valid until the op's kernel function returns. */
  scratch(dtype: DType, size: number): TensorView;
}
