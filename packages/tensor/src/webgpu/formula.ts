import type { TensorView } from '../contracts.ts';
import { type BroadcastIndex, broadcastIndexOf, isByFour, loadOf } from './broadcast-index.ts';
import type { Binding, Dispatch } from './dispatch.ts';
import type { GpuStorage } from './memory.ts';

/*
 * What elementwise launches compute, as a list of ops that refer to inputs and to each other: two formulas become one by
 * putting the first in the place of an input of the second.
 */

export interface FormulaInput {
  readonly tensor: TensorView;
  readonly binding: Binding;
  readonly index: BroadcastIndex;
}

/** An input, or the value of a step before. */
type Source = { readonly input: number } | { readonly step: number };

interface FormulaStep {
  readonly expression: string;
  readonly parameters: readonly number[];
  readonly sources: readonly Source[];
}

export interface Formula {
  /** How often it is evaluated: at every index below this. */
  readonly size: number;
  readonly inputs: readonly FormulaInput[];
  readonly steps: readonly FormulaStep[];
  readonly result: Source;
}

/** Inputs of a formula: with an output they are the 8 storage buffers that every WebGPU device has. */
const MOST_INPUTS = 7;
/** Ops of a formula: kernels stay small enough to compile fast. */
const MOST_STEPS = 24;

/** That of an elementwise launch, if it is all float32 and its inputs are broadcast in simple ways. */
export function formulaOf({ launch, bindings, outputs }: Dispatch): Formula | undefined {
  const { fusion, inputs } = launch;
  if (fusion?.role !== 'elementwise') return undefined;
  if ([...launch.outputs, ...inputs].some(({ dtype }) => dtype !== 'float32')) return undefined;
  const { shape, size } = launch.outputs[0]!;
  const found = inputs.map((tensor, k) => ({
    tensor,
    binding: bindings[outputs + k]!,
    index: broadcastIndexOf(tensor.shape, shape),
  }));
  if (found.some(({ index }) => !index)) return undefined;
  const { expression, parameters } = fusion;
  const sources = inputs.map((_, input) => ({ input }));
  return {
    size,
    inputs: found as FormulaInput[],
    steps: [{ expression, parameters, sources }],
    result: { step: 0 },
  };
}

/** The formula that reads one input as it is. */
export const identity = (tensor: TensorView, binding: Binding): Formula => ({
  size: tensor.size,
  inputs: [{ tensor, binding, index: { extent: tensor.size, inner: 1, whole: true } }],
  steps: [],
  result: { input: 0 },
});

/**
 * `reader` with `made` in the place of the inputs that are in `storage`, or undefined if it gets too long for a kernel.
 * Formulas of as many elements, or a `made` of one, which is then computed anew for every element.
 */
export function substitute(
  made: Formula,
  storage: GpuStorage,
  reader: Formula,
  mostWords: number,
): Formula | undefined {
  const inputs: FormulaInput[] = [];
  const take = (input: FormulaInput): Source => {
    const known = inputs.findIndex((other) => sameInput(other, input));
    return { input: known < 0 ? inputs.push(input) - 1 : known };
  };
  const steps: FormulaStep[] = [];
  const append = (formula: Formula, own: readonly Source[]): Source => {
    const values: Source[] = [];
    const moved = (source: Source) => ('input' in source ? own[source.input]! : values[source.step]!);
    for (const step of formula.steps) {
      const next = { ...step, sources: step.sources.map(moved) };
      // A number that went into several readers meets itself where those are merged.
      const known = steps.findIndex((other) => sameStep(other, next));
      values.push({ step: known < 0 ? steps.push(next) - 1 : known });
    }
    return moved(formula.result);
  };
  const spread = made.size !== reader.size;
  const value = append(
    made,
    made.inputs.map((input) => take(spread ? { ...input, index: ONE } : input)),
  );
  const result = append(
    reader,
    reader.inputs.map((input) => (input.binding.storage === storage ? value : take(input))),
  );
  const formula = { size: reader.size, inputs, steps, result };
  const fits =
    inputs.length <= MOST_INPUTS && steps.length <= MOST_STEPS && numbersOf(formula).length <= mostWords;
  return fits ? formula : undefined;
}

const ONE: BroadcastIndex = { extent: 1, inner: 1, whole: false };

const sameInput = (a: FormulaInput, b: FormulaInput) =>
  a.binding.storage === b.binding.storage &&
  a.binding.offset === b.binding.offset &&
  a.binding.bytes === b.binding.bytes &&
  a.index.extent === b.index.extent &&
  a.index.inner === b.index.inner &&
  a.index.whole === b.index.whole;

const sameStep = (a: FormulaStep, b: FormulaStep) =>
  a.expression === b.expression &&
  a.parameters.every((parameter, i) => Object.is(parameter, b.parameters[i])) &&
  a.sources.every((source, i) => sameSource(source, b.sources[i]!));

const sameSource = (a: Source, b: Source) =>
  'input' in a ? 'input' in b && a.input === b.input : 'step' in b && a.step === b.step;

/**
 * The numbers of a formula as words of the launch's uniforms: a zero, then where each input needs them its extent and
 * inner, then the parameters of each step.
 */
export function numbersOf({ inputs, steps }: Formula): Uint32Array {
  const indices = inputs.flatMap(({ index }) => (needsNumbers(index) ? [index.extent, index.inner] : []));
  const parameters = Float32Array.from(steps.flatMap((step) => step.parameters));
  return Uint32Array.of(0, ...indices, ...new Uint32Array(parameters.buffer));
}

const needsNumbers = (index: BroadcastIndex) => !index.whole && index.extent > 1;

/**
 * WGSL that binds the inputs from `binding` on and defines `value(i)`: the result at index i, or at the four indices from
 * 4i on (`vectors`). It finds the numbers in `params.numbers`, an array of vec4u.
 *
 * Each step's value goes through `settled`, which no compiler sees through: steps stay apart as if memory was between
 * them (no multiply-add of two ops, no factoring out), so that the bytes are those of one launch for each.
 */
export function formulaCode(
  { inputs, steps, result }: Formula,
  vectors: boolean,
  binding: number,
  /** Where in `params.numbers` the numbers begin. */
  start = 0,
): string {
  let word = start;
  const number = () => `params.numbers[${word >> 2}].${'xyzw'[word++ & 3]}`;
  const nameOf = (source: Source) => ('input' in source ? `x${source.input}` : `v${source.step}`);
  const lines = [
    `fn settled(v: f32) -> f32 { return bitcast<f32>(bitcast<u32>(v) ^ ${number()}); }`,
    ...inputs.map(({ index }, k) => {
      const type = vectors && isByFour(index) ? 'vec4f' : 'f32';
      return `@group(0) @binding(${binding + k}) var<storage, read> input${k}: array<${type}>;`;
    }),
  ];
  const loads = inputs.map(({ index }, k) => {
    const [extent, inner] = needsNumbers(index) ? [number(), number()] : ['1u', '1u'];
    return `  let x${k} = ${loadOf(`input${k}`, index, extent, inner, vectors)};`;
  });
  const values = steps.map(({ expression, parameters, sources }, k) => {
    lines.push(`fn op${k}(a: f32, b: f32, c: f32, p: vec4f) -> f32 { return ${expression}; }`);
    const given = [0, 1, 2].map((i) => (sources[i] ? nameOf(sources[i]) : '0.0'));
    const p = [0, 1, 2, 3].map((i) => (i < parameters.length ? `bitcast<f32>(${number()})` : '0.0'));
    return `  let v${k} = settled(op${k}(${given.join(', ')}, vec4f(${p.join(', ')})));`;
  });
  const names = inputs.map((_, k) => `x${k}`);
  const call = (part: string) => `formula(${names.map((name) => name + part).join(', ')})`;
  return [
    ...lines,
    `fn formula(${names.map((name) => `${name}: f32`).join(', ')}) -> f32 {`,
    ...values,
    `  return ${nameOf(result)};`,
    '}',
    `fn value(i: u32) -> ${vectors ? 'vec4f' : 'f32'} {`,
    `  let at = ${vectors ? '4u * i' : 'i'};`,
    ...loads,
    `  return ${vectors ? `vec4f(${['.x', '.y', '.z', '.w'].map(call).join(', ')})` : call('')};`,
    '}',
  ].join('\n');
}
