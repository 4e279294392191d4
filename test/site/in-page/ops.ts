import * as tg from '@tapegrad/tensor';
import { close, numbers, type Tolerance } from '../../helpers/close.ts';

/* A table of ops that a page runs on its adapter and on the float64 reference. */

interface Case {
  readonly name: string;
  readonly shapes: readonly tg.Shape[];
  readonly run: (...inputs: tg.Tensor[]) => tg.Tensor;
  readonly tolerance: Tolerance;
}

/** Nothing is rounded. */
const EXACT: Tolerance = {};
/** Sums of some dozens of products of numbers below 3, in another order than the reference's. */
const SUMS: Tolerance = { absolute: 3e-5, relative: 1e-5 };
/** exp and log of numbers below 3 to a few ulp. */
const CURVES: Tolerance = { absolute: 2 ** -21, relative: 2 ** -19 };

const cases: readonly Case[] = [
  {
    name: 'add, broadcast',
    shapes: [
      [3, 1, 5],
      [4, 1],
    ],
    run: tg.add,
    tolerance: { relative: 2 ** -23, absolute: 2 ** -22 },
  },
  { name: 'mul', shapes: [[7], [7]], run: tg.mul, tolerance: { relative: 2 ** -23 } },
  { name: 'div', shapes: [[7], [7]], run: tg.div, tolerance: { relative: 2.5 * 2 ** -23 } },
  { name: 'relu', shapes: [[70_001]], run: tg.relu, tolerance: EXACT },
  { name: 'exp', shapes: [[1021]], run: tg.exp, tolerance: CURVES },
  { name: 'sigmoid', shapes: [[1021]], run: tg.sigmoid, tolerance: CURVES },
  { name: 'tanh', shapes: [[1021]], run: tg.tanh, tolerance: CURVES },
  { name: 'softplus', shapes: [[1021]], run: tg.softplus, tolerance: CURVES },
  {
    name: 'where',
    shapes: [[5, 4], [5, 4], [4]],
    run: (a, b, c) => tg.where(tg.less(a, b), b, c),
    tolerance: EXACT,
  },
  {
    name: 'sum of all',
    shapes: [[31, 33]],
    run: (x) => tg.sum(x),
    tolerance: { absolute: 1e-3, relative: 1e-5 },
  },
  { name: 'sum over axis 0', shapes: [[31, 33]], run: (x) => tg.sum(x, 0), tolerance: SUMS },
  { name: 'mean over axes', shapes: [[4, 3, 5, 2]], run: (x) => tg.mean(x, [0, 2, 3]), tolerance: SUMS },
  { name: 'max over axis 1', shapes: [[31, 33]], run: (x) => tg.max(x, 1), tolerance: EXACT },
  { name: 'argmax', shapes: [[31, 33]], run: (x) => tg.argmax(x, 1), tolerance: EXACT },
  { name: 'softmax', shapes: [[9, 17]], run: (x) => tg.softmax(x, 1), tolerance: CURVES },
  { name: 'logSumExp', shapes: [[9, 17]], run: (x) => tg.logSumExp(x, 1), tolerance: CURVES },
  { name: 'transpose', shapes: [[13, 7]], run: (x) => tg.transpose(x), tolerance: EXACT },
  { name: 'permute', shapes: [[2, 3, 5, 7]], run: (x) => tg.permute(x, [2, 0, 3, 1]), tolerance: EXACT },
  {
    name: 'slice with a step',
    shapes: [[9, 8]],
    run: (x) => tg.slice(x, [1, 8, 3], [0, 8, 2]),
    tolerance: EXACT,
  },
  {
    name: 'concat',
    shapes: [
      [2, 3],
      [4, 3],
    ],
    run: (a, b) => tg.concat([a, b], 0),
    tolerance: EXACT,
  },
  {
    name: 'matmul',
    shapes: [
      [17, 31],
      [31, 13],
    ],
    run: (a, b) => tg.matmul(a!, b!),
    tolerance: SUMS,
  },
  {
    name: 'matmul, batched',
    shapes: [
      [3, 8, 16],
      [3, 16, 8],
    ],
    run: (a, b) => tg.matmul(a!, b!),
    tolerance: SUMS,
  },
  {
    name: 'conv2d',
    shapes: [
      [2, 3, 9, 7],
      [5, 3, 3, 3],
    ],
    run: (x, w) => tg.conv2d(x, w, { stride: 2, padding: 1 }),
    tolerance: SUMS,
  },
  {
    name: 'convTranspose2d',
    shapes: [
      [2, 3, 5, 4],
      [3, 4, 4, 4],
    ],
    run: (x, w) => tg.convTranspose2d(x, w, { stride: 2, padding: 1 }),
    tolerance: SUMS,
  },
];

export const opCount = cases.length;

/** Runs the table; returns what differs, a line for each op. */
export async function opFaults(device: tg.Device): Promise<string[]> {
  const faults: string[] = [];
  for (const { name, shapes, run, tolerance } of cases) {
    try {
      const on = async (where: tg.Device) => {
        const inputs = shapes.map((shape, i) =>
          tg.tensor(numbers(tg.sizeOf(shape), -3, 3, i + 1), { shape, device: where }),
        );
        const output = tg.scope(() => run(...inputs));
        return { text: `${output.dtype} ${tg.show(output.shape)}`, data: await output.data() };
      };
      const [actual, expected] = [await on(device), await on(tg.referenceDevice)];
      if (actual.text !== expected.text) throw new Error(`${actual.text} instead of ${expected.text}`);
      close(actual.data, expected.data, tolerance, name);
    } catch (error) {
      faults.push(`${name}: ${(error as Error).message}`);
    }
  }
  return faults;
}
