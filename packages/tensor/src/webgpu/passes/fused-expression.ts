import type { TensorView } from '../../contracts.ts';
import type { Launch } from '../../lowering/launch.ts';
import { type BroadcastIndex, broadcastIndexOf } from '../broadcast-index.ts';
import type { Binding, RecordedLaunch } from '../dispatch.ts';
import type { GpuStorage } from '../memory.ts';

/*
 * What elementwise launches compute, as a list of ops that refer to inputs and to each other: two expressions become one
 * by putting the first in the place of an input of the second. One is evaluated where a kernel loads (a chain of ops, what
 * a reduction reads), or where it stores (what is merged into the end of a contraction): there it begins with the kernel's
 * own value.
 */

export interface ExpressionInput {
  readonly tensor: TensorView;
  readonly binding: Binding;
  readonly index: BroadcastIndex;
}

/** An input, the value of a step before, or the value that the kernel is about to store. */
export type Source = { readonly input: number } | { readonly step: number } | { readonly own: true };

export interface ExpressionStep {
  /** WGSL of a, b, c and p. */
  readonly expression: string;
  readonly parameters: readonly number[];
  readonly sources: readonly Source[];
}

export interface FusedExpression {
  /** How often it is evaluated: at every index below this. */
  readonly size: number;
  /** Whether each op's value is rounded to float16, as it is where ops store by themselves. */
  readonly half: boolean;
  readonly inputs: readonly ExpressionInput[];
  readonly steps: readonly ExpressionStep[];
  readonly result: Source;
}

/** How much one kernel may hold. Words are those of its uniforms: see `numbersOf`. */
export interface Limits {
  readonly inputs: number;
  readonly steps: number;
  readonly words: number;
}

/** That of an elementwise launch, if its inputs are broadcast in simple ways. */
export function expressionOf({ launch, bindings, outputs }: RecordedLaunch): FusedExpression | undefined {
  const { fusion } = launch;
  if (fusion?.role !== 'elementwise') return undefined;
  const { shape, size, dtype } = launch.outputs[0]!;
  if ((dtype !== 'float32' && dtype !== 'float16') || launch.inputs.some((input) => input.dtype !== dtype))
    return undefined;
  const inputs: ExpressionInput[] = [];
  for (const [k, tensor] of launch.inputs.entries()) {
    const index = broadcastIndexOf(tensor.shape, shape);
    if (!index) return undefined;
    inputs.push({ tensor, binding: bindings[outputs + k]!, index });
  }
  const { expression, parameters } = fusion;
  const sources = inputs.map((_, input) => ({ input }));
  return {
    size,
    half: dtype === 'float16',
    inputs,
    steps: [{ expression, parameters, sources }],
    result: { step: 0 },
  };
}

/** The expression that reads one float32 tensor as it is. */
export const identity = (tensor: TensorView, binding: Binding): FusedExpression => ({
  size: tensor.size,
  half: false,
  inputs: [{ tensor, binding, index: { extent: tensor.size, inner: 1, whole: true } }],
  steps: [],
  result: { input: 0 },
});

/** The expression that is what a kernel stores anyway. */
export const ownValue = ({ size, dtype }: Launch['outputs'][0]): FusedExpression => ({
  size,
  half: dtype === 'float16',
  inputs: [],
  steps: [],
  result: { own: true },
});

/**
 * `reader` with `made` in the place of the inputs that are in `storage`, or undefined if that is more than a kernel may
 * hold. Expressions of as many elements, or a `made` of one, which is then computed anew for every element.
 */
export function substitute(
  made: FusedExpression,
  storage: GpuStorage,
  reader: FusedExpression,
  limits: Limits,
): FusedExpression | undefined {
  const inputs: ExpressionInput[] = [];
  const take = (input: ExpressionInput): Source => {
    const known = inputs.findIndex((other) => sameInput(other, input));
    return { input: known < 0 ? inputs.push(input) - 1 : known };
  };
  const steps: ExpressionStep[] = [];
  const append = (expression: FusedExpression, own: readonly Source[]): Source => {
    const values: Source[] = [];
    const moved = (source: Source): Source =>
      'input' in source ? own[source.input]! : 'step' in source ? values[source.step]! : source;
    for (const step of expression.steps) {
      const next = { ...step, sources: step.sources.map(moved) };
      // A number that went into several readers meets itself where those are merged.
      const known = steps.findIndex((other) => sameStep(other, next));
      values.push({ step: known < 0 ? steps.push(next) - 1 : known });
    }
    return moved(expression.result);
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
  const whole = { size: reader.size, half: reader.half, inputs, steps, result };
  const fits =
    inputs.length <= limits.inputs && steps.length <= limits.steps && numbersOf(whole).length <= limits.words;
  return fits ? whole : undefined;
}

const ONE: BroadcastIndex = { extent: 1, inner: 1, whole: false };

const sameInput = (a: ExpressionInput, b: ExpressionInput) =>
  a.binding.storage === b.binding.storage &&
  a.binding.offset === b.binding.offset &&
  a.binding.bytes === b.binding.bytes &&
  a.index.extent === b.index.extent &&
  a.index.inner === b.index.inner &&
  a.index.whole === b.index.whole;

const sameStep = (a: ExpressionStep, b: ExpressionStep) =>
  a.expression === b.expression &&
  a.parameters.every((parameter, i) => Object.is(parameter, b.parameters[i])) &&
  a.sources.every((source, i) => JSON.stringify(source) === JSON.stringify(b.sources[i]));

/** Functions that cost next to nothing. */
const CHEAP = new Set([
  'select',
  'max',
  'min',
  'abs',
  'clamp',
  'is_nan',
  'is_given_negative',
  'is_given_positive',
  'is_given_zero',
  'is_given_nan',
  'equals',
  'f32',
]);

/** Whether its ops may be computed more often than once for each element, or in a kernel that is long already. */
export const isCheap = ({ steps }: FusedExpression) =>
  steps.every(({ expression }) =>
    [...expression.matchAll(/([a-z_]\w*)\(/g)].every((match) => CHEAP.has(match[1]!)),
  );

/** Whether an operand's place takes two numbers to find. */
export const needsNumbers = (index: BroadcastIndex) => !index.whole && index.extent > 1;

/**
 * The numbers of an expression, as words of the launch's uniforms: where inputs need them extent and inner, then the bits of
 * each step's parameters. The code of `expressionCode` counts on this order.
 */
export function numbersOf({ inputs, steps }: FusedExpression): number[] {
  const places = inputs.flatMap(({ index }) => (needsNumbers(index) ? [index.extent, index.inner] : []));
  const parameters = Float32Array.from(steps.flatMap((step) => step.parameters));
  return [...places, ...new Uint32Array(parameters.buffer)];
}
