import type { Attributes, Each, Inputs, InputsOf, OpName } from '@tapegrad/tensor';
import { type Attribute, type ElementType, elementType } from './onnx-file.ts';

/** An extent: a number, or a multiple of the batch. */
export type Extent = number | { readonly batches: number };

/** What an op's writer can do: add nodes and constants to the graph. Values are referred to by name. */
export interface Writer {
  /** Adds a node with one output, and returns the output's name. */
  node(type: string, inputs: readonly string[], attributes?: Readonly<Record<string, Attribute>>): string;
  /** A float32 constant, a scalar if no shape is given. */
  floats(values: readonly number[], shape?: readonly number[]): string;
  /** A constant of one number. */
  scalar(value: number, type: ElementType): string;
  /** An int64 list, such as a shape or axes. */
  integers(values: readonly number[]): string;
  /** The name of an int64 list with these extents, which may depend on the batch. */
  shape(extents: readonly Extent[]): string;
}

/** One call of an op, as its writer sees it. */
export interface Site<A, I extends Inputs = Inputs> {
  readonly attributes: A;
  readonly inputs: Each<string, I>;
  /** Shapes of the inputs and of the output. */
  readonly shapes: Each<readonly Extent[], I>;
  readonly output: readonly Extent[];
  /** Types of the inputs and of the output. */
  readonly types: Each<ElementType, I>;
  readonly type: ElementType;
}

type Write<A, I extends Inputs = Inputs> = (writer: Writer, site: Site<A, I>) => string;
type WriteOf<K extends OpName> = Write<Attributes<K>, InputsOf<K>>;

const same =
  (type: string): Write<unknown> =>
  (writer, { inputs }) =>
    writer.node(type, inputs);

/** Comparisons give 0 and 1 here, but booleans in ONNX. */
const comparison =
  (type: string, negated = false): Write<unknown> =>
  (writer, { inputs, type: to }) => {
    const truth = writer.node(type, inputs);
    return writer.node('Cast', [negated ? writer.node('Not', [truth]) : truth], { to: elementType(to) });
  };

const toInt32 = (writer: Writer, name: string) => writer.node('Cast', [name], { to: elementType('int32') });

const arg =
  (type: string): WriteOf<'argmax'> =>
  (writer, { inputs, attributes: { axis, keepDims } }) =>
    toInt32(writer, writer.node(type, inputs, { axis, keepdims: keepDims ? 1 : 0 }));

const extreme =
  (type: string): WriteOf<'max'> =>
  (writer, { inputs, attributes: { axes, keepDims } }) =>
    axes.length === 0 ? inputs[0] : writer.node(type, inputs, { axes, keepdims: keepDims ? 1 : 0 });

const transposed = (writer: Writer, name: string, rank: number) => {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return writer.node('Transpose', [name], { perm: [...axes.slice(0, -2), rank - 1, rank - 2] });
};

/** ½ · (1 + erf(x/√2)). */
function normalCdf(writer: Writer, x: string): string {
  const erf = writer.node('Erf', [writer.node('Mul', [x, writer.floats([Math.SQRT1_2])])]);
  const half = writer.floats([0.5]);
  return writer.node('Add', [writer.node('Mul', [erf, half]), half]);
}

const windowOf = ({ stride, padding, dilation, groups = 1 }: Attributes<'conv2d'>) => ({
  strides: stride,
  pads: [...padding, ...padding],
  dilations: dilation,
  ...(groups !== 1 && { group: groups }),
});

/**
 * A pooling window without ceil mode, since readers of ONNX disagree about the last windows in that mode: the padding that
 * gives the same number of outputs, and how far each output's window reaches beyond the padding that was asked for.
 */
function poolWindowOf(x: readonly Extent[], output: readonly Extent[], attributes: Attributes<'maxPool2d'>) {
  const { kernel, stride, padding, dilation } = attributes;
  const beyond = ([0, 1] as const).map((d) => {
    const [size, count] = [x[2 + d], output[2 + d]].map((extent) => fixed(extent, 'the image size'));
    const reach = dilation[d] * (kernel[d] - 1) + 1;
    return Array.from({ length: count! }, (_, i) =>
      Math.max(0, i * stride[d] + reach - size! - 2 * padding[d]),
    );
  });
  const after = padding.map((margin, d) => margin + beyond[d]!.at(-1)!);
  return { pads: [...padding, ...after], beyond };
}

const isOne = (extent: Extent) => extent === 1;

const sameExtent = (a: Extent, b: Extent) =>
  typeof a === 'number' || typeof b === 'number' ? a === b : a.batches === b.batches;

/** A number that must not depend on the batch. */
function fixed(extent: Extent | undefined, what: string): number {
  if (typeof extent === 'number') return extent;
  throw new Error(`${what} depends on the number of images`);
}

/**
 * What each of our ops is in ONNX. Ops that are missing have no such form: random numbers, and transposes of other ops
 * that only gradients need.
 */
export const onnxOps: { readonly [K in OpName]: WriteOf<K> | null } = {
  neg: same('Neg'),
  abs: same('Abs'),
  sign: same('Sign'),
  exp: same('Exp'),
  log: same('Log'),
  log1p: (writer, { inputs }) => writer.node('Log', [writer.node('Add', [inputs[0], writer.floats([1])])]),
  sqrt: same('Sqrt'),
  square: (writer, { inputs }) => writer.node('Mul', [inputs[0], inputs[0]]),
  reciprocal: same('Reciprocal'),
  sin: same('Sin'),
  cos: same('Cos'),
  floor: same('Floor'),
  ceil: same('Ceil'),
  round: same('Round'),
  relu: same('Relu'),
  leakyRelu: (writer, { inputs, attributes: [slope] }) =>
    writer.node('LeakyRelu', inputs, { alpha: { float: slope } }),
  elu: (writer, { inputs, attributes: [alpha] }) => writer.node('Elu', inputs, { alpha: { float: alpha } }),
  // Gelu is an operator of its own from set 20 on.
  gelu: (writer, { inputs: [x] }) => writer.node('Mul', [x, normalCdf(writer, x)]),
  geluTanh: (writer, { inputs: [x] }) => {
    const number = (value: number) => writer.floats([value]);
    const square = writer.node('Mul', [x, x]);
    const bent = writer.node('Add', [writer.node('Mul', [square, number(0.044715)]), number(1)]);
    const slope = number(2 * Math.sqrt(2 / Math.PI));
    const u = writer.node('Mul', [writer.node('Mul', [x, bent]), slope]);
    return writer.node('Mul', [x, writer.node('Sigmoid', [u])]);
  },
  normalCdf: (writer, { inputs: [x] }) => normalCdf(writer, x),
  silu: (writer, { inputs: [x] }) => writer.node('Mul', [x, writer.node('Sigmoid', [x])]),
  sigmoid: same('Sigmoid'),
  tanh: same('Tanh'),
  softplus: same('Softplus'),
  clamp: (writer, { inputs, attributes: [low, high], type }) => {
    const bound = (value: number) => (Number.isFinite(value) ? writer.scalar(value, type) : '');
    return writer.node('Clip', [inputs[0], bound(low), bound(high)]);
  },
  affine: (writer, { inputs, attributes: [scale, shift], type }) => {
    const scaled = scale === 1 ? inputs[0] : writer.node('Mul', [inputs[0], writer.scalar(scale, type)]);
    return shift === 0 ? scaled : writer.node('Add', [scaled, writer.scalar(shift, type)]);
  },
  powScalar: (writer, { inputs, attributes: [exponent] }) =>
    writer.node('Pow', [inputs[0], writer.floats([exponent])]),

  add: same('Add'),
  sub: same('Sub'),
  mul: same('Mul'),
  div: same('Div'),
  pow: same('Pow'),
  minimum: same('Min'),
  maximum: same('Max'),
  maskPositive: (writer, { inputs: [a, b] }) => {
    const zero = writer.floats([0]);
    return writer.node('Where', [writer.node('Greater', [b, zero]), a, zero]);
  },
  equal: comparison('Equal'),
  notEqual: comparison('Equal', true),
  less: comparison('Less'),
  lessEqual: comparison('LessOrEqual'),
  greater: comparison('Greater'),
  greaterEqual: comparison('GreaterOrEqual'),
  where: (writer, { inputs: [condition, yes, no], types: [type] }) =>
    writer.node('Where', [writer.node('Equal', [condition, writer.scalar(0, type)]), no, yes]),

  sum: (writer, { inputs, attributes: { axes, keepDims } }) =>
    axes.length === 0
      ? inputs[0]
      : writer.node('ReduceSum', [inputs[0], writer.integers(axes)], { keepdims: keepDims ? 1 : 0 }),
  prod: extreme('ReduceProd'),
  max: extreme('ReduceMax'),
  min: extreme('ReduceMin'),
  argmax: arg('ArgMax'),
  argmin: arg('ArgMin'),
  cumsum: (writer, { inputs, attributes: { axis, reverse } }) =>
    writer.node('CumSum', [inputs[0], writer.integers([axis])], { reverse: reverse ? 1 : 0 }),
  softmax: (writer, { inputs, attributes: { axis } }) => writer.node('Softmax', inputs, { axis }),
  logSoftmax: (writer, { inputs, attributes: { axis } }) => writer.node('LogSoftmax', inputs, { axis }),

  matmul: (writer, { inputs: [a, b], shapes: [A, B], attributes: { transposeA, transposeB } }) => {
    if (A.length === 2 && B.length === 2)
      return writer.node('Gemm', [a, b], { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 });
    return writer.node('MatMul', [
      transposeA ? transposed(writer, a, A.length) : a,
      transposeB ? transposed(writer, b, B.length) : b,
    ]);
  },
  conv2d: (writer, { inputs, attributes }) => writer.node('Conv', inputs, windowOf(attributes)),
  /** Transposed convolution. The output padding is what the shapes leave open about the output's size. */
  conv2dInputGradient: (writer, { inputs, shapes, attributes }) => {
    const { stride, padding, dilation, size } = attributes;
    const [images, weights] = shapes;
    const extra = ([0, 1] as const).map((d) => {
      const [extent, kernel] = [images![2 + d], weights![2 + d]].map((value) =>
        fixed(value, 'the image size'),
      );
      return size[d] - ((extent! - 1) * stride[d] - 2 * padding[d] + dilation[d] * (kernel! - 1) + 1);
    });
    return writer.node('ConvTranspose', inputs, { ...windowOf(attributes), output_padding: extra });
  },

  maxPool2d: (writer, { inputs, shapes: [x], output, attributes }) => {
    const { pads } = poolWindowOf(x, output, attributes);
    const { kernel, stride, dilation } = attributes;
    return writer.node('MaxPool', inputs, {
      kernel_shape: kernel,
      strides: stride,
      pads,
      dilations: dilation,
    });
  },
  avgPool2d: (writer, { inputs, shapes: [x], output, attributes }) => {
    const { pads, beyond } = poolWindowOf(x, output, attributes);
    const { kernel, stride, countIncludePad } = attributes;
    const mean = writer.node('AveragePool', inputs, {
      kernel_shape: kernel,
      strides: stride,
      pads,
      count_include_pad: countIncludePad ? 1 : 0,
    });
    if (!countIncludePad || beyond.every((list) => list.every((extra) => extra === 0))) return mean;
    // ONNX counts the part of a window beyond the padding; we do not.
    const [rows, columns] = beyond.map((list, d) =>
      list.map((extra) => kernel[d]! / (kernel[d]! - extra)),
    ) as [number[], number[]];
    const factors = rows.flatMap((row) => columns.map((column) => row * column));
    return writer.node('Mul', [mean, writer.floats(factors, [rows.length, columns.length])]);
  },

  /** A reshape runs no op: it shows in the shapes of operands. */
  reshape: null,
  permute: (writer, { inputs, attributes: { axes } }) => writer.node('Transpose', inputs, { perm: axes }),
  expand: (writer, { inputs, output }) => writer.node('Expand', [inputs[0], writer.shape(output)]),
  slice: (writer, { inputs, shapes, output, attributes: { starts, steps } }) => {
    const cut = starts.flatMap((start, axis) => {
      const extent = shapes[0]![axis]!;
      const whole = start === 0 && steps[axis] === 1 && sameExtent(extent, output[axis]!);
      return whole ? [] : [axis];
    });
    if (cut.length === 0) return inputs[0];
    const ends = cut.map((axis) => {
      const size = fixed(output[axis], `the extent of axis ${axis}`);
      return size === 0 ? starts[axis]! : starts[axis]! + (size - 1) * steps[axis]! + 1;
    });
    const at = (list: readonly number[]) => writer.integers(cut.map((axis) => list[axis]!));
    return writer.node('Slice', [
      inputs[0],
      at(starts),
      writer.integers(ends),
      writer.integers(cut),
      at(steps),
    ]);
  },
  pad: (writer, { inputs, attributes: { before, after, steps, value } }) => {
    if (steps.some((step) => step !== 1)) throw new Error('spreading the elements has no counterpart');
    return writer.node('Pad', [inputs[0], writer.integers([...before, ...after]), writer.floats([value])]);
  },
  concat: (writer, { inputs, attributes: { axis } }) => writer.node('Concat', inputs, { axis }),
  gather: (writer, { inputs: [x, index], shapes: [, indexShape], output, attributes: { axis } }) => {
    // An index along one axis only: the look-up of an embedding.
    if (indexShape.every((extent, k) => k === axis || isOne(extent))) {
      const list = writer.node('Reshape', [index, writer.integers([-1])]);
      return writer.node('Gather', [x, list], { axis });
    }
    const expanded = writer.node('Expand', [index, writer.shape(output)]);
    return writer.node('GatherElements', [x, expanded], { axis });
  },
  cast: (writer, { inputs, attributes: { dtype } }) =>
    writer.node('Cast', inputs, { to: elementType(dtype) }),

  conv2dWeightGradient: null,
  maxPool2dIndices: null,
  poolGather: null,
  poolScatter: null,
  avgPool2dGradient: null,
  scatterAdd: null,
  random: null,
  batch: null,
};
