import {
  accumulate,
  add,
  assertFlag,
  assertTensor,
  assign,
  checkOptions,
  constant,
  isFloat,
  isKept,
  keep,
  onesLike,
  reshape,
  sameShape,
  scope,
  show,
  type Tensor,
} from '@tapegrad/tensor';
import { enableGrad, freeGraph, graphOf, isTracked, leaves, noGrad, walk } from './graph.ts';

/* PyTorch's interface: leaves that require grad, and `loss.backward()`. */

/** What `backward` has found for a leaf. */
const gradients = new WeakMap<Tensor, Tensor>();
/** Where a leaf's gradient must be written, if not into a tensor of its own. */
const slots = new WeakMap<Tensor, Tensor>();

/** Asks for gradients with respect to a tensor that no op made: a parameter, an input. Returns the tensor. */
export function requiresGrad<T extends Tensor>(tensor: T, on = true): T {
  assertTensor('requiresGrad', tensor);
  assertFlag('requiresGrad', 'the second argument', on);
  if (!isFloat(tensor.dtype)) throw new Error(`requiresGrad: expects float32, got ${tensor.dtype}`);
  if (on) leaves.add(tensor);
  else leaves.delete(tensor);
  if (!on && isTracked(tensor)) {
    throw new Error(
      'requiresGrad: this tensor was computed from one that requires grad: detach() gives its values alone',
    );
  }
  return tensor;
}

/** A leaf's gradient after `backward`, or null. */
export const gradientOf = (leaf: Tensor): Tensor | null => gradients.get(leaf) ?? null;

/** Has `backward` write a leaf's gradient into `slot`, a view of a flat buffer. */
export const setGradientSlot = (leaf: Tensor, slot: Tensor): void => void slots.set(leaf, slot);

/** Forgets a leaf's gradient, so that the next `backward` starts over. */
export function clearGradient(leaf: Tensor): void {
  const gradient = gradients.get(leaf);
  gradients.delete(leaf);
  if (gradient && gradient !== slots.get(leaf)) discard(gradient);
}

/** Disposes a gradient, unless it was made with `createGraph`: its graph may still be needed. */
function discard(gradient: Tensor): void {
  if (!isTracked(gradient)) gradient.dispose();
}

/** The same values with no history. */
export function detach(x: Tensor): Tensor {
  assertTensor('detach', x);
  return constant(x);
}

/** Options of `backward`: its seed, and what becomes of the graph. */
export interface BackwardOptions {
  /** Weights of the root's elements, in its shape; required unless the root has one element. */
  gradient?: Tensor;
  /** Keep the graph, for another `backward` through it or through a part of it. */
  retainGraph?: boolean;
  /** Record the gradients' own computation, so that they can be differentiated again. Implies `retainGraph`. */
  createGraph?: boolean;
}

/**
 * Adds d root / d leaf to `leaf.grad` for every leaf that `root` depends on. Then the graph of `root` is freed, and what
 * was computed on the way to `root` is disposed, except tensors passed to `keep`: a training loop never has to dispose
 * anything. Other graphs are left alone. Where two graphs share a part, every walk but the last needs `retainGraph`.
 * @throws if `root` depends on no leaf, if its graph was freed, or if it has several elements and no weights are given
 */
export function backward(root: Tensor, options: BackwardOptions = {}): void {
  assertTensor('backward', root);
  const flags = ['retainGraph', 'createGraph'];
  checkOptions('backward', options, ['gradient', ...flags], flags);
  const { createGraph = false, retainGraph = createGraph } = options;
  checkFloat('backward', root);
  const graph = graphOf(root);
  if (graph.ends.length === 0) {
    const why = 'depends on no tensor that requires grad, or was computed in noGrad()';
    throw new Error(`backward: the tensor of shape ${show(root.shape)} ${why}`);
  }
  const seed = options.gradient;
  if (seed !== undefined) assertTensor('backward, gradient', seed);
  checkSeed('backward', root, seed);
  const differentiate = () =>
    scope(() => {
      walk(graph, graph.ends, seed ?? onesLike(root)).forEach((gradient, i) => {
        if (gradient) accumulateInto(graph.ends[i]!, gradient, createGraph);
      });
    });
  (createGraph ? enableGrad : noGrad)(differentiate);
  if (retainGraph) return;
  freeGraph(graph);
  const spared = new Set([root, ...graph.ends]);
  for (const tensor of graph.computed) if (!spared.has(tensor) && !isKept(tensor)) tensor.dispose();
}

function accumulateInto(leaf: Tensor, gradient: Tensor, createGraph: boolean): void {
  const [before, slot] = [gradients.get(leaf), slots.get(leaf)];
  if (slot && !createGraph) {
    // What was there may lie elsewhere: from before there was a slot, or made with `createGraph`.
    if (before && before !== slot) assign(slot, before);
    (before ? accumulate : assign)(slot, gradient);
    gradients.set(leaf, slot);
  } else {
    // The rule of a plain addition hands the seed itself on: a gradient never shares its handle.
    gradients.set(leaf, keep(before ? add(before, gradient) : reshape(gradient, gradient.shape)));
  }
  if (before && before !== slot) discard(before);
}

/** @throws unless `root` can be differentiated with these weights; `shape` is their shape, broadcast where that is allowed */
export function checkSeed(op: string, root: Tensor, seed?: Tensor, shape = seed?.shape): void {
  const what = `tensor of shape ${show(root.shape)}`;
  for (const t of [root, seed ?? root]) checkFloat(op, t);
  if (!seed && root.size !== 1) {
    throw new Error(`${op}: a ${what} is no scalar: pass the weights of its elements as { gradient }`);
  }
  if (seed && !sameShape(shape!, root.shape)) {
    throw new Error(`${op}: gradient of shape ${show(seed.shape)} for a ${what}`);
  }
}

function checkFloat(op: string, { dtype }: Tensor): void {
  if (!isFloat(dtype)) throw new Error(`${op}: expects float32, got ${dtype}, which has no derivative`);
}
