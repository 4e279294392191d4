import { constant, isFloat, ones, reshape, scope, type Tensor, zeros } from '@tapegrad/tensor';
import { checkSeed } from './backward.ts';
import { enableGrad, graphOf, isGradEnabled, isTracked, noGrad, setLeaf, walk } from './graph.ts';

/*
 * JAX's interface: functions that make gradient functions. Each call is a graph of its own, from the value back to fresh
 * aliases of the arguments, and gone when the call is over; where a graph outside needs them, the value and the gradients
 * are recorded as well, so that everything nests, to any order.
 */

type Tensors = readonly Tensor[];

/** The value of `fn`, and for each cotangent (see `vjp`) the gradients for all arguments that `wanted` counts. */
function differentiate<A extends Tensors>(
  op: string,
  fn: (...args: A) => Tensor,
  args: A,
  wanted: readonly number[],
  cotangents: (value: Tensor) => Tensors,
): { value: Tensor; rows: Tensor[][] } {
  for (const k of wanted) {
    if (args[k] && isFloat(args[k].dtype)) continue;
    throw new Error(
      `${op}: no gradient for argument ${k + 1} of ${args.length}${args[k] ? `, which is ${args[k].dtype}` : ''}: name those that have one in { argnums }`,
    );
  }
  return scope(() => {
    // Aliases, so that a tensor passed twice has two gradients. In an outer graph, each descends from its argument.
    const inputs = args.map((arg) => reshape(arg, arg.shape));
    const targets = wanted.map((k) => inputs[k]!);
    const descend = targets.some(isTracked);
    for (const target of targets) setLeaf(target, true);
    const value = enableGrad(() => fn(...(inputs as unknown as A)));
    for (const target of targets) setLeaf(target, false);
    const graph = graphOf(value, targets);
    const seeds = cotangents(value);
    const outside = descend || seeds.some(isTracked) || graph.ends.some((end) => !targets.includes(end));
    const recorded = isGradEnabled() && outside;
    const backward = () =>
      seeds.map((seed) =>
        walk(graph, targets, seed).map(
          // Not 0 · argument: where that is infinite, the product is NaN.
          (g, i) => g ?? zeros(targets[i]!.shape, { device: value.device, dtype: targets[i]!.dtype }),
        ),
      );
    return recorded ? { value, rows: backward() } : { value: constant(value), rows: noGrad(backward) };
  });
}

const weights = (op: string) => (value: Tensor) => {
  checkSeed(op, value);
  return [ones(value.shape, { device: value.device, dtype: value.dtype })];
};

export interface GradOptions<N extends number | readonly number[]> {
  /** The arguments, counted from 0, for which there are to be gradients. */
  argnums?: N;
}

/** A gradient for one argument, or an array of them. */
type Gradients<N> = N extends readonly number[] ? { [K in keyof N]: Tensor } : Tensor;

/**
 * The function that computes the gradient of a scalar-valued function for its first argument, or for those that `argnums`
 * names (as an array where that is one). `grad(grad(f))` is the second derivative.
 */
export function grad<A extends Tensors, const N extends number | readonly number[] = 0>(
  fn: (...args: A) => Tensor,
  { argnums = 0 as N }: GradOptions<N> = {},
): (...args: A) => Gradients<N> {
  const wanted: readonly number[] = typeof argnums === 'number' ? [argnums] : argnums;
  return (...args) =>
    scope(() => {
      const [row] = differentiate('grad', fn, args, wanted, weights('grad')).rows;
      return (typeof argnums === 'number' ? row![0]! : row!) as Gradients<N>;
    });
}

/**
 * The function that computes the value of a scalar-valued `fn` and its gradients for all arguments, or for those that
 * `argnums` names. Nothing leaks: what was computed on the way is disposed, unless an outer graph needs it.
 */
export function valueAndGrad<A extends Tensors>(
  fn: (...args: A) => Tensor,
): (...args: A) => { value: Tensor; gradients: { [K in keyof A]: Tensor } };
export function valueAndGrad<A extends Tensors, const N extends number | readonly number[]>(
  fn: (...args: A) => Tensor,
  options: Required<GradOptions<N>>,
): (...args: A) => { value: Tensor; gradients: Gradients<N> };
export function valueAndGrad<A extends Tensors>(
  fn: (...args: A) => Tensor,
  { argnums }: GradOptions<number | readonly number[]> = {},
): (...args: A) => { value: Tensor; gradients: unknown } {
  return (...args) => {
    const wanted = typeof argnums === 'number' ? [argnums] : (argnums ?? args.map((_, k) => k));
    const { value, rows } = differentiate('grad', fn, args, wanted, weights('grad'));
    return { value, gradients: typeof argnums === 'number' ? rows[0]![0]! : rows[0]! };
  };
}

/**
 * Vᵀ·J: for a tensor-valued `fn` and a cotangent V of its value's shape (or one that broadcasts to it), the gradients of
 * Σ V·fn(args) for all arguments.
 */
export function vjp<A extends Tensors>(fn: (...args: A) => Tensor, args: A, cotangent: Tensor): Tensor[] {
  return scope(() => differentiate('vjp', fn, args, [...args.keys()], () => [cotangent]).rows[0]!);
}

/**
 * The value of a tensor-valued `fn` and Vᵀ·J for each cotangent V that `cotangents` names: `fn` runs once, and its graph
 * is walked once for each. A cotangent may be smaller than the value if it broadcasts to it. Nests like `grad`, so the
 * products can be differentiated again: a penalty on a Jacobian is made of them.
 */
export function valueAndVjps(
  fn: (x: Tensor) => Tensor,
  x: Tensor,
  cotangents: (value: Tensor) => Tensors,
): { value: Tensor; products: Tensor[] } {
  const { value, rows } = differentiate('vjp', fn, [x], [0], cotangents);
  return { value, products: rows.map(([product]) => product!) };
}
