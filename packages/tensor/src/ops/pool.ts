import type { Op, TensorView } from '../contracts.ts';
import { floatType } from '../dtype.ts';
import { type Shape, sameShape, show } from '../shape.ts';

type Pair = readonly [number, number];

/** How a window slides over images. Pairs are (height, width). */
export interface PoolAttributes {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  /** Whether a window that begins within the image, or the padding before it, may end beyond the padding. */
  readonly ceilMode: boolean;
}

/** What a gradient cannot tell from its operands: the image's extents. */
export interface PoolGradientAttributes extends PoolAttributes {
  readonly size: Pair;
}

export interface AveragePoolAttributes extends PoolAttributes {
  /** Whether the padding's zeros count among what is averaged. */
  readonly countIncludePad: boolean;
}

export interface AveragePoolGradientAttributes extends AveragePoolAttributes {
  readonly size: Pair;
}

/**
 * Extents of what pooling makes of an image: ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1, in ceil mode
 * rounded up, but without a last window that would begin beyond the image. As PyTorch has it.
 */
export function poolOutputSize(size: Pair, attributes: PoolAttributes): [number, number] {
  const along = (d: 0 | 1) => {
    const { kernel, stride, padding, dilation, ceilMode } = attributes;
    const room = size[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1;
    if (!ceilMode) return Math.floor(room / stride[d]) + 1;
    const extent = Math.ceil(room / stride[d]) + 1;
    return (extent - 1) * stride[d] >= size[d] + padding[d] ? extent - 1 : extent;
  };
  return [along(0), along(1)];
}

/** Images [N, C, H, W] → [N, C, oh, ow]. */
function inferPooled(op: string, x: TensorView, attributes: PoolAttributes): Shape {
  const { kernel, stride, padding, dilation } = attributes;
  const seen = `${show(x.shape)}, kernel ${show(kernel)}, stride ${show(stride)}, padding ${show(padding)}, dilation ${show(dilation)}`;
  if (x.rank !== 4) throw new Error(`${op}: expects [N, C, H, W], got ${show(x.shape)}`);
  const whole = (pair: Pair, least: number) => pair.every((v) => Number.isInteger(v) && v >= least);
  if (![kernel, stride, dilation].every((pair) => whole(pair, 1)) || !whole(padding, 0)) {
    throw new Error(
      `${op}: kernel, stride and dilation are whole numbers from 1, padding is one from 0: ${seen}`,
    );
  }
  if (padding.some((margin, d) => margin > kernel[d]! / 2)) {
    throw new Error(`${op}: the padding is at most half of the kernel: ${seen}`);
  }
  const size = poolOutputSize([x.shape[2]!, x.shape[3]!], attributes);
  if (size.some((extent) => extent < 1) || x.shape[2] === 0 || x.shape[3] === 0) {
    throw new Error(`${op}: the window is larger than the padded image: ${seen}`);
  }
  return [x.shape[0]!, x.shape[1]!, ...size];
}

/** The shape of the images from that of what was pooled, which has to belong to them. */
function inferImages(op: string, y: TensorView, attributes: PoolGradientAttributes): Shape {
  const shape = [y.shape[0]!, y.shape[1]!, ...attributes.size];
  const back = y.rank === 4 ? poolOutputSize(attributes.size, attributes) : [];
  if (back[0] !== y.shape[2] || back[1] !== y.shape[3]) {
    throw new Error(`${op}: ${show(y.shape)} was not pooled from images of ${show(attributes.size)}`);
  }
  return shape;
}

/** First row (or column) of a window, which may lie in the padding. */
const startOf = (d: 0 | 1, at: number, { stride, padding }: PoolAttributes) => at * stride[d] - padding[d];

/** Every window: its plane (an image's channel), and the pixels within the image, by number in the plane and in their order. */
function windows(
  x: Shape,
  y: Shape,
  attributes: PoolAttributes,
  visit: (output: number, plane: number, pixels: readonly number[], row: number, column: number) => void,
): void {
  const [N, C, H, W] = x as [number, number, number, number];
  const [, , OH, OW] = y as [number, number, number, number];
  const { kernel, dilation } = attributes;
  for (let plane = 0; plane < N * C; plane++)
    for (let oh = 0; oh < OH; oh++)
      for (let ow = 0; ow < OW; ow++) {
        const pixels: number[] = [];
        for (let kh = 0; kh < kernel[0]; kh++)
          for (let kw = 0; kw < kernel[1]; kw++) {
            const h = startOf(0, oh, attributes) + kh * dilation[0];
            const w = startOf(1, ow, attributes) + kw * dilation[1];
            if (h >= 0 && h < H && w >= 0 && w < W) pixels.push(h * W + w);
          }
        visit((plane * OH + oh) * OW + ow, plane, pixels, oh, ow);
      }
}

/** The pixel with the first maximum, or the first NaN; −1 where the window's dilated taps all miss the image. */
function firstMaximum(pixels: readonly number[], value: (pixel: number) => number): number {
  let best = -1;
  for (const pixel of pixels) {
    const v = value(pixel);
    if (best < 0 || v > value(best) || (Number.isNaN(v) && !Number.isNaN(value(best)))) best = pixel;
  }
  return best;
}

/** maxPool2d(x [N, C, H, W]) → [N, C, oh, ow]: the maximum of each window, NaN if one of the values is. */
const maxPool2d: Op<PoolAttributes, readonly [x: TensorView]> = {
  name: 'maxPool2d',
  infer([x], attributes) {
    const dtype = floatType('maxPool2d', [x]);
    return { shape: inferPooled('maxPool2d', x, attributes), dtype };
  },
  reference([x], attributes, y) {
    const plane = x.shape[2]! * x.shape[3]!;
    windows(x.shape, y.shape, attributes, (output, z, pixels) => {
      const best = firstMaximum(pixels, (pixel) => x.data[z * plane + pixel]!);
      y.data[output] = best < 0 ? Number.NEGATIVE_INFINITY : x.data[z * plane + best]!;
    });
  },
};

/**
 * Where each window's first maximum (or first NaN) is: its number h·W + w in the plane, int32, as PyTorch's
 * `return_indices` counts; −1 for a window without a pixel.
 */
const maxPool2dIndices: Op<PoolAttributes, readonly [x: TensorView]> = {
  name: 'maxPool2dIndices',
  infer([x], attributes) {
    floatType('maxPool2dIndices', [x]);
    return { shape: inferPooled('maxPool2dIndices', x, attributes), dtype: 'int32' };
  },
  reference([x], attributes, y) {
    const plane = x.shape[2]! * x.shape[3]!;
    windows(x.shape, y.shape, attributes, (output, z, pixels) => {
      y.data[output] = firstMaximum(pixels, (pixel) => x.data[z * plane + pixel]!);
    });
  },
};

function checkIndices(op: string, values: TensorView, indices: TensorView): 'float32' | 'float16' {
  if (indices.dtype !== 'int32') throw new Error(`${op}: indices are int32, got ${indices.dtype}`);
  return floatType(op, [values]);
}

/** The pixels that the windows have chosen: (x [N, C, H, W], indices [N, C, oh, ow]) → [N, C, oh, ow]; 0 for −1. */
const poolGather: Op<PoolGradientAttributes, readonly [x: TensorView, indices: TensorView]> = {
  name: 'poolGather',
  infer([x, indices], attributes) {
    const dtype = checkIndices('poolGather', x, indices);
    const shape = inferImages('poolGather', indices, attributes);
    if (!sameShape(shape, x.shape)) {
      throw new Error(`poolGather: indices ${show(indices.shape)} do not belong to images ${show(x.shape)}`);
    }
    return { shape: indices.shape, dtype };
  },
  reference([x, indices], _, y) {
    const [plane, outputs] = [x.shape[2]! * x.shape[3]!, y.shape[2]! * y.shape[3]!];
    y.data.forEach((__, i) => {
      const pixel = indices.data[i]!;
      if (pixel >= 0) y.data[i] = x.data[Math.floor(i / outputs) * plane + pixel]!;
    });
  },
};

/** The transpose of poolGather, and so the gradient of maxPool2d: (y, indices [N, C, oh, ow]) → [N, C, ...size]. */
const poolScatter: Op<PoolGradientAttributes, readonly [y: TensorView, indices: TensorView]> = {
  name: 'poolScatter',
  infer([y, indices], attributes) {
    const dtype = checkIndices('poolScatter', y, indices);
    if (!sameShape(y.shape, indices.shape)) {
      throw new Error(`poolScatter: values ${show(y.shape)} and indices ${show(indices.shape)} differ`);
    }
    return { shape: inferImages('poolScatter', y, attributes), dtype };
  },
  reference([y, indices], _, x) {
    const [plane, outputs] = [x.shape[2]! * x.shape[3]!, y.shape[2]! * y.shape[3]!];
    indices.data.forEach((pixel, i) => {
      if (pixel >= 0) x.data[Math.floor(i / outputs) * plane + pixel]! += y.data[i]!;
    });
  },
};

/**
 * What a window's sum is divided by: the pixels within the image, or with `countIncludePad` those within the padding too. What
 * lies beyond, in ceil mode, never counts.
 */
function divisorOf(attributes: AveragePoolAttributes, size: Pair, output: Pair): number {
  const { kernel, padding, countIncludePad } = attributes;
  const along = (d: 0 | 1) => {
    const start = startOf(d, output[d], attributes);
    const end = Math.min(start + kernel[d], size[d] + padding[d]);
    return countIncludePad ? end - start : Math.min(end, size[d]) - Math.max(start, 0);
  };
  return along(0) * along(1);
}

/** avgPool2d(x [N, C, H, W]) → [N, C, oh, ow]: the mean of each window. */
const avgPool2d: Op<AveragePoolAttributes, readonly [x: TensorView]> = {
  name: 'avgPool2d',
  infer([x], attributes) {
    const dtype = floatType('avgPool2d', [x]);
    return { shape: inferPooled('avgPool2d', x, attributes), dtype };
  },
  reference([x], attributes, y) {
    const size = [x.shape[2]!, x.shape[3]!] as const;
    windows(x.shape, y.shape, attributes, (output, z, pixels, row, column) => {
      const sum = pixels.reduce((all, pixel) => all + x.data[z * size[0] * size[1] + pixel]!, 0);
      y.data[output] = sum / divisorOf(attributes, size, [row, column]);
    });
  },
};

/** The gradient of avgPool2d: each output's share to the pixels of its window, y [N, C, oh, ow] → [N, C, ...size]. */
const avgPool2dGradient: Op<AveragePoolGradientAttributes, readonly [y: TensorView]> = {
  name: 'avgPool2dGradient',
  infer([y], attributes) {
    const dtype = floatType('avgPool2dGradient', [y]);
    return { shape: inferImages('avgPool2dGradient', y, attributes), dtype };
  },
  reference([y], attributes, x) {
    const { size } = attributes;
    windows(x.shape, y.shape, attributes, (output, z, pixels, row, column) => {
      const share = y.data[output]! / divisorOf(attributes, size, [row, column]);
      for (const pixel of pixels) x.data[z * size[0] * size[1] + pixel]! += share;
    });
  },
};

export const poolOps = {
  maxPool2d,
  maxPool2dIndices,
  poolGather,
  poolScatter,
  avgPool2d,
  avgPool2dGradient,
};
