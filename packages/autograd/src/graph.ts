import {
  add,
  expand,
  type History,
  type Interceptor,
  innermost,
  install,
  labelled,
  nameEntry,
  type OpCall,
  reshape,
  type Shape,
  sameShape,
  sum,
  type Tensor,
  within,
} from '@tapegrad/tensor';
import { ruleFor } from './rules.ts';

/*
 * The engine. A tensor that was computed from one that requires grad carries a node: the call of the op that made it. From
 * a root, the nodes reach back through the inputs of those calls to the leaves; that is the graph. Reverse-mode
 * differentiation is to sort the root's ancestors, and to walk them from the root back, turning the gradient of each
 * output into gradients of its inputs by the op's rule. Nothing here knows a single op.
 */

/** How a tensor was computed. It holds on to the inputs, so that the rules find them, until it is freed. */
class Node implements History {
  static #count = 0;
  /** Higher than those of the inputs' nodes: the order of computation. */
  readonly number = Node.#count++;
  /** What a captured program calls it, if one is being recorded. */
  readonly name: string | undefined;
  #call: OpCall<Tensor> | undefined;

  constructor(call: OpCall<Tensor>) {
    this.#call = call;
    this.name = nameEntry(call);
    for (const input of call.inputs) input.retain();
  }

  get freed(): boolean {
    return this.#call === undefined;
  }

  get call(): OpCall<Tensor> {
    if (this.#call) return this.#call;
    throw new Error(
      'backward: this graph, or a part of it, was freed by an earlier backward(): pass { retainGraph: true } to all but ' +
        'the last walk through it',
    );
  }

  /** Frees the node: called by a walk that is done with it, or when the tensor that carries it is freed. */
  release(): void {
    const inputs = this.#call?.inputs ?? [];
    this.#call = undefined;
    for (const input of inputs) input.release();
  }
}

const nodeOf = (tensor: Tensor) => tensor.history as Node | undefined;

const leaves = new WeakSet<Tensor>();

/** Makes a tensor a leaf, where walks end, or an ordinary tensor again. */
export function setLeaf(tensor: Tensor, on: boolean): void {
  if (on) leaves.add(tensor);
  else leaves.delete(tensor);
}

/** Whether what is computed from a tensor can be differentiated. */
export function isTracked(tensor: Tensor): boolean {
  const node = nodeOf(tensor);
  return leaves.has(tensor) || (node !== undefined && !node.freed);
}

// ------------------------------------------------------------------------------------------------------- recording

/** Gives a node to what is computed from tracked tensors. Of several such modes the innermost counts. */
class GradMode implements Interceptor<Tensor> {
  readonly enabled: boolean;

  constructor(enabled: boolean) {
    this.enabled = enabled;
  }

  ran(call: OpCall<Tensor>): void {
    if (!this.enabled || innermost(GradMode) !== this || !call.inputs.some(isTracked)) return;
    if (call.op.opaque) throw new Error(call.op.opaque);
    if (ruleFor(call.op) !== null) call.output.history = new Node(call);
  }
}

install(new GradMode(true));

/** Runs `fn` without recording: for evaluation, and for updates by hand. */
export const noGrad = <T>(fn: () => T): T => within(new GradMode(false), fn);

/** Runs `fn` with recording, even inside `noGrad`. */
export const enableGrad = <T>(fn: () => T): T => within(new GradMode(true), fn);

export const isGradEnabled = (): boolean => innermost(GradMode)!.enabled;

// --------------------------------------------------------------------------------------------------------- walking

/** What a root was computed from. */
export interface Graph {
  readonly root: Tensor;
  /** Tensors that carry nodes, in the order in which they were computed. */
  readonly computed: readonly Tensor[];
  /** Where a walk ends: leaves, and the tensors beyond which nobody asked to look. */
  readonly ends: readonly Tensor[];
}

/** Collects the ancestors of `root`, itself included, without looking beyond `ends`. @throws if some were freed */
export function graphOf(root: Tensor, ends: readonly Tensor[] = []): Graph {
  const last = new Set(ends);
  const found = new Set([root]);
  for (const tensor of found) {
    // The set grows while this loop goes through it.
    if (!last.has(tensor)) for (const input of nodeOf(tensor)?.call.inputs ?? []) found.add(input);
  }
  const computed = [...found].filter((tensor) => nodeOf(tensor) && !last.has(tensor));
  return {
    root,
    computed: computed.sort((a, b) => nodeOf(a)!.number - nodeOf(b)!.number),
    ends: [...found].filter((tensor) => leaves.has(tensor) || last.has(tensor)),
  };
}

/**
 * Gradients of the graph's root, weighted by `seed`, for `targets`; null for one that the root does not depend on. The
 * rules run ops like any others: where they are recorded, the gradients can be differentiated again.
 */
export function walk({ root, computed }: Graph, targets: readonly Tensor[], seed: Tensor): (Tensor | null)[] {
  const useful = new Set(targets);
  for (const tensor of computed) {
    if (nodeOf(tensor)!.call.inputs.some((input) => useful.has(input))) useful.add(tensor);
  }
  const gradients = new Map([[root, seed]]);
  for (const tensor of computed.toReversed()) {
    const gradient = gradients.get(tensor);
    if (!gradient) continue;
    if (!targets.includes(tensor)) gradients.delete(tensor);
    const { call, name } = nodeOf(tensor)!;
    labelled(
      () => `backward of ${name ?? call.op.name}`,
      () => backpropagate(call, gradient, gradients, useful),
    );
  }
  return targets.map((target) => {
    const gradient = gradients.get(target);
    return gradient ? expand(gradient, target.shape) : null;
  });
}

/** Turns the gradient of a call's output into contributions to those of its inputs. */
function backpropagate(
  { op, inputs, attributes, output }: OpCall<Tensor>,
  gradient: Tensor,
  gradients: Map<Tensor, Tensor>,
  useful: ReadonlySet<Tensor>,
): void {
  const { vjp, elementwise } = ruleFor(op)!;
  // A gradient may be smaller than its tensor as long as it broadcasts to it; only elementwise rules see it so.
  const full = elementwise ? gradient : expand(gradient, output.shape);
  const parts = vjp({ gradient: full, inputs, output, attributes });
  inputs.forEach((input, k) => {
    const part = parts[k];
    if (!part || !useful.has(input)) return;
    const contribution = unbroadcast(part(), input, output, elementwise);
    const before = gradients.get(input);
    gradients.set(input, before ? add(before, contribution) : contribution);
  });
}

/** Frees the nodes of a graph: nobody can walk it again. Other graphs that lead through it lose that way alone. */
export function freeGraph({ computed }: Graph): void {
  for (const tensor of computed) nodeOf(tensor)!.release();
}

/**
 * Brings a contribution to where its input's gradient can take it. An elementwise op that repeated the input sums over
 * the repetitions; so does a structural one whose rule returns more than the input has. Done here, so in no rule.
 */
function unbroadcast(part: Tensor, input: Tensor, output: Tensor, elementwise: boolean): Tensor {
  if (elementwise) {
    return sameShape(input.shape, output.shape) ? part : sumTo(expand(part, output.shape), input.shape);
  }
  const missing = part.rank - input.rank;
  const repeated = part.shape.some((extent, k) => extent !== 1 && input.shape[k - missing] === 1);
  return missing > 0 || repeated ? sumTo(part, input.shape) : part;
}

/** Sums over leading axes and over those where `shape` has extent 1. */
function sumTo(t: Tensor, shape: Shape): Tensor {
  const missing = t.rank - shape.length;
  const axes = t.shape.flatMap((extent, axis) =>
    axis < missing || (shape[axis - missing] === 1 && extent !== 1) ? [axis] : [],
  );
  const summed = axes.length > 0 ? sum(t, axes, { keepDims: true }) : t;
  return sameShape(summed.shape, shape) ? summed : reshape(summed, shape);
}
