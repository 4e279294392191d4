import {
  add,
  expand,
  labelled,
  lastOrigin,
  type Op,
  observe,
  reshape,
  type Shape,
  sameShape,
  sum,
  type Tensor,
} from '@tapegrad/tensor';
import { ruleFor } from './rules.ts';

/** One op that ran. */
interface Entry {
  readonly op: Op<any>;
  readonly inputs: readonly Tensor[];
  readonly attributes: unknown;
  readonly output: Tensor;
}

/**
 * What ran, in the order it ran, as far as it depends on the watched tensors. Walking the list backwards is reverse-mode
 * differentiation: every entry turns the gradient of its output into gradients of its inputs, by its op's rule.
 */
export class Tape {
  #entries: Entry[] = [];
  /** The watched tensors and everything computed from them. Weak, so that a leaf may be forgotten. */
  #tracked = new WeakSet<Tensor>();

  watch(...tensors: readonly Tensor[]): void {
    for (const tensor of tensors) this.#tracked.add(tensor);
  }

  unwatch(tensor: Tensor): void {
    this.#tracked.delete(tensor);
  }

  tracks(tensor: Tensor): boolean {
    return this.#tracked.has(tensor);
  }

  /** The observer: notes an op if one of its inputs is tracked and it has a derivative. */
  readonly note = (op: Op<any>, inputs: readonly Tensor[], attributes: unknown, output: Tensor): void => {
    if (!inputs.some((input) => this.#tracked.has(input))) return;
    if (op.opaque) throw new Error(op.opaque);
    if (ruleFor(op) === null) return;
    const origin = lastOrigin();
    if (origin) origin.entry = `entry ${this.#entries.length} (${op.name})`;
    for (const input of inputs) input.retain();
    output.retain();
    this.#entries.push({ op, inputs, attributes, output });
    this.#tracked.add(output);
  };

  record<T>(fn: () => T): T {
    return observe(this.note, fn);
  }

  /**
   * Gradients of `root` (weighted by `seed`, by default 1) for `targets`; null for one that `root` does not depend on.
   * The tape stays as it is: see `clear`. The ops of the rules run like any others, so that another tape (or this one,
   * if it is recording) can differentiate them again.
   */
  gradients(root: Tensor, targets: readonly Tensor[], seed: Tensor): (Tensor | null)[] {
    const gradients = new Map<Tensor, Tensor>([[root, seed]]);
    const wanted = new Set(targets);
    const entries = this.#entries;
    for (let i = entries.length - 1; i >= 0; i--) {
      const { op, output } = entries[i]!;
      const gradient = gradients.get(output);
      if (!gradient) continue;
      if (!wanted.has(output)) gradients.delete(output);
      labelled(
        () => `backward of entry ${i} (${op.name})`,
        () => this.#step(entries[i]!, gradient, gradients),
      );
    }
    return targets.map((target) => {
      const gradient = gradients.get(target);
      return gradient ? expand(gradient, target.shape) : null;
    });
  }

  /** Turns the gradient of an entry's output into contributions to those of its inputs. */
  #step({ op, inputs, attributes, output }: Entry, gradient: Tensor, gradients: Map<Tensor, Tensor>): void {
    const rule = ruleFor(op)!;
    // A gradient may be smaller than its tensor as long as it broadcasts to it; only elementwise rules see it so.
    const full = rule.elementwise ? gradient : expand(gradient, output.shape);
    const parts = rule.vjp({ gradient: full, inputs, output, attributes });
    inputs.forEach((input, k) => {
      const part = parts[k];
      if (!part || !this.#tracked.has(input)) return;
      const contribution = unbroadcast(part(), input, output, rule.elementwise);
      const before = gradients.get(input);
      gradients.set(input, before ? add(before, contribution) : contribution);
    });
  }

  /** Tensors that ops on the tape made. */
  get outputs(): Tensor[] {
    return this.#entries.map((entry) => entry.output);
  }

  /** Tensors that ops on the tape read. */
  get inputs(): Set<Tensor> {
    return new Set(this.#entries.flatMap((entry) => entry.inputs));
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Forgets everything, letting go of the recorded tensors. */
  clear(): void {
    for (const { inputs, output } of this.#entries.splice(0)) {
      for (const input of inputs) input.release();
      output.release();
    }
  }
}

/**
 * Brings a contribution to where its input's gradient can take it. An elementwise op that repeated the input sums over
 * the repetitions; so does a structural one whose rule returns more than the input has. Done here, so in no rule.
 */
function unbroadcast(part: Tensor, input: Tensor, output: Tensor, elementwise: boolean): Tensor {
  if (elementwise) {
    return sameShape(input.shape, output.shape) ? part : sumTo(expand(part, output.shape), input.shape);
  }
  return part.rank > input.rank ||
    part.shape.some((extent, axis) => extent > input.shape[axis + input.rank - part.rank]!)
    ? sumTo(part, input.shape)
    : part;
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
