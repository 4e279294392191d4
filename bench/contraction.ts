/**
 * GFLOP/s of the contractions in a training step of the convolutional autoencoder `ae` at batch 512. On a software
 * adapter also GFLOP/s of one core's CPU time, which other programs on the machine disturb less than the clock.
 *
 *     node --import tsx bench/contraction.ts [--adapter NAME] [--variant NAME] [FILTER]
 */
import { parseArgs } from 'node:util';
import { apply, type Shape, sizeOf, type Tensor, tensor } from '@tapegrad/tensor';
import { openDevice } from '@tapegrad/tensor/node';
import { convOps } from '../packages/tensor/src/ops/conv.ts';
import { matmul } from '../packages/tensor/src/ops/matmul.ts';
import { contractionVariants, withContractionVariant } from '../packages/tensor/src/webgpu/contraction.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    adapter: { type: 'string', default: 'auto' },
    variant: { type: 'string' },
    toggles: { type: 'string', default: '' },
  },
});
const device = await openDevice(values.adapter, { toggles: values.toggles.split(',').filter(Boolean) });
const variant = values.variant ? contractionVariants[values.variant as keyof typeof contractionVariants] : {};

const N = 512;
const half = { stride: [2, 2], padding: [1, 1], dilation: [1, 1] } as const;
const product = (a: Shape, b: Shape, t = '') =>
  [
    `matmul [${a}]${t.includes('A') ? 'T' : ''} x [${b}]${t.includes('B') ? 'T' : ''}`,
    matmul,
    [a, b],
    { transposeA: t.includes('A'), transposeB: t.includes('B') },
    2 * sizeOf(a) * b[t.includes('B') ? 0 : 1]!,
  ] as const;
const convolution = (C: number, O: number, size: number) => {
  const [x, y, w]: Shape[] = [
    [N, C, size, size],
    [N, O, size / 2, size / 2],
    [O, C, 4, 4],
  ];
  const flops = 2 * sizeOf(y!) * C * 16;
  const name = `${C} -> ${O}, ${size} x ${size}`;
  return [
    [`conv2d ${name}`, convOps.conv2d, [x!, w!], half, flops],
    [`input gradient ${name}`, convOps.conv2dInputGradient, [y!, w!], { ...half, size: [size, size] }, flops],
    [`weight gradient ${name}`, convOps.conv2dWeightGradient, [x!, y!], { ...half, size: [4, 4] }, flops],
  ] as const;
};
const linear = (i: number, o: number) => [
  product([N, i], [o, i], 'B'),
  product([N, o], [o, i]),
  product([N, o], [N, i], 'A'),
];

const rows = [
  product([512, 512], [512, 512]),
  ...convolution(1, 16, 28),
  ...convolution(16, 32, 14),
  ...linear(1568, 128),
  ...linear(128, 5),
  ...linear(5, 128),
  ...linear(128, 1568),
].filter(([name]) => positionals.every((part) => name.includes(part)));

const random = (shape: Shape) =>
  tensor(
    Float64Array.from({ length: sizeOf(shape) }, () => Math.random() - 0.5),
    { shape, device, dtype: 'float32' },
  );

console.log(`${device.name}: median and fastest of 7`);
for (const [name, op, shapes, attributes, flops] of rows) {
  const inputs = shapes.map(random);
  const run = async (times: number) => {
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      const output: Tensor = withContractionVariant(variant, () => apply<any>(op as any, inputs, attributes));
      output.dispose();
    }
    await device.synchronize();
    return (performance.now() - start) / times;
  };
  const first = await run(1);
  const once = await run(1);
  const times = Math.max(1, Math.min(100, Math.round(60 / once)));
  const all: number[] = [];
  const cpu: number[] = [];
  for (let i = 0; i < 7; i++) {
    const before = process.cpuUsage();
    all.push(await run(times));
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1000 / times);
  }
  cpu.sort((a, b) => a - b);
  all.sort((a, b) => a - b);
  const rate = (ms: number) => (flops / ms / 1e6).toFixed(1);
  console.log(
    `${name.padEnd(44)} ${all[3]!.toFixed(2).padStart(8)} ms ${rate(all[3]!).padStart(6)} GFLOP/s (best ${rate(all[0]!)}; a core ${rate(cpu[0]!)}; first call ${first.toFixed(0)} ms)`,
  );
  for (const input of inputs) input.dispose();
}
device.destroy();
