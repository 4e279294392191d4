import { convOutputSize, type Shape } from '@tapegrad/tensor';
import { type ContractionCall, contractionCase, type KernelCase } from './case.ts';

type Transposes = '' | 'A' | 'B' | 'AB';

/** M x N x K, with operands stored transposed or not, in a batch or not. */
function product(
  M: number,
  N: number,
  K: number,
  transposed: Transposes = '',
  batch: Shape = [],
  batchB = batch,
) {
  const [transposeA, transposeB] = [transposed.includes('A'), transposed.includes('B')];
  const a = [...batch, ...(transposeA ? [K, M] : [M, K])];
  const b = [...batchB, ...(transposeB ? [N, K] : [K, N])];
  const notes = [
    batch.length > 0 ? `, batch ${batch.join('x')}${batchB === batch ? '' : ' on one'}` : '',
    transposed ? `, ${[...transposed].map((name) => `${name}ᵀ`).join(' ')}` : '',
  ].join('');
  return contractionCase(
    { op: 'matmul', shapes: [a, b], attributes: { transposeA, transposeB } },
    `${M}x${N}x${K}${notes}`,
  );
}

interface Convolution {
  readonly x: Shape;
  /** [out, in, kh, kw]. */
  readonly w: Shape;
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

/** A convolution and its two gradients. The input gradient is transposed convolution, too. */
function convolution({ x, w, stride = 1, padding = 0, dilation = 1, groups = 1 }: Convolution): KernelCase[] {
  const attributes = {
    stride: [stride, stride],
    padding: [padding, padding],
    dilation: [dilation, dilation],
    groups,
  } as const;
  const size = [x[2]!, x[3]!] as const;
  const kernel = [w[2]!, w[3]!] as const;
  const y = [x[0]!, w[0]!, ...convOutputSize(size, kernel, attributes)];
  const calls: ContractionCall[] = [
    { op: 'conv2d', shapes: [x, w], attributes },
    { op: 'conv2dInputGradient', shapes: [y, w], attributes: { ...attributes, size } },
    { op: 'conv2dWeightGradient', shapes: [x, y], attributes: { ...attributes, size: kernel } },
  ];
  return calls.map((call) => contractionCase(call, describeConvolution(x, w, attributes)));
}

export function describeConvolution(
  x: Shape,
  w: Shape,
  { stride, padding, dilation, groups = 1 }: Extract<ContractionCall, { op: 'conv2d' }>['attributes'],
): string {
  const both = ([h, v]: readonly [number, number]) => (h === v ? `${h}` : `${h}x${v}`);
  const extras = [`k${both([w[2]!, w[3]!])}`, `s${both(stride)}`, `p${both(padding)}`];
  if (dilation[0] * dilation[1] !== 1) extras.push(`d${both(dilation)}`);
  if (groups !== 1) extras.push(`g${groups}`);
  return `${x[0]}x${x[1]}x${x[2]}x${x[3]} to ${w[0]}, ${extras.join(' ')}`;
}

/** A small product: from its rate follows how long the large ones will take. */
export const yardstick = product(256, 256, 256);

/** Squares; every transposition; batches; and the shapes that tiles do not like. */
export const products: readonly KernelCase[] = [
  ...[256, 512, 1024, 2048, 4096].map((n) => product(n, n, n)),
  ...(['A', 'B', 'AB'] as const).map((transposed) => product(512, 512, 512, transposed)),
  product(256, 256, 256, '', [16]),
  product(64, 64, 64, 'B', [8, 8]),
  product(128, 128, 128, '', [16], []),
  product(1, 4096, 1024),
  product(4096, 1, 1024),
  product(3, 1021, 509),
  product(1021, 7, 509),
  product(1024, 1024, 5),
  product(13, 11, 65_536),
  product(509, 521, 503),
];

/** A layer of a residual network, the first of one for photographs, odd channels, dilation, a kernel of 1, groups, depthwise. */
export const convolutions: readonly KernelCase[] = [
  { x: [8, 64, 56, 56], w: [64, 64, 3, 3], padding: 1 },
  { x: [64, 3, 64, 64], w: [32, 3, 4, 4], stride: 2, padding: 1 },
  { x: [64, 5, 28, 28], w: [7, 5, 3, 3], padding: 1 },
  { x: [32, 13, 31, 17], w: [11, 13, 5, 5], stride: 3, padding: 2 },
  { x: [32, 32, 28, 28], w: [32, 32, 3, 3], padding: 2, dilation: 2 },
  { x: [64, 128, 14, 14], w: [64, 128, 1, 1] },
  { x: [32, 64, 28, 28], w: [64, 16, 3, 3], padding: 1, groups: 4 },
  { x: [32, 64, 28, 28], w: [64, 1, 3, 3], padding: 1, groups: 64 },
].flatMap(convolution);
