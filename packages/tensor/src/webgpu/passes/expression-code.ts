import { isByFour, loadOf } from '../broadcast-index.ts';
import { type FusedExpression, needsNumbers, numbersOf, type Source } from './fused-expression.ts';

/** Where an expression's code finds what it reads, and how it is called. */
export interface CodePlaces {
  /**
   * `value(i)`: the result at index i, or at the four indices from 4i on (`vectors`). `finish(v, at)`: what becomes of the
   * kernel's own value for element `at` (`vectors`: of the four from there on).
   */
  readonly name: 'value' | 'finish';
  readonly vectors: boolean;
  /** The binding of the first input, and its number among all inputs of the launch. */
  readonly binding: number;
  readonly input: number;
}

export interface ExpressionCode {
  readonly wgsl: string;
  /** The field of the uniforms that the code reads, if it needs one, and what it holds: see `numbersOf`. */
  readonly field: Readonly<Record<string, `array<vec4u, ${number}>`>>;
  readonly values: Readonly<Record<string, readonly number[]>>;
}

/**
 * WGSL that binds an expression's inputs and defines the function by which a kernel calls it.
 *
 * Each step's value goes through `optimization_barrier`, and so does the kernel's own value: steps stay apart as if memory
 * was between them (no multiply-add of two ops, no factoring out), so that the bytes are those of one launch for each.
 */
export function expressionCode(
  expression: FusedExpression,
  { name, vectors, binding, input: firstInput }: CodePlaces,
): ExpressionCode {
  const { inputs, steps, result, half } = expression;
  const field = `${name}_numbers`;
  let word = 0;
  const number = () => `params.${field}[${word >> 2}].${'xyzw'[word++ & 3]}`;
  const nameOf = (source: Source) =>
    'input' in source ? `x${source.input}` : 'step' in source ? `v${source.step}` : 'own';
  // What an op stores is rounded to float16 before the next one reads it. (Drivers leave out a conversion there and back.)
  const apart = (value: string) => `optimization_barrier(${half ? `quantizeToF16(${value})` : value})`;
  const loads = inputs.map(({ index }, k) => {
    const [extent, inner] = needsNumbers(index) ? [number(), number()] : ['1u', '1u'];
    return `  let x${k} = ${loadOf(`${name}_input${k}`, index, extent, inner, vectors)};`;
  });
  const bindings = inputs.map(({ index }, k) => {
    const element = `In${firstInput + k}`;
    const type = vectors && isByFour(index) ? `vec4<${element}>` : element;
    return `@group(0) @binding(${binding + k}) var<storage, read> ${name}_input${k}: array<${type}>;`;
  });
  const ops = steps.map(
    (step, k) => `fn ${name}_op${k}(a: f32, b: f32, c: f32, p: vec4f) -> f32 { return ${step.expression}; }`,
  );
  const values = steps.map(({ parameters, sources }, k) => {
    const given = [0, 1, 2].map((i) => (sources[i] ? nameOf(sources[i]) : '0.0'));
    const p = [0, 1, 2, 3].map((i) => (i < parameters.length ? `bitcast<f32>(${number()})` : '0.0'));
    return `  let v${k} = ${apart(`${name}_op${k}(${given.join(', ')}, vec4f(${p.join(', ')}))`)};`;
  });
  const isEnd = name === 'finish';
  const names = inputs.map((_, k) => `x${k}`);
  const own = isEnd ? ['v'] : [];
  const parameters = [...own, ...names].map((parameter) => `${parameter}: f32`);
  const call = (part: string) => `${name}_of(${[...own, ...names].map((one) => one + part).join(', ')})`;
  const type = vectors ? 'vec4f' : 'f32';
  const parts = vectors ? `vec4f(${['.x', '.y', '.z', '.w'].map(call).join(', ')})` : call('');
  const wgsl = [
    ...bindings,
    ...ops,
    `fn ${name}_of(${parameters.join(', ')}) -> f32 {`,
    ...(isEnd ? [`  let own = ${apart('v')};`] : []),
    ...values,
    `  return ${nameOf(result)};`,
    '}',
    ...(isEnd
      ? [`fn finish(v: ${type}, at: u32) -> ${type} {`]
      : [`fn value(i: u32) -> ${type} {`, `  let at = ${vectors ? '4u * i' : 'i'};`]),
    ...loads,
    `  return ${parts};`,
    '}',
  ].join('\n');
  const numbers = numbersOf(expression);
  const isNeeded = numbers.length > 0;
  return {
    wgsl,
    field: isNeeded ? { [field]: `array<vec4u, ${Math.ceil(numbers.length / 4)}>` } : {},
    values: isNeeded ? { [field]: numbers } : {},
  };
}
