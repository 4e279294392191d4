import {
  accumulate,
  add,
  assign,
  constant,
  isFloat,
  isKept,
  keep,
  ones,
  sameShape,
  scope,
  show,
  type Tensor,
} from '@tapegrad/tensor';
import { freeGraph, graphOf, isTracked, noGrad, setLeaf, walk } from './graph.ts';

/* PyTorch's interface: leaves that require grad, and `loss.backward()`. */

/** What `backward` leaves with a leaf. */
interface LeafState {
  gradient: Tensor | null;
  /** A place in a flat buffer where the gradient has to be written. */
  slot: Tensor | null;
}

const states = new WeakMap<Tensor, LeafState>();

function stateOf(tensor: Tensor): LeafState {
  let state = states.get(tensor);
  if (!state) {
    state = { gradient: null, slot: null };
    states.set(tensor, state);
  }
  return state;
}

/** Asks for gradients with respect to a tensor that no op made: a parameter, an input. Returns the tensor. */
export function requiresGrad<T extends Tensor>(tensor: T, on = true): T {
  if (!isFloat(tensor.dtype)) throw new Error(`requiresGrad: expects float32, got ${tensor.dtype}`);
  setLeaf(tensor, on);
  return tensor;
}

/** A leaf's gradient after `backward`, or null. */
export const gradientOf = (tensor: Tensor): Tensor | null => states.get(tensor)?.gradient ?? null;

/** Has `backward` write a leaf's gradient into `slot`, a view of a flat buffer, instead of a tensor of its own. */
export function setGradientSlot(tensor: Tensor, slot: Tensor): void {
  stateOf(tensor).slot = slot;
}

/** Forgets a leaf's gradient, so that the next `backward` starts anew. */
export function clearGradient(tensor: Tensor): void {
  const state = stateOf(tensor);
  const { gradient, slot } = state;
  state.gradient = null;
  // One that was made with `createGraph` may be part of a graph that somebody still wants to walk.
  if (gradient && gradient !== slot && !isTracked(gradient)) gradient.dispose();
}

/** The same values with no history. */
export const detach = (x: Tensor): Tensor => constant(x);

export interface BackwardOptions {
  /** Weights of the root's elements, of its shape; needed unless the root has one element. */
  gradient?: Tensor;
  /** Keep the graph, for another `backward` through it or through a part of it. */
  retainGraph?: boolean;
  /** Record the gradients' own computation, so that they can be differentiated again. Implies `retainGraph`. */
  createGraph?: boolean;
}

/**
 * Adds d root / d leaf to `leaf.grad` for every leaf that `root` depends on. Then the graph of `root` is freed, and what
 * was computed on the way to `root` is disposed, except tensors passed to `keep`: a training loop never has to dispose
 * anything. Graphs beside it are left alone; one that shares a part with it needs `retainGraph` at all walks but the last.
 * @throws if `root` depends on no leaf, if its graph was freed, or if it has several elements and no weights are given
 */
export function backward(root: Tensor, options: BackwardOptions = {}): void {
  const { createGraph = false, retainGraph = createGraph } = options;
  const graph = graphOf(root);
  if (graph.ends.length === 0) {
    throw new Error(
      `backward: the tensor of shape ${show(root.shape)} depends on no tensor that requires grad, or was computed in noGrad()`,
    );
  }
  checkSeed('backward', root, options.gradient);
  const differentiate = () =>
    scope(() => {
      const seed = options.gradient ?? ones(root.shape, { device: root.device, dtype: root.dtype });
      walk(graph, graph.ends, seed).forEach((gradient, i) => {
        if (gradient) accumulateInto(graph.ends[i]!, gradient, createGraph);
      });
    });
  if (createGraph) differentiate();
  else noGrad(differentiate);
  if (retainGraph) return;
  freeGraph(graph);
  const spared = new Set([root, ...graph.ends]);
  for (const tensor of graph.computed) if (!spared.has(tensor) && !isKept(tensor)) tensor.dispose();
}

function accumulateInto(leaf: Tensor, gradient: Tensor, createGraph: boolean): void {
  const state = stateOf(leaf);
  const before = state.gradient;
  if (state.slot && !createGraph) {
    if (before) accumulate(state.slot, gradient);
    else assign(state.slot, gradient);
    state.gradient = state.slot;
    return;
  }
  const total = before ? add(before, gradient) : gradient;
  // The rule of a plain addition hands the seed itself on: a gradient never shares its handle.
  state.gradient = keep(createGraph ? total : constant(total));
  if (before && before !== state.slot && !createGraph) before.dispose();
}

/** @throws unless `root` can be differentiated with these weights */
export function checkSeed(op: string, root: Tensor, gradient?: Tensor): void {
  if (!gradient && root.size !== 1) {
    throw new Error(
      `${op}: a tensor of shape ${show(root.shape)} is no scalar: pass the weights of its elements as { gradient }`,
    );
  }
  if (gradient && !sameShape(gradient.shape, root.shape)) {
    throw new Error(
      `${op}: gradient of shape ${show(gradient.shape)} for a tensor of shape ${show(root.shape)}`,
    );
  }
}
