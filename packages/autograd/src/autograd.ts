import {
  accumulate,
  add,
  addObserver,
  assign,
  constant,
  isFloat,
  isKept,
  keep,
  ones,
  scope,
  show,
  type Tensor,
  unobserved,
} from '@tapegrad/tensor';
import { Tape } from './tape.ts';

// ---------------------------------------------------------------------------------------------- PyTorch's interface

/** What a leaf carries: its gradient so far, and perhaps a place in a flat buffer where it has to be written. */
interface Leaf {
  required: boolean;
  gradient: Tensor | null;
  slot: Tensor | null;
}

const leaves = new WeakMap<Tensor, Leaf>();

/** Records everything that depends on a leaf, from the first op until `backward`. */
const implicit = new Tape();
addObserver(implicit.note);

function leafOf(tensor: Tensor): Leaf {
  let leaf = leaves.get(tensor);
  if (!leaf) {
    leaf = { required: false, gradient: null, slot: null };
    leaves.set(tensor, leaf);
  }
  return leaf;
}

/** Asks for gradients with respect to a tensor that no op made: a parameter, an input. Returns the tensor. */
export function requiresGrad<T extends Tensor>(tensor: T, on = true): T {
  if (!isFloat(tensor.dtype)) throw new Error(`requiresGrad: expects float32, got ${tensor.dtype}`);
  leafOf(tensor).required = on;
  if (on) implicit.watch(tensor);
  else implicit.unwatch(tensor);
  return tensor;
}

/** Has `backward` write a leaf's gradient into `slot`, a view of a flat buffer, instead of a tensor of its own. */
export function setGradientSlot(tensor: Tensor, slot: Tensor): void {
  leafOf(tensor).slot = slot;
}

/** Forgets a leaf's gradient, so that the next `backward` starts anew. */
export function clearGradient(tensor: Tensor): void {
  const leaf = leafOf(tensor);
  if (leaf.gradient && leaf.gradient !== leaf.slot) leaf.gradient.dispose();
  leaf.gradient = null;
}

export interface BackwardOptions {
  /** Weights of the root's elements; needed unless the root has one element. */
  gradient?: Tensor;
  /** Keep what was recorded, for another `backward` through the same graph. */
  retainGraph?: boolean;
  /** Record the gradients' own computation, so that they can be differentiated again. Implies `retainGraph`. */
  createGraph?: boolean;
}

/**
 * Adds d root / d leaf to `leaf.grad` for every leaf that `root` depends on. Afterwards the tape is empty and what it
 * recorded is disposed, except `root`, and tensors passed to `keep`: a training loop never has to dispose anything.
 */
export function backward(root: Tensor, options: BackwardOptions = {}): void {
  const { createGraph = false, retainGraph = createGraph } = options;
  if (!implicit.tracks(root)) {
    throw new Error(
      `backward: the tensor of shape ${show(root.shape)} depends on no tensor that requires grad, or its tape was freed by an earlier backward() (retainGraph keeps it)`,
    );
  }
  checkSeed('backward', root, options.gradient);
  const targets = [...implicit.inputs].filter(isLeafRequiringGrad);
  const walk = () =>
    scope(() => {
      const seed = options.gradient ?? ones(root.shape, { device: root.device, dtype: root.dtype });
      accumulateInto(targets, implicit.gradients(root, targets, seed), createGraph);
    });
  if (createGraph) walk();
  else unobserved(walk);
  if (!retainGraph) clearTape(root);
}

function accumulateInto(
  targets: readonly Tensor[],
  gradients: readonly (Tensor | null)[],
  createGraph: boolean,
): void {
  targets.forEach((target, i) => {
    const gradient = gradients[i];
    if (!gradient) return;
    const leaf = leafOf(target);
    const before = leaf.gradient;
    if (leaf.slot && !createGraph) {
      if (before) accumulate(leaf.slot, gradient);
      else assign(leaf.slot, gradient);
      leaf.gradient = leaf.slot;
    } else {
      const total = before ? add(before, gradient) : gradient;
      // The rule of a plain addition hands the seed itself on: a gradient never shares its handle.
      leaf.gradient = keep(createGraph ? total : constant(total));
      if (before && before !== leaf.slot && !createGraph) before.dispose();
    }
  });
}

/** Empties the implicit tape and disposes what it recorded. */
function clearTape(root?: Tensor): void {
  const outputs = implicit.outputs;
  implicit.clear();
  for (const output of outputs) {
    implicit.unwatch(output);
    if (output !== root && !isKept(output)) output.dispose();
  }
}

function checkSeed(op: string, root: Tensor, gradient?: Tensor): void {
  if (!gradient && root.size !== 1) {
    throw new Error(
      `${op}: a tensor of shape ${show(root.shape)} is no scalar: pass the weights of its elements as { gradient }`,
    );
  }
  if (gradient && show(gradient.shape) !== show(root.shape)) {
    throw new Error(
      `${op}: gradient of shape ${show(gradient.shape)} for a tensor of shape ${show(root.shape)}`,
    );
  }
}

/** The same values with no history. */
export const detach = (x: Tensor): Tensor => constant(x);

/** Runs `fn` without recording: for evaluation, and for updates by hand. */
export const noGrad = unobserved;

/** A leaf's gradient after `backward`, or null. */
export const gradientOf = (tensor: Tensor): Tensor | null => leaves.get(tensor)?.gradient ?? null;
export const isLeafRequiringGrad = (tensor: Tensor): boolean => leaves.get(tensor)?.required ?? false;

// -------------------------------------------------------------------------------------------- functional interface

type Tensors = readonly Tensor[];

/**
 * The function that computes the value of a scalar-valued `fn` and its gradients for all arguments. Nothing leaks: the
 * intermediates are disposed unless an outer tape needs them. Nest it for derivatives of any order.
 */
export function valueAndGrad<A extends Tensors>(
  fn: (...args: A) => Tensor,
): (...args: A) => { value: Tensor; gradients: { [K in keyof A]: Tensor } } {
  return (...args) =>
    scope(() => {
      const tape = new Tape();
      // Aliases of the arguments, so that a tensor passed twice has two gradients.
      const inputs = args.map((arg) => arg.reshape(arg.shape)) as unknown as A;
      tape.watch(...inputs);
      try {
        const value = tape.record(() => fn(...inputs));
        checkSeed('grad', value);
        const seed = ones(value.shape, { device: value.device, dtype: value.dtype });
        const gradients = tape.gradients(value, inputs, seed);
        return {
          value,
          gradients: gradients.map((g, i) => g ?? args[i]!.mul(0)) as unknown as { [K in keyof A]: Tensor },
        };
      } finally {
        tape.clear();
      }
    });
}

/** The gradient function of a scalar-valued function, for its first argument. `grad(grad(f))` is the second derivative. */
export function grad<A extends Tensors>(fn: (...args: A) => Tensor): (...args: A) => Tensor {
  return (...args) => scope(() => valueAndGrad(fn)(...args).gradients[0]!);
}

/** Vᵀ·J: for a tensor-valued `fn`, the gradients of Σ cotangent·fn(args) for all arguments. */
export function vjp<A extends Tensors>(fn: (...args: A) => Tensor, args: A, cotangent: Tensor): Tensor[] {
  return scope(() => [
    ...valueAndGrad((...inputs: A) =>
      fn(...inputs)
        .mul(cotangent)
        .sum(),
    )(...args).gradients,
  ]);
}

/**
 * The value of a tensor-valued `fn` and Vᵀ·J for each cotangent V that `cotangents` names: `fn` runs once, and its tape
 * is walked once for each. A cotangent may be smaller than the value if it broadcasts to it. Nests like `grad`, so the
 * products can be differentiated again: a penalty on a Jacobian is made of them.
 */
export function valueAndVjps(
  fn: (x: Tensor) => Tensor,
  x: Tensor,
  cotangents: (value: Tensor) => Tensors,
): { value: Tensor; products: Tensor[] } {
  return scope(() => {
    const tape = new Tape();
    const input = x.reshape(x.shape);
    tape.watch(input);
    try {
      const value = tape.record(() => fn(input));
      const products = cotangents(value).map((seed) => tape.gradients(value, [input], seed)[0] ?? x.mul(0));
      return { value, products };
    } finally {
      tape.clear();
    }
  });
}
