import type { Inputs, Op, TensorView, Values } from '../contracts.ts';
import { type DType, floatType } from '../dtype.ts';
import { broadcastStrides, type Shape, show, sizeOf, stridesOf } from '../shape.ts';

/** A strided walk over some elements: where the element with index (i₀, i₁, …) lies is offset + Σ iₖ·strideₖ. */
export interface Walk {
  readonly offset: number;
  readonly strides: readonly number[];
}

/** A copy of an array of `extents` from one input to the output, each along its walk. */
export interface StridedCopy {
  readonly input: number;
  readonly extents: Shape;
  readonly from: Walk;
  readonly to: Walk;
}

/** An op that computes nothing: every element of the output is one of an input's, or the background. */
export interface MovementOp<A, I extends Inputs = Inputs> extends Op<A, I> {
  /** The copies that it comes to, by the shapes of the inputs and of the output. */
  copies(inputs: readonly Shape[], attributes: A, output: Shape): readonly StridedCopy[];
  /** What is where nothing is copied to. */
  background?(attributes: A): number;
}

function movement<A, I extends Inputs>(
  name: string,
  infer: (inputs: I, attributes: A) => { shape: Shape; dtype: DType },
  copies: MovementOp<A, I>['copies'],
  background?: (attributes: A) => number,
): MovementOp<A, I> {
  return {
    name,
    infer,
    copies,
    background,
    reference(inputs, attributes, output) {
      if (background) output.data.fill(background(attributes));
      const shapes = inputs.map(({ shape }) => shape);
      for (const copy of copies(shapes, attributes, output.shape))
        copyInto(output, inputs[copy.input]!, copy);
    },
  };
}

function copyInto(output: Values, input: Values, { extents, from, to }: StridedCopy): void {
  const digits = new Array<number>(extents.length).fill(0);
  const at = (walk: Walk) =>
    digits.reduce((sum, digit, axis) => sum + digit * walk.strides[axis]!, walk.offset);
  for (let count = sizeOf(extents); count > 0; count--) {
    output.data[at(to)] = input.data[at(from)]!;
    for (let axis = extents.length - 1; axis >= 0 && ++digits[axis]! === extents[axis]; axis--)
      digits[axis] = 0;
  }
}

/** All elements of a tensor of this shape, in order. */
const whole = (shape: Shape): Walk => ({ offset: 0, strides: stridesOf(shape) });

function refuseBytes(op: string, inputs: readonly TensorView[]): void {
  for (const input of inputs) {
    if (input.dtype === 'uint8') throw new Error(`${op}: uint8 tensors only store; cast to float32 first`);
    if (input.dtype !== inputs[0]!.dtype)
      throw new Error(`${op}: mixed types: ${inputs[0]!.dtype}, ${input.dtype}`);
  }
}

type One = readonly [x: TensorView];

/** Whole, non-negative numbers. */
const isShape = (list: readonly number[]) => list.every((n) => Number.isInteger(n) && n >= 0);

export interface ReshapeAttributes {
  readonly shape: Shape;
}

/** The same elements under another shape, free of charge. */
const reshape: Op<ReshapeAttributes, One> = {
  name: 'reshape',
  alias: true,
  infer([x], { shape }) {
    if (!isShape(shape) || sizeOf(shape) !== x.size) {
      throw new Error(
        `reshape: ${show(x.shape)} has ${x.size} elements, ${show(shape)} does not hold as many`,
      );
    }
    return { shape, dtype: x.dtype };
  },
  reference() {},
};

export interface PermuteAttributes {
  /** Output axis k is input axis axes[k]. */
  readonly axes: readonly number[];
}

const permute = movement<PermuteAttributes, One>(
  'permute',
  ([x], { axes }) => {
    refuseBytes('permute', [x]);
    const sorted = [...axes].sort((a, b) => a - b);
    if (axes.length !== x.rank || sorted.some((axis, i) => axis !== i)) {
      throw new Error(`permute: ${show(axes)} is not a permutation of the axes of ${show(x.shape)}`);
    }
    return { shape: axes.map((axis) => x.shape[axis]!), dtype: x.dtype };
  },
  ([x], { axes }, output) => {
    const strides = stridesOf(x!);
    const from = { offset: 0, strides: axes.map((axis) => strides[axis]!) };
    return [{ input: 0, extents: output, from, to: whole(output) }];
  },
);

export interface ExpandAttributes {
  readonly shape: Shape;
}

/** Repeats along axes of extent 1 (and new leading ones): broadcasting made explicit. */
const expand = movement<ExpandAttributes, One>(
  'expand',
  ([x], { shape }) => {
    refuseBytes('expand', [x]);
    const missing = shape.length - x.rank;
    const fits = missing >= 0 && x.shape.every((extent, i) => extent === 1 || extent === shape[missing + i]);
    if (!fits || !isShape(shape))
      throw new Error(`expand: ${show(x.shape)} does not expand to ${show(shape)}`);
    return { shape, dtype: x.dtype };
  },
  ([x], _, output) => [{ input: 0, extents: output, from: repeated(x!, output), to: whole(output) }],
);

const repeated = (shape: Shape, target: Shape): Walk => ({
  offset: 0,
  strides: broadcastStrides(shape, target),
});

export interface SliceAttributes {
  /** First index along every axis, how many, and the distance between them. */
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
}

/** Where a slice's elements lie in the tensor it is taken from. */
function sliced(shape: Shape, { starts, steps }: Pick<SliceAttributes, 'starts' | 'steps'>): Walk {
  const strides = stridesOf(shape);
  return {
    offset: starts.reduce((sum, start, axis) => sum + start * strides[axis]!, 0),
    strides: strides.map((stride, axis) => stride * steps[axis]!),
  };
}

function checkSlice(op: string, shape: Shape, { starts, sizes, steps }: SliceAttributes): void {
  const fits = shape.every((extent, axis) => {
    const [start, size, step] = [starts[axis]!, sizes[axis]!, steps[axis]!];
    return step >= 1 && (size === 0 || start + (size - 1) * step < extent);
  });
  if (!fits || ![starts, sizes, steps].every((list) => list.length === shape.length && isShape(list))) {
    throw new Error(
      `${op}: starts ${show(starts)}, sizes ${show(sizes)}, steps ${show(steps)} leave ${show(shape)}`,
    );
  }
}

const slice = movement<SliceAttributes, One>(
  'slice',
  ([x], attributes) => {
    refuseBytes('slice', [x]);
    checkSlice('slice', x.shape, attributes);
    return { shape: attributes.sizes, dtype: x.dtype };
  },
  ([x], attributes, output) => [
    { input: 0, extents: output, from: sliced(x!, attributes), to: whole(output) },
  ],
);

export interface PadAttributes {
  /** Elements put before, after and (minus one) between the elements of every axis. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly steps: readonly number[];
  readonly value: number;
}

/** Surrounds with a constant; with steps it also spreads the elements, which makes it the transpose of slice. */
const pad = movement<PadAttributes, One>(
  'pad',
  ([x], { before, after, steps }) => {
    const dtype = floatType('pad', [x]);
    if (![before, after, steps].every((list) => list.length === x.rank && isShape(list))) {
      throw new Error(`pad: before ${show(before)} and after ${show(after)} do not fit ${show(x.shape)}`);
    }
    return {
      shape: x.shape.map(
        (extent, axis) => before[axis]! + (extent === 0 ? 0 : (extent - 1) * steps[axis]! + 1) + after[axis]!,
      ),
      dtype,
    };
  },
  ([x], { before, steps }, output) => [
    { input: 0, extents: x!, from: whole(x!), to: sliced(output, { starts: before, steps }) },
  ],
  ({ value }) => value,
);

export interface ConcatAttributes {
  readonly axis: number;
}

const concat = movement<ConcatAttributes, Inputs>(
  'concat',
  (inputs, { axis }) => {
    const [first] = inputs;
    if (!first) throw new Error('concat: expects at least one tensor');
    refuseBytes('concat', inputs);
    for (const { shape } of inputs) {
      const fits = (extent: number, k: number) => k === axis || extent === first.shape[k];
      if (shape.length !== first.rank || !shape.every(fits)) {
        const seen = inputs.map((input) => show(input.shape)).join(', ');
        throw new Error(`concat: shapes differ in more than axis ${axis}: ${seen}`);
      }
    }
    const total = inputs.reduce((sum, input) => sum + input.shape[axis]!, 0);
    return { shape: first.shape.map((extent, k) => (k === axis ? total : extent)), dtype: first.dtype };
  },
  (inputs, { axis }, output) => {
    const strides = stridesOf(output);
    let start = 0;
    return inputs.map((extents, input) => {
      const to = { offset: start * strides[axis]!, strides };
      start += extents[axis]!;
      return { input, extents, from: whole(extents), to };
    });
  },
);

export const movementOps = { reshape, permute, expand, slice, pad, concat };
