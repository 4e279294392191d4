import type { TensorView } from '../contracts.ts';
import type { Fusion, Launch } from '../lowering/launch.ts';
import { sizeOf } from '../shape.ts';
import { type BroadcastIndex, broadcastIndexOf, isByFour, loadOf } from './broadcast-index.ts';
import type { Binding, Dispatch } from './dispatch.ts';
import { overlaps, sameBuffer } from './elide.ts';
import type { GpuStorage } from './memory.ts';
import type { CompiledKernel } from './pipelines.ts';

/** An elementwise op at the end of another kernel: applied to each value on its way to memory. */
interface Stage {
  readonly expression: string;
  readonly parameters: readonly number[];
  /** Which argument of the expression the value is. */
  readonly slot: 0 | 1;
  /** Where the other argument is, if there is one. */
  readonly operand: BroadcastIndex | undefined;
}

/** A launch with stages that were merged into it. */
type Fused = Dispatch & {
  readonly stages?: readonly Stage[];
  /** The WGSL that it had before. */
  readonly base?: string;
};

/** Words that a stage takes of the uniforms: extent, inner, and two of the op's parameters. */
const STAGE_WORDS = 4;
/** As many as the shaders' `stages` hold. */
const MOST_STAGES = 3;
/** Functions that an expression may call: those of the language and of the prelude. */
const KNOWN = new Set(['select', 'max', 'min', 'abs', 'is_nan']);

/**
 * Merges elementwise launches into the kernels that produce their input: a bias and an activation into a contraction,
 * the mask of a relu into the contraction that makes the gradient, the factor of a mean into its sum. The values are computed as before and in the same
 * order, so the bytes stay the same; a pass over memory and a launch are saved.
 *
 * It is done where the input is a temporary that nobody else reads, all its writers can take stages, and nothing in
 * between uses the output or writes the other operand.
 */
export function fuseElementwise(
  dispatches: readonly Dispatch[],
  isTemporary: (storage: GpuStorage) => boolean,
  find: (launch: Launch) => CompiledKernel,
  /** Elements below which a merge saves less than compiling one more kernel costs. */
  least = 0,
): Dispatch[] {
  const result: Fused[] = [...dispatches];
  for (let at = 0; at < result.length; at++) {
    if (result[at]!.launch.outputs[0]!.size < least) continue;
    const merge = mergeable(result, at, isTemporary);
    if (!merge) continue;
    for (const index of merge.writers) result[index] = withStage(result[index]!, result[at]!, merge, find);
    result.splice(at--, 1);
  }
  return result;
}

interface Merge {
  readonly writers: readonly number[];
  readonly stage: Stage;
  readonly other: { readonly tensor: TensorView; readonly binding: Binding } | undefined;
}

function mergeable(
  dispatches: readonly Fused[],
  at: number,
  isTemporary: (storage: GpuStorage) => boolean,
): Merge | undefined {
  const { launch, bindings } = dispatches[at]!;
  const { fusion, inputs } = launch;
  if (fusion?.role !== 'elementwise' || inputs.length > 2 || fusion.parameters.length > 2) return undefined;
  const calls = [...fusion.expression.matchAll(/([a-z_]\w*)\(/g)].map((match) => match[1]!);
  if (!calls.every((name) => KNOWN.has(name))) return undefined;
  const output = bindings[0]!;
  const shape = launch.outputs[0]!.shape;
  for (const slot of [0, 1] as const) {
    const [value, tensor] = [bindings[1 + slot], inputs[slot]];
    if (!value || !isTemporary(value.storage) || tensor!.size !== sizeOf(shape)) continue;
    if (value.offset !== 0 || tensor!.size !== value.storage.size) continue;
    const other =
      inputs.length === 2 ? { tensor: inputs[1 - slot]!, binding: bindings[2 - slot]! } : undefined;
    const operand = other && broadcastIndexOf(other.tensor.shape, shape);
    if (other && !operand) continue;
    const writers = writersOf(dispatches, at, value, output, other?.binding);
    if (!writers) continue;
    const stage = { expression: fusion.expression, parameters: fusion.parameters, slot, operand };
    return { writers, stage, other };
  }
  return undefined;
}

/** The launches that write `value`, or undefined if they may not write `output` instead, reading `other` besides. */
function writersOf(
  dispatches: readonly Fused[],
  at: number,
  value: Binding,
  output: Binding,
  other: Binding | undefined,
): number[] | undefined {
  const writers: number[] = [];
  for (const [index, { bindings, outputs, launch, stages = [] }] of dispatches.entries()) {
    if (index === at) continue;
    const own = bindings.flatMap(({ storage }, i) => (storage === value.storage ? [i] : []));
    if (own.length > 0) {
      const takes = launch.fusion?.role === 'producer' && stages.length < MOST_STAGES;
      if (own.length > 1 || own[0] !== 0 || index > at || !takes) return undefined;
      if (bindings.some(({ storage }) => sameBuffer(storage, output.storage))) return undefined;
      writers.push(index);
    } else if (writers.length > 0 && index < at) {
      if (bindings.some((binding) => overlaps(binding, output))) return undefined;
      if (other && bindings.slice(0, outputs).some((binding) => overlaps(binding, other))) return undefined;
    }
  }
  if (other && sameBuffer(other.storage, output.storage)) return undefined;
  return writers.length > 0 ? writers : undefined;
}

function withStage(
  writer: Fused,
  consumer: Dispatch,
  { stage, other }: Merge,
  find: (launch: Launch) => CompiledKernel,
): Fused {
  const stages = [...(writer.stages ?? []), stage];
  const fusion = writer.launch.fusion as Extract<Fusion, { role: 'producer' }>;
  const inputs = other ? [...writer.launch.inputs, other.tensor] : writer.launch.inputs;
  const operands = stages.filter(({ operand }) => operand).length;
  const base = writer.base ?? writer.launch.code ?? '';
  const half = consumer.launch.outputs[0]!.dtype === 'float16';
  const launch: Launch = {
    ...writer.launch,
    outputs: consumer.launch.outputs,
    inputs,
    constants: { ...writer.launch.constants, FUSED: true },
    code: `${base}\n${finishing(stages, fusion.vectors, half, 1 + writer.outputs, inputs.length - operands)}`,
  };
  const uniforms = new Uint32Array(fusion.words + stages.length * STAGE_WORDS);
  uniforms.set(writer.uniforms.subarray(0, uniforms.length - STAGE_WORDS));
  const floats = new Float32Array(uniforms.buffer);
  const start = uniforms.length - STAGE_WORDS;
  uniforms.set([stage.operand?.extent ?? 1, stage.operand?.inner ?? 1], start);
  floats.set(stage.parameters, start + 2);
  const bindings = [consumer.bindings[0]!, ...writer.bindings.slice(1), ...(other ? [other.binding] : [])];
  const op = `${writer.op} + ${consumer.op}`;
  const origins = [...writer.origins, ...consumer.origins];
  return { ...writer, kernel: find(launch), launch, bindings, uniforms, op, origins, stages, base };
}

/** The WGSL of `finish` (or `finish4`, for kernels that store vec4s): the stages, one after the other. */
function finishing(
  stages: readonly Stage[],
  vectors: boolean,
  half: boolean,
  before: number,
  firstInput: number,
): string {
  const lines: string[] = [];
  let input = firstInput;
  // What an op stores is rounded to float16 before the next op reads it: so it is between stages, too. (Drivers leave
  // out a conversion there and back.)
  const stored = (value: string) => (half ? `quantizeToF16(${value})` : value);
  stages.forEach(({ expression, slot, operand }, k) => {
    lines.push(`fn stage${k}(a: f32, b: f32, p: vec4f) -> f32 { return ${expression}; }`);
    const p = `vec4f(bitcast<vec2f>(params.stages[${k}].zw), 0.0, 0.0)`;
    const call = (value: string, other: string) =>
      `stage${k}(${slot === 0 ? value : other}, ${slot === 0 ? other : value}, ${p})`;
    if (operand) {
      const type = vectors && isByFour(operand) ? `vec4<In${input}>` : `In${input}`;
      lines.push(`@group(0) @binding(${before + input++}) var<storage, read> operand${k}: array<${type}>;`);
    }
    const [extent, inner] = [`params.stages[${k}].x`, `params.stages[${k}].y`];
    const other = operand
      ? loadOf(`operand${k}`, operand, extent, inner, vectors)
      : vectors
        ? 'vec4f()'
        : '0.0';
    if (!vectors) {
      lines.push(`fn merge${k}(v: f32, at: u32) -> f32 { return ${call('v', other)}; }`);
      return;
    }
    const parts = ['x', 'y', 'z', 'w'].map((j) => call(`v.${j}`, `o.${j}`));
    lines.push(
      `fn merge${k}(v: vec4f, at: u32) -> vec4f { let o = ${other}; return vec4f(${parts.join(', ')}); }`,
    );
  });
  const all = stages.reduce((value, _, k) => `merge${k}(${stored(value)}, at)`, 'v');
  const type = vectors ? 'vec4f' : 'f32';
  lines.push(`fn finish(v: ${type}, at: u32) -> ${type} { return ${all}; }`);
  return lines.join('\n');
}
