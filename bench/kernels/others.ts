import { bceWithLogitsLoss, crossEntropyLoss, mseLoss } from '@tapegrad/nn';
import * as tg from '@tapegrad/tensor';
import { type Shape, sizeOf, type Tensor } from '@tapegrad/tensor';
import { type KernelCase, kernelCase } from './case.ts';

/** 64 MiB of float32: more than caches hold. */
const LARGE: Shape = [4096, 4096];
/** The first activations of `ae` at batch 512. */
const ACTIVATIONS: Shape = [512, 16, 14, 14];

const extents = (shape: Shape) => shape.join('x');

function elementwise(
  name: string,
  shapes: readonly Shape[],
  run: (...inputs: Tensor[]) => Tensor,
): KernelCase {
  const output = tg.broadcastShapes(name, ...shapes);
  return kernelCase({
    id: `elementwise/${name} ${shapes.map(extents).join(', ')}`,
    shapes,
    writes: sizeOf(output),
    flops: sizeOf(output),
    run: (inputs) => run(...inputs),
  });
}

function movement(name: string, shape: Shape, writes: number, run: (x: Tensor) => Tensor): KernelCase {
  return kernelCase({
    id: `movement/${name} ${extents(shape)}`,
    shapes: [shape],
    reads: Math.min(sizeOf(shape), writes),
    writes,
    flops: 0,
    run: ([x]) => run(x!),
  });
}

function reduction(
  name: string,
  shape: Shape,
  axes: readonly number[],
  run: (x: Tensor) => Tensor,
): KernelCase {
  const kept = shape.filter((_, axis) => !axes.includes(axis));
  const over = axes.length === shape.length ? '' : ` over axis ${axes.join(', ')}`;
  return kernelCase({
    id: `reduction/${name} ${extents(shape)}${over}`,
    shapes: [shape],
    writes: sizeOf(kept),
    flops: sizeOf(shape),
    run: ([x]) => run(x!),
  });
}

/** Maximum, difference, exponential, sum, quotient: five operations an element. */
const softmax = (name: 'softmax' | 'logSoftmax', shape: Shape, axis: number) =>
  kernelCase({
    id: `softmax/${name} ${extents(shape)} over axis ${axis}`,
    shapes: [shape],
    writes: sizeOf(shape),
    flops: 5 * sizeOf(shape),
    run: ([x]) => (name === 'softmax' ? tg.softmax : tg.logSoftmax)(x!, axis),
  });

/** What one layer's pooling is asked for: forward, where the maxima are, and gradients. An operation for each pixel of a window. */
function pooling(label: string, [n, c, h, w]: Shape, attributes: tg.Attributes<'poolScatter'>): KernelCase[] {
  const shape = [n!, c!, h!, w!];
  const [oh, ow] = tg.poolOutputSize(attributes.size, attributes);
  const pooled = [n!, c!, oh, ow];
  const flops = sizeOf(pooled) * sizeOf(attributes.kernel);
  const mean = { ...attributes, countIncludePad: true };
  const indices = (device: tg.Device) =>
    tg.scope(() => tg.apply(tg.ops.maxPool2dIndices, [tg.ones(shape, { device })], attributes));
  const row = (name: string, from: Shape, to: Shape, run: (x: Tensor) => Tensor) =>
    kernelCase({
      id: `pool/${name} ${extents(shape)}, ${label}`,
      shapes: [from],
      writes: sizeOf(to),
      flops,
      run: ([x]) => run(x!),
    });
  /** Moves values by the indices, which are an input. */
  const indexed = (name: 'poolGather' | 'poolScatter', from: Shape, to: Shape) =>
    kernelCase({
      id: `pool/${name} ${extents(shape)}, ${label}`,
      inputs: (random) => [random.normal(from), indices(random.state.device)],
      // Of the images only what was chosen.
      reads: 2 * sizeOf(pooled),
      writes: sizeOf(to),
      largest: sizeOf(shape),
      flops: 0,
      run: ([x, chosen]) => tg.apply(tg.ops[name], [x!, chosen!], attributes),
    });
  return [
    row('maxPool2d', shape, pooled, (x) => tg.apply(tg.ops.maxPool2d, [x], attributes)),
    row('maxPool2dIndices', shape, pooled, (x) => tg.apply(tg.ops.maxPool2dIndices, [x], attributes)),
    indexed('poolGather', shape, pooled),
    indexed('poolScatter', pooled, shape),
    row('avgPool2d', shape, pooled, (x) => tg.apply(tg.ops.avgPool2d, [x], mean)),
    row('avgPool2dGradient', pooled, shape, (x) => tg.apply(tg.ops.avgPool2dGradient, [x], mean)),
  ];
}

/** Windows side by side, and those of a residual network's first layers, which overlap. */
const pools: readonly KernelCase[] = [
  ...pooling('k2 s2', [64, 64, 56, 56], {
    kernel: [2, 2],
    stride: [2, 2],
    padding: [0, 0],
    dilation: [1, 1],
    ceilMode: false,
    size: [56, 56],
  }),
  ...pooling('k3 s2 p1', [64, 64, 56, 56], {
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1],
    dilation: [1, 1],
    ceilMode: false,
    size: [56, 56],
  }),
];

/** An addition an element. */
const cumsum = (shape: Shape, axis: number) =>
  kernelCase({
    id: `scan/cumsum ${extents(shape)} over axis ${axis}`,
    shapes: [shape],
    writes: sizeOf(shape),
    flops: sizeOf(shape),
    run: ([x]) => tg.cumsum(x!, axis),
  });

/** Labels 0, 1 … of as many classes, over and over. */
const labels = (count: number, classes: number, device: tg.Device) =>
  tg.tensor(
    Int32Array.from({ length: count }, (_, i) => i % classes),
    { device },
  );

const losses: readonly KernelCase[] = [
  kernelCase({
    id: 'loss/mseLoss 512x1x28x28',
    shapes: [
      [512, 1, 28, 28],
      [512, 1, 28, 28],
    ],
    writes: 1,
    flops: 3 * 512 * 784,
    run: ([x, y]) => mseLoss(x!, y!),
  }),
  kernelCase({
    id: 'loss/bceWithLogitsLoss 128x784',
    shapes: [
      [128, 784],
      [128, 784],
    ],
    writes: 1,
    flops: 6 * 128 * 784,
    run: ([x, y]) => bceWithLogitsLoss(x!, y!),
  }),
  kernelCase({
    id: 'loss/crossEntropyLoss 512x10',
    inputs: (random) => [random.normal([512, 10]), labels(512, 10, random.state.device)],
    reads: 512 * 11,
    writes: 1,
    flops: 5 * 512 * 10,
    run: ([x, y]) => crossEntropyLoss(x!, y!),
  }),
];

/** One launch over all parameters (and one that moves the clock): 14 operations and 28 bytes a parameter. */
const adam = (parameters: number) =>
  kernelCase({
    id: `adam/${parameters} parameters`,
    inputs: (random) => [
      random.normal([parameters]),
      random.normal([parameters]),
      ...[0, 1].map(() => tg.zeros([parameters], { device: random.state.device })),
      tg.zeros([3], { device: random.state.device }),
      tg.tensor([1e-3, 0.9, 0.999, 1e-8, 0, 0.1, 0.001, 0], { device: random.state.device }),
    ],
    reads: 4 * parameters,
    writes: 3 * parameters,
    largest: parameters,
    flops: 14 * parameters,
    run: (tensors) => tg.run(tg.updates.adam as tg.InPlaceUpdate<null>, tensors, null),
  });

/**
 * Threefry2x32-20 makes two words with 20 rounds of an addition, a rotation (three operations) and an exclusive or, and
 * 5 injections of the key: about 65 operations a word. Integer operations are counted like the others.
 */
const random = (name: 'bits' | 'uniform' | 'normal', count: number) =>
  kernelCase({
    id: `random/${name} ${count}`,
    inputs: ({ state }) => [tg.tensor(Uint32Array.of(1, 2, 0, 0), { device: state.device })],
    reads: 4,
    writes: count,
    flops: { bits: 65, uniform: 67, normal: 72 }[name] * count,
    run: ([state]) => tg.apply(tg.ops.random, [state!], { shape: [count], distribution: name }),
  });

/** The next images of a dataset, from bytes to normalized numbers. */
const batch = kernelCase({
  id: 'training/batch 512x1x28x28',
  inputs: ({ state: { device } }) => [
    tg.tensor(
      Uint32Array.from({ length: 2048 }, (_, i) => (i * 1001) % 2048),
      { device },
    ),
    tg.tensor(new Uint32Array(2), { device }),
    tg.tensor(
      Uint8Array.from({ length: 2048 * 784 }, (_, i) => (i * 7) % 256),
      { shape: [2048, 1, 28, 28], device },
    ),
  ],
  reads: (512 * 784) / 4,
  writes: 512 * 784,
  flops: 2 * 512 * 784,
  run: ([order, cursor, images]) =>
    tg.apply(tg.ops.batch, [order!, cursor!, images!], { shape: [512, 1, 28, 28], scale: 1 / 255, shift: 0 }),
});

/** Everything that is no contraction. */
export const others: readonly KernelCase[] = [
  elementwise('add', [LARGE, LARGE], tg.add),
  elementwise('relu', [LARGE], tg.relu),
  elementwise('exp', [LARGE], tg.exp),
  elementwise('tanh', [LARGE], tg.tanh),
  elementwise('gelu', [LARGE], (x) => tg.gelu(x)),
  elementwise('add', [ACTIVATIONS, ACTIVATIONS], tg.add),
  elementwise('relu', [ACTIVATIONS], tg.relu),
  elementwise('add', [ACTIVATIONS, [16, 1, 1]], tg.add),
  elementwise('add', [[512, 128], [128]], tg.add),
  elementwise(
    'mul',
    [
      [1021, 1019],
      [1021, 1],
    ],
    tg.mul,
  ),
  elementwise('where', [ACTIVATIONS, ACTIVATIONS, ACTIVATIONS], tg.where),
  movement('permute to channels last', ACTIVATIONS, sizeOf(ACTIVATIONS), (x) => tg.permute(x, [0, 2, 3, 1])),
  movement('transpose', LARGE, sizeOf(LARGE), (x) => tg.transpose(x)),
  movement('slice of every second column,', LARGE, sizeOf(LARGE) / 2, (x) => tg.slice(x, null, [0, 4096, 2])),
  reduction('sum', LARGE, [0, 1], (x) => tg.sum(x)),
  reduction('sum', LARGE, [0], (x) => tg.sum(x, 0)),
  reduction('sum', LARGE, [1], (x) => tg.sum(x, 1)),
  reduction('sum', ACTIVATIONS, [0, 2, 3], (x) => tg.sum(x, [0, 2, 3])),
  reduction('mean', [512, 1, 28, 28], [0, 1, 2, 3], (x) => tg.mean(x)),
  reduction('max', LARGE, [1], (x) => tg.max(x, 1)),
  reduction('argmax', [512, 1021], [1], (x) => tg.argmax(x, 1)),
  cumsum(LARGE, 1),
  cumsum(LARGE, 0),
  cumsum([sizeOf(LARGE)], 0),
  softmax('softmax', [4096, 1000], 1),
  softmax('logSoftmax', [512, 10], 1),
  softmax('softmax', [512, 10, 196], 1),
  ...pools,
  ...losses,
  adam(421_440),
  adam(2 ** 24),
  random('bits', 2 ** 22),
  random('uniform', 2 ** 22),
  random('normal', 2 ** 22),
  random('normal', 512 * 5),
  batch,
];
