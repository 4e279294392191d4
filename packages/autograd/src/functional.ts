import {
  assertFunction,
  assertTensor,
  broadcastShapes,
  checkOptions,
  constant,
  described,
  isFloat,
  onesLike,
  reshape,
  scope,
  show,
  Tensor,
  zerosLike,
} from '@tapegrad/tensor';
import { checkSeed } from './backward.ts';
import { enableGrad, graphOf, isGradEnabled, isTracked, leaves, noGrad, walk } from './graph.ts';

/*
 * JAX's interface: functions that make gradient functions. Each call has a graph of its own, from the value back to fresh
 * aliases of the arguments, and the graph is gone when the call is over. If an outer graph needs the value and the gradients,
 * they are recorded there too, so that calls nest to any order.
 */

type Tensors = readonly Tensor[];
type Differentiable<A extends Tensors> = (...args: A) => Tensor;

/** The value of `fn`, and for each cotangent (see `vjp`) the gradients for the arguments that `argnums` counts. */
function differentiate<A extends Tensors>(
  what: string,
  [fn, ...args]: [Differentiable<A>, ...A],
  argnums: readonly number[],
  cotangents: (value: Tensor) => Tensors,
): { value: Tensor; rows: Tensor[][] } {
  assertFunction(what, fn);
  const other = args.findIndex((arg) => !(arg instanceof Tensor));
  if (other !== -1)
    throw new Error(
      `${what}: argument ${other} is no tensor but ${described(args[other])}: close over it instead`,
    );
  for (const k of argnums) {
    if (args[k] && isFloat(args[k].dtype)) continue;
    const why = args[k] ? `which is ${args[k].dtype}` : `of ${args.length}`;
    throw new Error(
      `${what}: no gradient for argument ${described(k)}, ${why}: { argnums } names those that have one`,
    );
  }
  return scope(() => {
    // Aliases, so that a tensor passed twice has two gradients. In an outer graph, each is computed from its argument.
    const inputs = args.map((arg) => reshape(arg, arg.shape)) as Tensor[];
    const targets = argnums.map((k) => inputs[k]!);
    const descend = targets.some(isTracked);
    for (const target of targets) leaves.add(target);
    const value = enableGrad(() => fn(...(inputs as unknown as A)));
    for (const target of targets) leaves.delete(target);
    if (!(value instanceof Tensor)) {
      throw new Error(`${what}: the function must return a tensor, got ${described(value)}`);
    }
    const graph = graphOf(value, targets);
    const seeds = cotangents(value);
    if (!Array.isArray(seeds)) throw new Error(`${what}: cotangents are an array, got ${described(seeds)}`);
    for (const seed of seeds) {
      assertTensor(`${what}, cotangent`, seed);
      checkSeed(what, value, seed, broadcastShapes(what, seed.shape, value.shape));
    }
    // Results have handles of their own, since a rule may pass on the seed itself. A missing gradient is zeros, not
    // 0 · argument, which is NaN where the argument is infinite.
    const walks = () =>
      seeds.map((seed) =>
        walk(graph, targets, seed).map((g, i) => (g ? reshape(g, g.shape) : zerosLike(targets[i]!))),
      );
    const isOutside = (end: Tensor) => !targets.includes(end);
    const needed = isGradEnabled() && (descend || seeds.some(isTracked) || graph.ends.some(isOutside));
    return needed
      ? { value: reshape(value, value.shape), rows: walks() }
      : { value: constant(value), rows: noGrad(walks) };
  });
}

/** The cotangent of a scalar. */
const scalarSeed =
  (what: string) =>
  (value: Tensor): Tensors => {
    if (value.size === 1) return [onesLike(value)];
    throw new Error(
      `${what}: the function returned shape ${show(value.shape)}, no scalar: sum it, or use vjp()`,
    );
  };

/** One gradient, or an array with one for each named argument. */
type Gradients<N> = N extends readonly number[] ? { -readonly [K in keyof N]: Tensor } : Tensor;

/**
 * Returns a function that computes the gradient of a scalar-valued function for its first argument, or for the arguments that
 * `argnums` names, counted from 0. If `argnums` is an array, so is the result. `grad(grad(f))` is the second derivative.
 */
export function grad<A extends Tensors, const N extends number | readonly number[] = 0>(
  fn: Differentiable<A>,
  options: { argnums?: N } = {},
): (...args: A) => Gradients<N> {
  assertFunction('grad', fn);
  checkOptions('grad', options, ['argnums']);
  const { argnums = 0 as N } = options;
  return (...args) => {
    const [row] = scope(
      () => differentiate('grad', [fn, ...args], [argnums].flat(), scalarSeed('grad')).rows,
    );
    return (Array.isArray(argnums) ? row : row![0]) as Gradients<N>;
  };
}

/**
 * Returns a function that computes the value of a scalar-valued `fn` and its gradients for all arguments. Nothing leaks:
 * intermediate results are disposed, unless an outer graph needs them.
 */
export function valueAndGrad<A extends Tensors>(fn: Differentiable<A>) {
  assertFunction('valueAndGrad', fn);
  return (...args: A): { value: Tensor; gradients: { [K in keyof A]: Tensor } } => {
    const seeds = scalarSeed('valueAndGrad');
    const { value, rows } = differentiate('valueAndGrad', [fn, ...args], [...args.keys()], seeds);
    return { value, gradients: rows[0] as unknown as { [K in keyof A]: Tensor } };
  };
}

/** Vᵀ·J: for a tensor-valued `fn` and a cotangent V that broadcasts to its value, Σ V·fn's gradients for all arguments. */
export const vjp = <A extends Tensors>(fn: Differentiable<A>, args: A, cotangent: Tensor): Tensor[] => {
  if (!Array.isArray(args as unknown))
    throw new Error(`vjp: the arguments are an array such as [x], got ${described(args)}`);
  return scope(() => differentiate('vjp', [fn, ...args], [...args.keys()], () => [cotangent]).rows[0]!);
};

/**
 * The value of a tensor-valued `fn` and Vᵀ·J for each cotangent V that `cotangents` names: `fn` runs once, and its graph
 * is walked once for each. Nests like `grad`, so that a penalty on a Jacobian can be computed from the products.
 */
export function valueAndVjps(
  fn: (x: Tensor) => Tensor,
  x: Tensor,
  cotangents: (value: Tensor) => Tensors,
): { value: Tensor; products: Tensor[] } {
  assertFunction('valueAndVjps', cotangents);
  const { value, rows } = differentiate('valueAndVjps', [fn, x], [0], cotangents);
  return { value, products: rows.map(([product]) => product!) };
}
