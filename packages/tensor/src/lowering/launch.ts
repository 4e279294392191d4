import type { InPlaceUpdate, Inputs, Op, TensorView } from '../contracts.ts';
import type { DType } from '../dtype.ts';
import { type UniformFields, UniformStruct, type UniformValues } from './uniforms.ts';

/*
 * What lies between ops and a backend that runs kernels. An op's lowering describes launches; of the backend it knows
 * only what is here.
 */

/**
 * What kind of machine runs the kernels: it decides which variant of a kernel is the fast one. `swiftshader` stands
 * for every software adapter that is not lavapipe.
 */
export type AdapterKind = 'gpu' | 'lavapipe' | 'swiftshader';

/** One shape that an adapter's matrix units multiply: C [M, N] += A [M, K] · B [K, N]. As `GPUAdapterInfo` has it. */
export interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** A choice of a contraction variant that was measured on one adapter. */
export interface TunedChoice {
  /** One of `contractionVariants`, by its name. */
  readonly variant: string;
  /** Workgroups that share a sum. */
  readonly parts: number;
}

/** The choice for each bucket of shapes: see `shapeKey`. Preferred to the built-in preferences. */
export type TunedTable = ReadonlyMap<string, TunedChoice>;

/** WGSL: a file of `@tapegrad/shaders`, as in `{ ...wgsl.copy, entry: 'fill' }`, or that of a user's own op. */
export interface OwnShader {
  /** Unique among shaders, for it identifies the compiled kernel. */
  readonly name: string;
  /** The entry point. Default: `main`. */
  readonly entry?: string;
  /** The source. The struct of the uniforms is put before it. */
  readonly wgsl: string;
}

/** An entry point of some WGSL, with the uniforms that it reads as `params`. */
export interface Shader<F extends UniformFields = UniformFields> {
  /** By which errors, profiles and caches know the WGSL. */
  readonly name: string;
  /** The function that runs. */
  readonly entry: string;
  /** The source. */
  readonly wgsl: string;
  /** What it reads as `params`. */
  readonly uniforms: UniformStruct<F>;
}

/** Declares an entry point. The struct of the uniforms is put before the source. */
export function shader<const F extends UniformFields>(
  { name, entry = 'main', wgsl }: OwnShader,
  uniforms: F,
): Shader<F> {
  return { name, entry, wgsl, uniforms: new UniformStruct(uniforms) };
}

/** Workgroups that WebGPU allows in one dimension. */
export const MOST_GROUPS = 65_535;

/** One kernel launch, as a lowering describes it. */
export interface Launch<F extends UniformFields = UniformFields> {
  /** What runs. */
  readonly shader: Shader<F>;
  /** Module-scope `const`s put before the source: tile sizes, flags. Booleans, integers (u32). */
  readonly constants?: Readonly<Record<string, number | boolean>>;
  /** WGSL put after the source: the expression of an elementwise op. Part of the pipeline's identity. */
  readonly code?: string;
  /** Bound from @binding(1) on, writable, in this order. */
  readonly outputs: readonly TensorView[];
  /** Bound after the outputs, read-only. */
  readonly inputs: readonly TensorView[];
  /** What the struct at @binding(0) holds. */
  readonly uniforms: UniformValues<NoInfer<F>>;
  /** Workgroups: a count (spread over x and y by itself; see `group_index` in the prelude) or exact extents. */
  readonly workgroups: number | readonly [number, number, number];
  /** Floating-point operations, where the op counts them: what a profile makes a rate of. */
  readonly flops?: number;
  /** What lets a captured program merge this launch with its neighbours: see `Fusion`. */
  readonly fusion?: Fusion;
}

/** What lets the passes over a captured program merge a launch with its neighbours, or drop it: see `webgpu/passes/`. */
export type Fusion =
  /**
   * It passes what it stores through `finish` where the constant FUSED is set: the elementwise launches after it can become
   * that function. One with `loads` reads its first input through `value`, each element once, where MERGED is set: the
   * elementwise launches before it can become that.
   */
  | {
      readonly role: 'producer';
      /** Whether it stores vec4s; whether it reads them. */
      readonly vectors: boolean;
      readonly loads?: { readonly vectors: boolean };
    }
  | {
      readonly role: 'elementwise';
      readonly expression: string;
      readonly parameters: readonly number[];
    }
  /** It copies neighbouring elements in their order, the first being number `from` of the input and number `to` of the output. */
  | { readonly role: 'copy'; readonly size: number; readonly from: number; readonly to: number };

/** Lanes of a subgroup, where an adapter has but one size of them, so that a workgroup can be exactly one. */
export function subgroupSize({ subgroups }: Pick<LaunchContext, 'subgroups'>): number | undefined {
  return subgroups && subgroups.min === subgroups.max && [4, 8, 16, 32].includes(subgroups.min)
    ? subgroups.min
    : undefined;
}

/** What a lowering may ask of the backend. */
export interface LaunchContext {
  /** What kind of machine the kernels are made for. */
  readonly kind: AdapterKind;
  /** Whether a processor runs the kernels, whichever kind of adapter they are made for: its driver compiles slowly. */
  readonly software?: boolean | undefined;
  /** How many lanes run in lockstep, at least and at most; undefined where the device has no subgroups. */
  readonly subgroups: { readonly min: number; readonly max: number } | undefined;
  /** Shapes that the adapter's matrix units multiply. */
  readonly matrices?: readonly MatrixConfig[] | undefined;
  /** Choices that were measured on this adapter. */
  readonly tuned?: TunedTable | undefined;
  /**
   * Whether so little is going to run that a kernel which compiles sooner is worth more than a faster one. It decides only
   * between kernels that compute the same bits.
   */
  readonly brief?: boolean | undefined;
  /** Queues a launch. */
  launch<F extends UniformFields>(launch: Launch<F>): void;
  /** Scratch memory, valid until the lowering returns. */
  scratch(dtype: DType, size: number): TensorView;
}

/** Queues the launches that compute on a GPU what an op's reference defines. Never called with an empty output. */
export type Lower<A, I extends Inputs = Inputs> = (
  gpu: LaunchContext,
  inputs: I,
  attributes: A,
  output: TensorView,
) => void;

/** The same for an update in place. */
export type LowerUpdate<A, T extends Inputs = Inputs> = (
  gpu: LaunchContext,
  tensors: T,
  attributes: A,
) => void;

/** The lowering that belongs to an op, or to an update: `LoweringOf<typeof cast>`. */
export type LoweringOf<O> =
  O extends Op<infer A, infer I>
    ? Lower<A, I>
    : O extends InPlaceUpdate<infer A, infer T>
      ? LowerUpdate<A, T>
      : never;
