import * as nn from '@tapegrad/nn';
import * as tg from '@tapegrad/tensor';
import { type Device, type DType, referenceDevice, type Shape, sizeOf, type Tensor } from '@tapegrad/tensor';
import { device } from './device.ts';

/*
 * ONNX's operators (https://github.com/onnx/onnx/blob/main/docs/Operators.md) in functions and layers of ours, as far as the
 * standard's own cases need them.
 */

/** A tensor of the file: see `nn/golden/make_onnx_cases.py`. */
export interface Stored {
  readonly type: string;
  readonly shape: Shape;
  readonly data: string;
}
export type Attribute = number | string | readonly number[] | readonly string[] | Stored;
/** A call of an operator. */
export type Node = readonly [
  type: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>>,
];
export function valuesOf({ type, data }: Stored): Float32Array | Int32Array | Uint32Array {
  const bytes = Buffer.from(data, 'base64');
  const { buffer } = Uint8Array.from(bytes);
  return type.startsWith('float')
    ? new Float32Array(buffer)
    : type.startsWith('uint')
      ? new Uint32Array(buffer)
      : new Int32Array(buffer);
}

type CastType = Parameters<typeof tg.cast>[1];

const hasHalves = device.gpu.features.has('shader-f16');

function typeOf(type: string, where: Device): DType {
  if (type === 'float16') return hasHalves || where === referenceDevice ? 'float16' : 'float32';
  return type.startsWith('float') ? 'float32' : type.startsWith('uint') ? 'uint32' : 'int32';
}

/** ONNX's numbers of its types. */
const castTypes: Readonly<Record<number, string>> = {
  ...{ 1: 'float32', 2: 'uint8', 3: 'int8', 4: 'uint16', 5: 'int16', 6: 'int32', 7: 'int64', 9: 'bool' },
  ...{ 10: 'float16', 11: 'float64', 12: 'uint32', 13: 'uint64' },
};

/** A node that is computed: what its operator's line below may ask for. */
export class Call {
  readonly opset: number;
  readonly where: Device;
  readonly #node: Node;
  readonly #values: ReadonlyMap<string, Tensor | Stored>;

  constructor(opset: number, where: Device, node: Node, values: ReadonlyMap<string, Tensor | Stored>) {
    this.opset = opset;
    this.where = where;
    this.#node = node;
    this.#values = values;
  }

  /** How many inputs there are. */
  get count(): number {
    return this.#node[1].length;
  }

  get outputs(): number {
    return this.#node[2].length;
  }

  has(k: number): boolean {
    return Boolean(this.#node[1][k]);
  }

  /** An input as a tensor. */
  x(k = 0): Tensor {
    const value = this.#values.get(this.#node[1][k]!)!;
    return value instanceof tg.Tensor ? value : this.tensor(value);
  }

  /** All inputs. */
  all(): Tensor[] {
    return this.#node[1].map((_, k) => this.x(k));
  }

  tensor(stored: Stored): Tensor {
    return tg.tensor(valuesOf(stored), {
      shape: stored.shape,
      dtype: typeOf(stored.type, this.where),
      device: this.where,
    });
  }

  /** A constant of its own. */
  floats(values: readonly number[], shape: Shape = [values.length]): Tensor {
    return tg.tensor(Float32Array.from(values), { shape, device: this.where });
  }

  /** An input that the host knows: axes, a shape, a bound. */
  list(k: number): number[] {
    return [...valuesOf(this.#values.get(this.#node[1][k]!) as Stored)];
  }

  /** What later versions take as an input and earlier ones as an attribute. */
  listOf(k: number, name: string): number[] | undefined {
    if (this.has(k)) return this.list(k);
    const value = this.attributes[name];
    return typeof value === 'number' ? [value] : (value as number[] | undefined);
  }

  get attributes(): Readonly<Record<string, Attribute>> {
    return this.#node[3];
  }

  /** One of ONNX's types, by its number. */
  type(code: number): CastType {
    return typeOf(castTypes[code]!, this.where) as CastType;
  }

  number(name: string, other: number): number {
    return (this.attributes[name] as number | undefined) ?? other;
  }

  numbers(name: string): number[] | undefined {
    return this.attributes[name] as number[] | undefined;
  }

  text(name: string, other: string): string {
    return (this.attributes[name] as string | undefined) ?? other;
  }
}

type Operator = (call: Call) => Tensor | Stored | readonly Tensor[];

const unary =
  (fn: (x: Tensor) => Tensor): Operator =>
  (call) =>
    fn(call.x());
const binary =
  (fn: (a: Tensor, b: Tensor) => Tensor): Operator =>
  (call) => {
    // Before version 7, an axis said where the second operand begins.
    const [a, b, axis] = [call.x(0), call.x(1), call.attributes.axis as number | undefined];
    const after = axis === undefined ? 0 : a.rank - axis - b.rank;
    return fn(a, after > 0 ? tg.reshape(b, [...b.shape, ...new Array(after).fill(1)]) : b);
  };
const several =
  (fn: (a: Tensor, b: Tensor) => Tensor): Operator =>
  (call) =>
    call.all().reduce(fn);
const reduction =
  (fn: (x: Tensor, axes: readonly number[] | undefined, options: tg.ReduceOptions) => Tensor): Operator =>
  (call) => {
    const axes = call.listOf(1, 'axes');
    const none = axes === undefined || axes.length === 0;
    if (none && call.number('noop_with_empty_axes', 0)) return call.x();
    return fn(call.x(), none ? undefined : axes, { keepDims: call.number('keepdims', 1) === 1 });
  };
const arg =
  (fn: typeof tg.argmax): Operator =>
  (call) =>
    fn(call.x(), call.number('axis', 0), { keepDims: call.number('keepdims', 1) === 1 });

/** Before version 13, all axes from the given one on were one. */
const normalized =
  (fn: (x: Tensor, axis: number) => Tensor): Operator =>
  (call) => {
    const x = call.x();
    if (call.opset >= 13) return fn(x, call.number('axis', -1));
    const axis = call.number('axis', 1);
    return tg.reshape(fn(tg.reshape(x, [sizeOf(x.shape.slice(0, axis)), -1]), 1), x.shape);
  };

/** 0, 1 … along an axis, to be compared with. */
const counted = (where: Device, extent: number, axis: number, rank: number) =>
  tg.reshape(
    tg.arange(extent, { dtype: 'int32', device: where }),
    Array.from({ length: rank }, (_, k) => (k === axis ? extent : 1)),
  );

/** ONNX counts negative indices from the end. */
const fromStart = (index: Tensor, extent: number) =>
  tg.where(tg.less(index, 0), tg.add(index, extent), index);

const channels = (t: Tensor, x: Tensor) => tg.reshape(t, [t.size, ...new Array(x.rank - 2).fill(1)]);

/** Images of one spatial axis are those of two, of which the first has extent 1. */
function spatially(x: Tensor, fn: (x: Tensor) => Tensor): Tensor {
  if (x.rank === 4) return fn(x);
  const [n, c, w] = x.shape as [number, number, number];
  const y = fn(tg.reshape(x, [n, c, 1, w]));
  return tg.reshape(y, [y.shape[0]!, y.shape[1]!, y.shape[3]!]);
}
const pairOf = (values: readonly number[] | undefined, other: number): [number, number] => {
  const [a, b] = values ?? [other, other];
  return b === undefined ? [other, a!] : [a!, b];
};

/** Rows and columns before and after an image that a kernel wants, as [top, left, bottom, right]. */
function padsOf(
  call: Call,
  x: Tensor,
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
) {
  const auto = call.text('auto_pad', 'NOTSET');
  if (auto.startsWith('SAME')) {
    const total = [0, 1].map((d) => {
      const extent = x.shape[2 + d]!;
      return Math.max(
        0,
        (Math.ceil(extent / stride[d]!) - 1) * stride[d]! + dilation[d]! * (kernel[d]! - 1) + 1 - extent,
      );
    });
    const less = total.map((value) => Math.floor(value / 2));
    const more = total.map((value) => Math.ceil(value / 2));
    return auto === 'SAME_UPPER' ? [...less, ...more] : [...more, ...less];
  }
  const pads = call.numbers('pads');
  if (!pads) return [0, 0, 0, 0];
  return pads.length === 2 ? [0, pads[0]!, 0, pads[1]!] : pads;
}
const padded = (x: Tensor, [top, left, bottom, right]: readonly number[], value = 0) =>
  tg.pad(x, [[0, 0], [0, 0], [top!, bottom!], [left!, right!]], value); // biome-ignore format: in one glance

/** Whether pools have an option for pads: as many on either side, and at most half of the window. */
const isPlain = ([top, left, bottom, right]: readonly number[], [rows, columns]: readonly [number, number]) =>
  top === bottom && left === right && 2 * top! <= rows && 2 * left! <= columns;

/** −log p of each label, weighted, and what is divided by for a mean. */
function likelihood(call: Call, logs: Tensor): Tensor {
  const [labels, classes] = [call.x(1), logs.shape[1]!];
  const ignored = call.attributes.ignore_index as number | undefined;
  const safe = tg.clamp(labels, { min: 0, max: classes - 1 });
  const each = nn.nllLoss(logs, safe, { reduction: 'none' });
  const weights = call.has(2)
    ? tg.reshape(tg.indexSelect(call.x(2), 0, tg.flatten(safe)), labels.shape)
    : tg.onesLike(each);
  const counting = ignored === undefined ? weights : tg.where(tg.equal(labels, ignored), 0, weights);
  const losses = tg.mul(each, counting);
  const how = call.text('reduction', 'mean');
  return how === 'none' ? losses : how === 'sum' ? tg.sum(losses) : tg.div(tg.sum(losses), tg.sum(counting));
}

const quantized = (call: Call, t: Tensor) => {
  const axis = call.number('axis', 1);
  return (value: Tensor) =>
    value.size === 1
      ? tg.reshape(value, [])
      : tg.reshape(
          value,
          t.shape.map((_, k) => (k === axis ? value.size : 1)),
        );
};

export const operators: Readonly<Record<string, Operator>> = {
  Abs: unary(tg.abs),
  Add: binary(tg.add),
  And: binary(tg.minimum),
  ArgMax: arg(tg.argmax),
  ArgMin: arg(tg.argmin),
  AveragePool(call) {
    const [kernel, stride] = [pairOf(call.numbers('kernel_shape'), 1), pairOf(call.numbers('strides'), 1)];
    const ceilMode = call.number('ceil_mode', 0) === 1;
    const countIncludePad = call.number('count_include_pad', 0) === 1;
    return spatially(call.x(), (x) => {
      const pads = padsOf(call, x, kernel, stride, [1, 1]);
      if (isPlain(pads, kernel)) {
        const padding = [pads[0]!, pads[1]!] as const;
        return tg.avgPool2d(x, kernel, { stride, padding, ceilMode, countIncludePad });
      }
      const mean = (t: Tensor) => tg.avgPool2d(padded(t, pads), kernel, { stride, ceilMode });
      return countIncludePad ? mean(x) : tg.div(mean(x), mean(tg.onesLike(x)));
    });
  },
  BatchNormalization(call) {
    const [x, scale, bias, mean, variance] = call.all() as [Tensor, Tensor, Tensor, Tensor, Tensor];
    if (x.rank === 4) {
      const layer = new nn.BatchNorm2d(x.shape[1]!, {
        eps: call.number('epsilon', 1e-5),
        device: call.where,
      });
      layer.eval();
      tg.assign(layer.weight!, scale);
      tg.assign(layer.bias!, bias);
      tg.assign(layer.runningMean!, mean);
      tg.assign(layer.runningVar!, variance);
      return layer.forward(x);
    }
    const centered = tg.sub(x, channels(mean, x));
    const deviation = tg.sqrt(tg.add(channels(variance, x), call.number('epsilon', 1e-5)));
    return tg.add(tg.mul(tg.div(centered, deviation), channels(scale, x)), channels(bias, x));
  },
  Cast: (call) => tg.cast(call.x(), call.type(call.number('to', 0))),
  CastLike: (call) => tg.cast(call.x(), call.x(1).dtype as CastType),
  Ceil: unary(tg.ceil),
  Celu(call) {
    const alpha = call.number('alpha', 1);
    return tg.mul(tg.elu(tg.div(call.x(), alpha)), alpha);
  },
  Clip(call) {
    const bound = (k: number, name: 'min' | 'max') =>
      call.has(k) ? call.list(k)[0] : (call.attributes[name] as number | undefined);
    return tg.clamp(call.x(), { min: bound(1, 'min'), max: bound(2, 'max') });
  },
  Concat: (call) => tg.concat(call.all(), call.number('axis', 1)),
  Constant(call) {
    const { value, value_float: one, value_floats: several } = call.attributes;
    if (value) return value as Stored;
    return one === undefined ? call.floats(several as number[]) : call.floats([one as number], []);
  },
  ConstantOfShape(call) {
    const value = call.attributes.value as Stored | undefined;
    const filled = value ? call.tensor(value) : tg.zeros([], { device: call.where });
    return tg.expand(tg.reshape(filled, []), call.list(0));
  },
  Conv(call) {
    const weight = call.x(1);
    const dilation = pairOf(call.numbers('dilations'), 1);
    const stride = pairOf(call.numbers('strides'), 1);
    const two =
      weight.rank === 4 ? weight : tg.reshape(weight, [...weight.shape.slice(0, 2), 1, weight.shape[2]!]);
    const y = spatially(call.x(), (x) => {
      const pads = padsOf(call, x, two.shape.slice(2), stride, dilation);
      const even = pads[0] === pads[2] && pads[1] === pads[3];
      const padding = even ? ([pads[0]!, pads[1]!] as const) : 0;
      const options = { stride, dilation, padding, groups: call.number('group', 1) };
      return tg.conv2d(even ? x : padded(x, pads), two, options);
    });
    return call.has(2) ? tg.add(y, channels(call.x(2), y)) : y;
  },
  ConvTranspose(call) {
    const weight = call.x(1);
    const dilation = pairOf(call.numbers('dilations'), 1);
    const stride = pairOf(call.numbers('strides'), 1);
    const two =
      weight.rank === 4 ? weight : tg.reshape(weight, [...weight.shape.slice(0, 2), 1, weight.shape[2]!]);
    const extra = pairOf(call.numbers('output_padding'), 0);
    const y = spatially(call.x(), (x) => {
      const whole = [0, 1].map(
        (d) => (x.shape[2 + d]! - 1) * stride[d]! + dilation[d]! * (two.shape[2 + d]! - 1) + 1,
      );
      const wanted =
        call.numbers('output_shape') ??
        (call.text('auto_pad', 'NOTSET') === 'NOTSET'
          ? undefined
          : stride.map((s, d) => s * x.shape[2 + d]!));
      let pads = padsOf(call, x, two.shape.slice(2), stride, dilation);
      let outputPadding: [number, number] = extra;
      if (wanted) {
        const total = wanted.map((size, d) => whole[d]! + extra[d]! - size);
        outputPadding = total.map((value, d) => extra[d]! + Math.max(0, -value)) as [number, number];
        const less = total.map((value) => Math.floor(Math.max(0, value) / 2));
        const more = total.map((value, d) => Math.max(0, value) - less[d]!);
        pads = call.text('auto_pad', 'NOTSET') === 'SAME_UPPER' ? [...less, ...more] : [...more, ...less];
      }
      const groups = call.number('group', 1);
      const all = tg.convTranspose2d(x, two, { stride, dilation, outputPadding, groups });
      const [h, w] = all.shape.slice(2) as [number, number];
      return tg.slice(all, null, null, [pads[0]!, h - pads[2]!], [pads[1]!, w - pads[3]!]);
    });
    return call.has(2) ? tg.add(y, channels(call.x(2), y)) : y;
  },
  Cos: unary(tg.cos),
  Cosh: unary((x) => tg.mul(tg.add(tg.exp(x), tg.exp(tg.neg(x))), 0.5)),
  CumSum(call) {
    const sums = tg.cumsum(call.x(), call.list(1)[0], { reverse: call.number('reverse', 0) === 1 });
    return call.number('exclusive', 0) ? tg.sub(sums, call.x()) : sums;
  },
  DepthToSpace(call) {
    const x = call.x();
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const b = call.number('blocksize', 1);
    const across = call.text('mode', 'DCR') === 'DCR';
    const apart = tg.reshape(x, across ? [n, b, b, c / b ** 2, h, w] : [n, c / b ** 2, b, b, h, w]);
    const together = tg.permute(apart, across ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]);
    return tg.reshape(together, [n, c / b ** 2, h * b, w * b]);
  },
  DequantizeLinear(call) {
    const x = tg.cast(call.x(), 'float32');
    const place = quantized(call, x);
    return tg.mul(tg.sub(x, place(tg.cast(call.x(2), 'float32'))), place(call.x(1)));
  },
  Div: binary(tg.div),
  Dropout: unary((x) => x),
  DynamicQuantizeLinear(call) {
    const x = call.x();
    const [low, high] = [tg.minimum(tg.min(x), 0), tg.maximum(tg.max(x), 0)];
    const scale = tg.div(tg.sub(high, low), 255);
    const zero = tg.clamp(tg.round(tg.div(tg.neg(low), scale)), { min: 0, max: 255 });
    const quantized = tg.clamp(tg.add(tg.round(tg.div(x, scale)), zero), { min: 0, max: 255 });
    return [tg.cast(quantized, 'uint32'), scale, tg.cast(zero, 'uint32')];
  },
  Einsum: (call) => tg.einsum(call.text('equation', ''), ...call.all()),
  Elu: (call) => tg.elu(call.x(), call.number('alpha', 1)),
  Equal: binary(tg.equal),
  Exp: unary(tg.exp),
  Expand(call) {
    // An extent of 1 in the shape takes the tensor's own.
    const x = call.x();
    return tg.expand(x, tg.broadcastShapes('Expand', x.shape, call.list(1)));
  },
  EyeLike(call) {
    const [rows, columns] = call.x().shape as [number, number];
    const [i, j] = [counted(call.where, rows, 0, 2), counted(call.where, columns, 1, 2)];
    const ones = tg.equal(tg.add(i, call.number('k', 0)), j);
    const dtype = call.attributes.dtype as number | undefined;
    return tg.cast(ones, dtype ? call.type(dtype) : (call.x().dtype as CastType));
  },
  Flatten(call) {
    const [x, given] = [call.x(), call.number('axis', 1)];
    const axis = given < 0 ? given + x.rank : given;
    return tg.reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
  },
  Floor: unary(tg.floor),
  Gather(call) {
    const [x, given] = [call.x(), call.number('axis', 0)];
    const axis = given < 0 ? given + x.rank : given;
    const index = fromStart(call.x(1), x.shape[axis]!);
    const shape = [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)];
    return tg.reshape(tg.indexSelect(x, axis, tg.flatten(index)), shape);
  },
  GatherElements(call) {
    const [x, axis] = [call.x(), call.number('axis', 0)];
    return tg.gather(x, axis, fromStart(call.x(1), x.shape.at(axis)!));
  },
  Gemm(call) {
    const [a, b] = [call.x(0), call.x(1)];
    const options = {
      transposeA: call.number('transA', 0) === 1,
      transposeB: call.number('transB', 0) === 1,
    };
    const product = tg.mul(tg.matmul(a, b, options), call.number('alpha', 1));
    return call.has(2) ? tg.add(product, tg.mul(call.x(2), call.number('beta', 1))) : product;
  },
  GlobalAveragePool: unary((x) => tg.mean(x, [2, 3], { keepDims: true })),
  GlobalMaxPool: unary((x) => tg.max(x, [2, 3], { keepDims: true })),
  Greater: binary(tg.greater),
  GreaterOrEqual: binary(tg.greaterEqual),
  HardSigmoid: (call) =>
    tg.clamp(tg.add(tg.mul(call.x(), call.number('alpha', 0.2)), call.number('beta', 0.5)), {
      min: 0,
      max: 1,
    }),
  HardSwish: unary((x) => tg.mul(x, tg.clamp(tg.add(tg.div(x, 6), 0.5), { min: 0, max: 1 }))),
  Hardmax(call) {
    const [x, given] = [call.x(), call.number('axis', -1)];
    const axis = given < 0 ? given + x.rank : given;
    const best = tg.argmax(x, axis, { keepDims: true });
    return tg.cast(tg.equal(best, counted(call.where, x.shape[axis]!, axis, x.rank)), 'float32');
  },
  Identity: unary((x) => x),
  InstanceNormalization(call) {
    const [x, scale, bias] = call.all() as [Tensor, Tensor, Tensor];
    const axes = x.shape.flatMap((_, k) => (k > 1 ? [k] : []));
    const centered = tg.sub(x, tg.mean(x, axes, { keepDims: true }));
    const variance = tg.mean(tg.square(centered), axes, { keepDims: true });
    const y = tg.div(centered, tg.sqrt(tg.add(variance, call.number('epsilon', 1e-5))));
    return tg.add(tg.mul(y, channels(scale, x)), channels(bias, x));
  },
  IsInf(call) {
    const [x, none] = [call.x(), tg.zeros([], { device: call.where })];
    const above = call.number('detect_positive', 1) ? tg.equal(x, Number.POSITIVE_INFINITY) : none;
    const below = call.number('detect_negative', 1) ? tg.equal(x, Number.NEGATIVE_INFINITY) : none;
    return tg.maximum(above, below);
  },
  IsNaN: unary((x) => tg.notEqual(x, x)),
  LayerNormalization(call) {
    const [x, given] = [call.x(), call.number('axis', -1)];
    const axis = given < 0 ? given + x.rank : given;
    const eps = call.number('epsilon', 1e-5);
    const layer = new nn.LayerNorm(x.shape.slice(axis), { eps, device: call.where });
    tg.assign(layer.weight!, call.x(1));
    if (call.has(2)) tg.assign(layer.bias!, call.x(2));
    const axes = x.shape.flatMap((_, k) => (k >= axis ? [k] : []));
    const mean = tg.mean(x, axes, { keepDims: true });
    const variance = tg.mean(tg.square(tg.sub(x, mean)), axes, { keepDims: true });
    return [layer.forward(x), mean, tg.reciprocal(tg.sqrt(tg.add(variance, eps)))];
  },
  LeakyRelu: (call) => tg.leakyRelu(call.x(), call.number('alpha', 0.01)),
  Less: binary(tg.less),
  LessOrEqual: binary(tg.lessEqual),
  Log: unary(tg.log),
  LogSoftmax: normalized(tg.logSoftmax),
  LRN(call) {
    const [x, size] = [call.x(), call.number('size', 1)];
    const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
    const squares = tg.pad(tg.square(x), [
      [0, 0],
      [before, after],
      [0, 0],
      [0, 0],
    ]);
    const shifted = Array.from({ length: size }, (_, k) => tg.slice(squares, null, [k, k + x.shape[1]!]));
    const scaled = tg.mul(
      shifted.reduce((a, b) => tg.add(a, b)),
      call.number('alpha', 1e-4) / size,
    );
    return tg.div(x, tg.pow(tg.add(scaled, call.number('bias', 1)), call.number('beta', 0.75)));
  },
  MatMul: binary((a, b) => tg.matmul(a, b)),
  MatMulInteger(call) {
    const real = (k: number) => tg.cast(call.x(k), 'float32');
    const shifted = (k: number) => (call.has(2 + k) ? tg.sub(real(k), real(2 + k)) : real(k));
    return tg.cast(tg.matmul(shifted(0), shifted(1)), 'int32');
  },
  Max: several(tg.maximum),
  MaxPool(call) {
    const [kernel, stride] = [pairOf(call.numbers('kernel_shape'), 1), pairOf(call.numbers('strides'), 1)];
    const dilation = pairOf(call.numbers('dilations'), 1);
    const ceilMode = call.number('ceil_mode', 0) === 1;
    const { dtype } = call.x();
    const y = spatially(tg.cast(call.x(), 'float32'), (x) => {
      const pads = padsOf(call, x, kernel, stride, dilation);
      const options = { stride, dilation, ceilMode };
      return isPlain(pads, kernel)
        ? tg.maxPool2d(x, kernel, { ...options, padding: [pads[0]!, pads[1]!] })
        : tg.maxPool2d(padded(x, pads, Number.NEGATIVE_INFINITY), kernel, options);
    });
    return tg.cast(y, dtype as CastType);
  },
  Mean: (call) =>
    tg.div(
      call.all().reduce((a, b) => tg.add(a, b)),
      call.count,
    ),
  MeanVarianceNormalization(call) {
    const [x, axes] = [call.x(), call.numbers('axes') ?? [0, 2, 3]];
    const centered = tg.sub(x, tg.mean(x, axes, { keepDims: true }));
    return tg.div(centered, tg.sqrt(tg.mean(tg.square(centered), axes, { keepDims: true })));
  },
  Min: several(tg.minimum),
  Mul: binary(tg.mul),
  Neg: unary(tg.neg),
  NegativeLogLikelihoodLoss: (call) => likelihood(call, call.x()),
  Not: unary((x) => tg.equal(x, 0)),
  OneHot(call) {
    const [index, [depth], values] = [call.x(0), call.list(1), call.x(2)];
    const rank = index.rank + 1;
    const given = call.number('axis', -1);
    const axis = given < 0 ? given + rank : given;
    const wanted = fromStart(tg.cast(index, 'int32'), depth!);
    const apart = tg.reshape(wanted, [...wanted.shape.slice(0, axis), 1, ...wanted.shape.slice(axis)]);
    const mask = tg.equal(apart, counted(call.where, depth!, axis, rank));
    return tg.where(mask, tg.reshape(tg.slice(values, [1, 2]), []), tg.reshape(tg.slice(values, [0, 1]), []));
  },
  Or: binary(tg.maximum),
  Pad(call) {
    const pads = call.listOf(1, 'pads')!;
    const value = call.has(2) ? call.list(2)[0]! : call.number('value', 0);
    const x = call.x();
    return tg.pad(
      x,
      x.shape.map((_, k): [number, number] => [pads[k]!, pads[k + x.rank]!]),
      value,
    );
  },
  Pow: binary((a, b) => tg.pow(a, tg.cast(b, a.dtype as CastType))),
  PRelu: (call) => {
    const [x, slope] = [call.x(), call.x(1)];
    // Before version 7, a slope for each channel.
    const fitting = call.opset < 7 && slope.size > 1 ? channels(slope, x) : slope;
    return tg.where(tg.less(x, 0), tg.mul(x, fitting), x);
  },
  QuantizeLinear(call) {
    const [x, zero] = [call.x(), call.x(2)];
    const place = quantized(call, x);
    const shifted = tg.add(tg.round(tg.div(x, place(call.x(1)))), place(tg.cast(zero, 'float32')));
    // Of 8 bits, as the zero point is.
    const [min, max] = zero.dtype === 'uint32' ? [0, 255] : [-128, 127];
    return tg.cast(tg.clamp(shifted, { min, max }), zero.dtype as CastType);
  },
  Range: (call) => {
    const [start, end, step] = [0, 1, 2].map((k) => call.list(k)[0]!) as [number, number, number];
    return tg.arange(start, end, step, { dtype: call.x(0).dtype, device: call.where });
  },
  Reciprocal: unary(tg.reciprocal),
  ReduceL1: reduction((x, axes, options) => tg.sum(tg.abs(x), axes, options)),
  ReduceL2: reduction((x, axes, options) => tg.sqrt(tg.sum(tg.square(x), axes, options))),
  ReduceLogSum: reduction((x, axes, options) => tg.log(tg.sum(x, axes, options))),
  ReduceLogSumExp: reduction(tg.logSumExp),
  ReduceMax: reduction(tg.max),
  ReduceMean: reduction(tg.mean),
  ReduceMin: reduction(tg.min),
  ReduceProd: reduction(tg.prod),
  ReduceSum: reduction(tg.sum),
  ReduceSumSquare: reduction((x, axes, options) => tg.sum(tg.square(x), axes, options)),
  Relu: unary(tg.relu),
  Reshape(call) {
    const [x, shape] = [call.x(), call.listOf(1, 'shape')!];
    const keeps = call.number('allowzero', 0) === 0;
    return tg.reshape(
      x,
      shape.map((extent, k) => (extent === 0 && keeps ? x.shape[k]! : extent)),
    );
  },
  Round: unary(tg.round),
  Selu(call) {
    const [alpha, gamma] = [call.number('alpha', 1.6732632), call.number('gamma', 1.050701)];
    return tg.mul(tg.elu(call.x(), alpha), gamma);
  },
  Shrink(call) {
    const [x, bias, lambd] = [call.x(), call.number('bias', 0), call.number('lambd', 0.5)];
    return tg.where(tg.less(x, -lambd), tg.add(x, bias), tg.where(tg.greater(x, lambd), tg.sub(x, bias), 0));
  },
  Sigmoid: unary(tg.sigmoid),
  Sign: unary(tg.sign),
  Sin: unary(tg.sin),
  Sinh: unary((x) => tg.mul(tg.sub(tg.exp(x), tg.exp(tg.neg(x))), 0.5)),
  Slice(call) {
    const x = call.x();
    const [starts, ends] = [call.listOf(1, 'starts')!, call.listOf(2, 'ends')!];
    const axes = call.listOf(3, 'axes') ?? starts.map((_, k) => k);
    const steps = call.has(4) ? call.list(4) : starts.map(() => 1);
    const ranges: ([number, number, number] | null)[] = x.shape.map(() => null);
    axes.forEach((axis, k) => {
      ranges[axis < 0 ? axis + x.rank : axis] = [starts[k]!, ends[k]!, steps[k]!];
    });
    return tg.slice(x, ...ranges);
  },
  Softmax: normalized(tg.softmax),
  SoftmaxCrossEntropyLoss(call) {
    const logs = tg.logSoftmax(call.x(), 1);
    return call.outputs > 1 ? [likelihood(call, logs), logs] : likelihood(call, logs);
  },
  Softplus: unary(tg.softplus),
  Softsign: unary((x) => tg.div(x, tg.add(tg.abs(x), 1))),
  SpaceToDepth(call) {
    const x = call.x();
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const b = call.number('blocksize', 1);
    const apart = tg.permute(tg.reshape(x, [n, c, h / b, b, w / b, b]), [0, 3, 5, 1, 2, 4]);
    return tg.reshape(apart, [n, c * b ** 2, h / b, w / b]);
  },
  Split(call) {
    const [x, axis] = [call.x(), call.number('axis', 0)];
    const extent = x.shape.at(axis)!;
    const sizes = call.listOf(1, 'split') ?? new Array(call.outputs).fill(extent / call.outputs);
    let start = 0;
    return sizes.map((size: number) => {
      const range: [number, number] = [start, start + size];
      start += size;
      return tg.slice(x, ...x.shape.map((_, k) => (k === (axis < 0 ? axis + x.rank : axis) ? range : null)));
    });
  },
  Sqrt: unary(tg.sqrt),
  Squeeze: (call) => tg.squeeze(call.x(), call.listOf(1, 'axes')),
  Sub: binary(tg.sub),
  Sum: several(tg.add),
  Tan: unary((x) => tg.div(tg.sin(x), tg.cos(x))),
  Tanh: unary(tg.tanh),
  ThresholdedRelu: (call) => tg.where(tg.greater(call.x(), call.number('alpha', 1)), call.x(), 0),
  Tile(call) {
    const [x, times] = [call.x(), call.list(1)];
    const missing = times.length - x.rank;
    const shape = [...new Array(Math.max(0, missing)).fill(1), ...x.shape] as number[];
    const apart = tg.reshape(
      x,
      shape.flatMap((extent) => [1, extent]),
    );
    const repeated = tg.expand(
      apart,
      shape.flatMap((extent, k) => [times[k]!, extent]),
    );
    return tg.reshape(
      repeated,
      shape.map((extent, k) => extent * times[k]!),
    );
  },
  Transpose: (call) =>
    tg.permute(call.x(), call.numbers('perm') ?? call.x().shape.map((_, k, { length }) => length - 1 - k)),
  Trilu(call) {
    const x = call.x();
    const [i, j] = [-2, -1].map((axis) => counted(call.where, x.shape.at(axis)!, x.rank + axis, x.rank)) as [
      Tensor,
      Tensor,
    ];
    const diagonal = tg.add(i, call.has(1) ? call.list(1)[0]! : 0);
    return tg.where(call.number('upper', 1) ? tg.greaterEqual(j, diagonal) : tg.lessEqual(j, diagonal), x, 0);
  },
  Unsqueeze(call) {
    const [x, given] = [call.x(), call.listOf(1, 'axes')!];
    const rank = x.rank + given.length;
    const axes = given.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
    return axes.reduce((t, axis) => tg.unsqueeze(t, axis), x);
  },
  Upsample(call) {
    const [x, scales] = [call.x(), call.list(1)];
    const apart = tg.reshape(
      x,
      x.shape.flatMap((extent) => [extent, 1]),
    );
    const repeated = tg.expand(
      apart,
      x.shape.flatMap((extent, k) => [extent, scales[k]!]),
    );
    return tg.reshape(
      repeated,
      x.shape.map((extent, k) => extent * scales[k]!),
    );
  },
  Where: (call) => tg.where(call.x(0), call.x(1), call.x(2)),
  Xor: binary(tg.notEqual),
};
