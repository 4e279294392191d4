import {
  assertShape,
  assertTensor,
  described,
  flatten,
  reshape,
  type Shape,
  scope,
  show,
  sizeOf,
  type Tensor,
} from '@tapegrad/tensor';
import { Module } from '../module.ts';

/** A module with one input tensor and one output tensor. */
export type Layer = Module & {
  /** Computes the output. */
  forward(x: Tensor): Tensor;
};

/** Layers one after the other; parameters are named by position: `0.weight`, `2.bias`. */
export class Sequential extends Module {
  /** In the order in which they run. */
  readonly layers: readonly Layer[];

  constructor(...layers: readonly Layer[]) {
    super();
    for (const [i, layer] of layers.entries()) {
      if (typeof layer?.forward === 'function') continue;
      const got = described(layer);
      throw new Error(
        `Sequential: layer ${i} is no layer but ${got}; write new Sequential(first, second, …)`,
      );
    }
    this.layers = layers;
  }

  forward(x: Tensor): Tensor {
    // The scope frees intermediates at once where no graph holds them: in evaluation.
    return scope(() => this.layers.reduce((y, layer) => layer.forward(y), x));
  }

  protected override properties(): Iterable<[number, unknown]> {
    return this.layers.entries();
  }
}

/** Merges the axes from `start` to `end` (inclusive) into one: by default [N, C, H, W] → [N, C·H·W]. */
export class Flatten extends Module {
  /** The first axis to be merged. */
  readonly start: number;
  /** The last axis to be merged. */
  readonly end: number;

  constructor(start = 1, end = -1) {
    super();
    this.start = start;
    this.end = end;
  }

  forward(x: Tensor): Tensor {
    return flatten(x, this.start, this.end);
  }
}

/**
 * Splits an axis into several: by default [N, c·h·w, ...] → [N, c, h, w, ...].
 * @throws in `forward` if the axis is not the product of the sizes
 */
export class Unflatten extends Module {
  /** What the axis becomes. */
  readonly sizes: Shape;
  /** The axis that is split. */
  readonly axis: number;

  constructor(sizes: Shape, axis = 1) {
    super();
    assertShape('Unflatten', sizes);
    this.sizes = [...sizes];
    this.axis = axis;
  }

  forward(x: Tensor): Tensor {
    assertTensor('Unflatten', x);
    const axis = this.axis < 0 ? this.axis + x.rank : this.axis;
    if (x.shape[axis] !== sizeOf(this.sizes)) {
      throw new Error(
        `Unflatten: axis ${this.axis} of ${show(x.shape)} does not split into ${show(this.sizes)}`,
      );
    }
    return reshape(x, [...x.shape.slice(0, axis), ...this.sizes, ...x.shape.slice(axis + 1)]);
  }
}
