import type { Op, TensorView, Values } from '../contracts.ts';
import { floatType } from '../dtype.ts';
import { collapse, type Shape, show, sizeOf, stridesOf } from '../shape.ts';
import type { LaunchContext } from '../webgpu/kernels.ts';

/** A strided walk over some elements: where the element with index (i₀, i₁, …) lies is offset + Σ iₖ·strideₖ. */
interface Walk {
  readonly offset: number;
  readonly strides: readonly number[];
}

const WORKGROUP = 64;
const MAX_DIGITS = 8;

/** Copies an array of `extents` from one walk to the other: what permute, slice, pad, concat and expand come to. */
function copyReference(extents: Shape, from: Values, source: Walk, to: Values, target: Walk): void {
  const digits = new Array<number>(extents.length).fill(0);
  for (let count = sizeOf(extents); count > 0; count--) {
    const at = (walk: Walk) =>
      digits.reduce((sum, digit, axis) => sum + digit * walk.strides[axis]!, walk.offset);
    to.data[at(target)] = from.data[at(source)]!;
    for (let axis = extents.length - 1; axis >= 0 && ++digits[axis]! === extents[axis]; axis--)
      digits[axis] = 0;
  }
}

function copyKernel(
  gpu: LaunchContext,
  extents: Shape,
  from: TensorView,
  source: Walk,
  to: TensorView,
  target: Walk,
): void {
  const size = sizeOf(extents);
  if (size === 0) return;
  const { shape, strides } = collapse(extents, source.strides, target.strides);
  if (shape.length > MAX_DIGITS)
    throw new Error(`copy: more than ${MAX_DIGITS} interleaved axes: ${show(extents)}`);
  const pad = (list: readonly number[]) => [...list, ...new Array(MAX_DIGITS - list.length).fill(0)];
  gpu.launch({
    shader: 'copy',
    constants: { WORKGROUP, HALF: to.dtype === 'float16' },
    outputs: [to],
    inputs: [from],
    uniforms: [
      size,
      shape.length,
      source.offset,
      target.offset,
      ...pad(shape),
      ...pad(strides[0]!),
      ...pad(strides[1]!),
    ],
    workgroups: Math.ceil(size / WORKGROUP),
  });
}

function refuseBytes(op: string, inputs: readonly TensorView[]): void {
  for (const input of inputs) {
    if (input.dtype === 'uint8') throw new Error(`${op}: uint8 tensors only store; cast to float32 first`);
    if (input.dtype !== inputs[0]!.dtype)
      throw new Error(`${op}: mixed types: ${inputs[0]!.dtype}, ${input.dtype}`);
  }
}

/** Whole, non-negative numbers. */
const isShape = (list: readonly number[]) => list.every((n) => Number.isInteger(n) && n >= 0);

export interface ReshapeAttributes {
  readonly shape: Shape;
}

/** The same elements under another shape, free of charge. */
const reshape: Op<ReshapeAttributes> = {
  name: 'reshape',
  alias: true,
  infer([x], { shape }) {
    if (!isShape(shape) || sizeOf(shape) !== x!.size) {
      throw new Error(
        `reshape: ${show(x!.shape)} has ${x!.size} elements, ${show(shape)} does not hold as many`,
      );
    }
    return { shape, dtype: x!.dtype };
  },
  reference() {},
  kernel() {},
};

export interface PermuteAttributes {
  /** Output axis k is input axis axes[k]. */
  readonly axes: readonly number[];
}

const permute: Op<PermuteAttributes> = {
  name: 'permute',
  infer([x], { axes }) {
    refuseBytes('permute', [x!]);
    const sorted = [...axes].sort((a, b) => a - b);
    if (axes.length !== x!.rank || sorted.some((axis, i) => axis !== i)) {
      throw new Error(`permute: ${show(axes)} is not a permutation of the axes of ${show(x!.shape)}`);
    }
    return { shape: axes.map((axis) => x!.shape[axis]!), dtype: x!.dtype };
  },
  reference([x], { axes }, output) {
    const strides = stridesOf(x!.shape);
    const source = { offset: 0, strides: axes.map((axis) => strides[axis]!) };
    copyReference(output.shape, x!, source, output, { offset: 0, strides: stridesOf(output.shape) });
  },
  kernel(gpu, [x], { axes }, output) {
    const strides = stridesOf(x!.shape);
    const source = { offset: 0, strides: axes.map((axis) => strides[axis]!) };
    copyKernel(gpu, output.shape, x!, source, output, { offset: 0, strides: stridesOf(output.shape) });
  },
};

export interface ExpandAttributes {
  readonly shape: Shape;
}

/** Repeats along axes of extent 1 (and new leading ones): broadcasting made explicit. */
const expand: Op<ExpandAttributes> = {
  name: 'expand',
  infer([x], { shape }) {
    refuseBytes('expand', [x!]);
    const missing = shape.length - x!.rank;
    const fits = missing >= 0 && x!.shape.every((extent, i) => extent === 1 || extent === shape[missing + i]);
    if (!fits || !isShape(shape))
      throw new Error(`expand: ${show(x!.shape)} does not expand to ${show(shape)}`);
    return { shape, dtype: x!.dtype };
  },
  reference([x], _, output) {
    copyReference(output.shape, x!, repeated(x!.shape, output.shape), output, whole(output.shape));
  },
  kernel(gpu, [x], _, output) {
    copyKernel(gpu, output.shape, x!, repeated(x!.shape, output.shape), output, whole(output.shape));
  },
};

const whole = (shape: Shape): Walk => ({ offset: 0, strides: stridesOf(shape) });

function repeated(shape: Shape, target: Shape): Walk {
  const strides = stridesOf(shape);
  const missing = target.length - shape.length;
  return {
    offset: 0,
    strides: target.map((_, axis) =>
      axis < missing || shape[axis - missing] === 1 ? 0 : strides[axis - missing]!,
    ),
  };
}

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

const slice: Op<SliceAttributes> = {
  name: 'slice',
  infer([x], attributes) {
    refuseBytes('slice', [x!]);
    checkSlice('slice', x!.shape, attributes);
    return { shape: attributes.sizes, dtype: x!.dtype };
  },
  reference([x], attributes, output) {
    copyReference(output.shape, x!, sliced(x!.shape, attributes), output, whole(output.shape));
  },
  kernel(gpu, [x], attributes, output) {
    copyKernel(gpu, output.shape, x!, sliced(x!.shape, attributes), output, whole(output.shape));
  },
};

export interface PadAttributes {
  /** Elements put before, after and (minus one) between the elements of every axis. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly steps: readonly number[];
  readonly value: number;
}

/** Surrounds with a constant; with steps it also spreads the elements, which makes it the transpose of slice. */
const pad: Op<PadAttributes> = {
  name: 'pad',
  infer([x], { before, after, steps }) {
    const dtype = floatType('pad', [x!]);
    if (![before, after, steps].every((list) => list.length === x!.rank && isShape(list))) {
      throw new Error(`pad: before ${show(before)} and after ${show(after)} do not fit ${show(x!.shape)}`);
    }
    return {
      shape: x!.shape.map(
        (extent, axis) => before[axis]! + (extent === 0 ? 0 : (extent - 1) * steps[axis]! + 1) + after[axis]!,
      ),
      dtype,
    };
  },
  reference([x], { before, steps, value }, output) {
    output.data.fill(value);
    copyReference(x!.shape, x!, whole(x!.shape), output, sliced(output.shape, { starts: before, steps }));
  },
  kernel(gpu, [x], { before, steps, value }, output) {
    fill(gpu, output, value);
    copyKernel(gpu, x!.shape, x!, whole(x!.shape), output, sliced(output.shape, { starts: before, steps }));
  },
};

/** Sets every element of a float tensor. */
export function fill(gpu: LaunchContext, output: TensorView, value: number): void {
  gpu.launch({
    shader: 'copy',
    entry: 'fill',
    constants: { WORKGROUP, HALF: output.dtype === 'float16' },
    outputs: [output],
    inputs: [],
    uniforms: [output.size, new Uint32Array(Float32Array.of(value).buffer)[0]!, 0, 0],
    workgroups: Math.ceil(output.size / WORKGROUP),
  });
}

export interface ConcatAttributes {
  readonly axis: number;
}

const concat: Op<ConcatAttributes> = {
  name: 'concat',
  infer(inputs, { axis }) {
    const seen = inputs.map((input) => show(input.shape)).join(', ');
    if (inputs.length === 0) throw new Error('concat: expects at least one tensor');
    refuseBytes('concat', inputs);
    const first = inputs[0]!.shape;
    for (const { shape } of inputs) {
      if (shape.length !== first.length || shape.some((extent, k) => k !== axis && extent !== first[k])) {
        throw new Error(`concat: shapes differ in more than axis ${axis}: ${seen}`);
      }
    }
    const total = inputs.reduce((sum, input) => sum + input.shape[axis]!, 0);
    return { shape: first.map((extent, k) => (k === axis ? total : extent)), dtype: inputs[0]!.dtype };
  },
  reference(inputs, { axis }, output) {
    const strides = stridesOf(output.shape);
    let start = 0;
    for (const input of inputs) {
      copyReference(input.shape, input, whole(input.shape), output, {
        offset: start * strides[axis]!,
        strides,
      });
      start += input.shape[axis]!;
    }
  },
  kernel(gpu, inputs, { axis }, output) {
    const strides = stridesOf(output.shape);
    let start = 0;
    for (const input of inputs) {
      copyKernel(gpu, input.shape, input, whole(input.shape), output, {
        offset: start * strides[axis]!,
        strides,
      });
      start += input.shape[axis]!;
    }
  },
};

export const movementOps = { reshape, permute, expand, slice, pad, concat };

/** For updates that store a tensor into another's memory. */
export function copyInto(gpu: LaunchContext, from: TensorView, to: TensorView): void {
  copyKernel(gpu, [from.size], from, { offset: 0, strides: [1] }, to, { offset: 0, strides: [1] });
}
