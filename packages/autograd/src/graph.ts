import {
  add,
  assertFunction,
  expand,
  type History,
  type Interceptor,
  innermost,
  install,
  internalsOf,
  isFloat,
  labelled,
  nameEntry,
  type OpCall,
  show,
  sumToSize,
  type Tensor,
  updatesSoFar,
  within,
  writtenSince,
} from '@tapegrad/tensor';
import { ruleFor } from './rules.ts';

/*
 * The engine. A tensor that was computed from one that requires grad carries a node: the call of the op that made it. From
 * a root, the nodes reach back through the inputs of those calls to the leaves; that is the graph. Reverse-mode
 * differentiation is to sort the root's ancestors, and to walk them from the root back, turning the gradient of each
 * output into gradients of its inputs by the op's rule. Nothing here knows a single op.
 */

/** How a tensor was computed. Until it is freed, it keeps the inputs alive for the rules. */
class Node implements History {
  static #count = 0;
  /** Higher than those of the inputs' nodes: the order of computation. */
  readonly number = Node.#count++;
  /** What a captured program calls it, if one is being recorded. */
  readonly name: string;
  /** The count of in-place updates when it was made. The tensors that it keeps must not have changed since. */
  readonly time = updatesSoFar();
  #call: OpCall<Tensor> | undefined;

  constructor(call: OpCall<Tensor>) {
    this.#call = call;
    this.name = nameEntry(call) ?? call.op.name;
    for (const input of call.inputs) internalsOf(input).retain();
  }

  get freed(): boolean {
    return this.#call === undefined;
  }

  /** @throws if the node was freed */
  get call(): OpCall<Tensor> {
    if (this.#call) return this.#call;
    const advice = 'pass { retainGraph: true } to all but the last walk through it';
    throw new Error(`backward: this graph, or a part of it, was freed by an earlier backward(): ${advice}`);
  }

  /** Frees the node: after a walk, or because the tensor that carries it is freed. */
  release(): void {
    const inputs = this.#call?.inputs ?? [];
    this.#call = undefined;
    for (const input of inputs) internalsOf(input).release();
  }
}

const nodeOf = (tensor: Tensor) => internalsOf(tensor).history as Node | undefined;

/** The tensors that require grad, where walks end. */
export const leaves = new WeakSet<Tensor>();

/** Whether results computed from a tensor can be differentiated. */
export const isTracked = (tensor: Tensor): boolean => leaves.has(tensor) || nodeOf(tensor)?.freed === false;

/** Gives nodes to what is computed from tracked tensors. Of several such modes the innermost is in force. */
class GradMode implements Interceptor<Tensor> {
  readonly enabled: boolean;

  constructor(enabled: boolean) {
    this.enabled = enabled;
  }

  ran(call: OpCall<Tensor>): void {
    if (!this.enabled || innermost(GradMode) !== this || !call.inputs.some(isTracked)) return;
    if (call.op.opaque) throw new Error(call.op.opaque);
    // Integers are constants: nothing is differentiated through them.
    if (ruleFor(call.op) !== null && isFloat(call.output.dtype))
      internalsOf(call.output).history = new Node(call);
  }
}

install(new GradMode(true));

/** Runs `fn`, which must not be async, without recording: for evaluation, and for updates by hand. */
export const noGrad = <T>(fn: () => T): T => inMode(false, fn);
/** Runs `fn`, which must not be async, with recording, even inside `noGrad`. */
export const enableGrad = <T>(fn: () => T): T => inMode(true, fn);

function inMode<T>(enabled: boolean, fn: () => T): T {
  assertFunction(enabled ? 'enableGrad' : 'noGrad', fn);
  const result = within(new GradMode(enabled), fn);
  if (!(result instanceof Promise)) return result;
  result.catch(() => {}); // the error that counts is this one
  throw new Error(
    'autograd: the function must not be async: what follows an await would run in another mode',
  );
}

/** Whether ops are being recorded. */
export const isGradEnabled = (): boolean => innermost(GradMode)!.enabled;

/** What a root was computed from. */
export interface Graph {
  /** Where the walk begins. */
  readonly root: Tensor;
  /** The tensors that carry nodes, in the order of their computation. */
  readonly computed: readonly Tensor[];
  /** The tensors at which walks end: leaves, and those that the caller named as ends. */
  readonly ends: readonly Tensor[];
}

/** The ancestors of `root`, including itself, up to `ends`. @throws if some were freed */
export function graphOf(root: Tensor, ends: readonly Tensor[] = []): Graph {
  const found = new Set([root]);
  // The set grows while the loop goes through it.
  for (const tensor of found) {
    if (!ends.includes(tensor)) for (const input of nodeOf(tensor)?.call.inputs ?? []) found.add(input);
  }
  const isEnd = (tensor: Tensor) => ends.includes(tensor);
  const computed = [...found].filter((tensor) => nodeOf(tensor) && !isEnd(tensor));
  computed.sort((a, b) => nodeOf(a)!.number - nodeOf(b)!.number);
  return { root, computed, ends: [...found].filter((tensor) => leaves.has(tensor) || isEnd(tensor)) };
}

/**
 * Gradients of a graph's root, weighted by `seed`, for `targets`; null for one that the root does not depend on. The
 * rules run ops like any others: where these are recorded, the gradients can be differentiated again.
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
    const { call, name, time } = nodeOf(tensor)!;
    labelled(
      () => `backward of ${name}`,
      () => within(new Unchanged(call, time), () => backpropagate(call, gradient, gradients, useful)),
    );
  }
  return targets.map((target) => {
    const gradient = gradients.get(target);
    return gradient ? expand(gradient, target.shape) : null;
  });
}

/** While a rule runs, makes sure that its operands still have the values that the op used or computed. */
class Unchanged implements Interceptor<Tensor> {
  readonly #call: OpCall<Tensor>;
  readonly #time: number;

  constructor(call: OpCall<Tensor>, time: number) {
    this.#call = call;
    this.#time = time;
  }

  ran({ inputs }: OpCall<Tensor>): void {
    const { op, inputs: kept, output } = this.#call;
    for (const input of inputs) {
      const isKept = input === output || kept.includes(input);
      if (!isKept || !writtenSince(input, this.#time)) continue;
      throw new Error(
        `backward: the derivative of ${op.name} needs a tensor of shape ${show(input.shape)} as it was, which was updated in ` +
          'place since, by an optimizer or assign(): call backward() before that, or compute again after it',
      );
    }
  }
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
    const part = useful.has(input) && parts[k]?.();
    if (!part) return;
    const contribution = unbroadcast(part, input, elementwise ? output : part);
    const before = gradients.get(input);
    gradients.set(input, before ? add(before, contribution) : contribution);
  });
}

/** Sums over the repetitions of an input that broadcast to the shape of `whole`. Done here, so that no rule has to. */
function unbroadcast(part: Tensor, input: Tensor, whole: Tensor): Tensor {
  const missing = whole.rank - input.rank;
  const repeated = whole.shape.some((extent, k) => extent !== 1 && input.shape[k - missing] === 1);
  return missing > 0 || repeated ? sumToSize(expand(part, whole.shape), input.shape) : part;
}

/** Frees a graph's nodes, so that it cannot be walked again, nor can other graphs through these nodes. */
export function freeGraph({ computed }: Graph): void {
  for (const tensor of computed) nodeOf(tensor)!.release();
}
