import type { InPlaceUpdate, Op, TensorView } from '../contracts.ts';
import { type Shape, sizeOf } from '../shape.ts';

/**
 * Counter-based random numbers: Threefry2x32-20 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
 * Block i of a stream is a pure function of the key and counter + i, so that any thread makes its own numbers, and the
 * GPU makes the same integers as the CPU. A generator's state is uint32[4]: key (2), counter (low, high).
 */
export type Distribution = 'bits' | 'uniform' | 'normal';

export interface RandomAttributes {
  readonly shape: Shape;
  readonly distribution: Distribution;
}

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** One block: two 32-bit words from a key and a counter of two words each. */
export function threefry(k0: number, k1: number, c0: number, c1: number): [number, number] {
  const key = [k0, k1, 0x1bd11bda ^ k0 ^ k1];
  let x0 = (c0 + k0) >>> 0;
  let x1 = (c1 + k1) >>> 0;
  for (let round = 0; round < 20; round++) {
    const r = ROTATIONS[round % 8]!;
    x0 = (x0 + x1) >>> 0;
    x1 = (((x1 << r) | (x1 >>> (32 - r))) ^ x0) >>> 0;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      x0 = (x0 + key[injection % 3]!) >>> 0;
      x1 = (x1 + key[(injection + 1) % 3]! + injection) >>> 0;
    }
  }
  return [x0, x1];
}

/** Bits to [0, 1): the upper 24, which float32 holds exactly. */
const unit = (bits: number) => (bits >>> 8) * 2 ** -24;

/** Box and Muller's transform of two words to two independent normal numbers. */
function boxMuller(a: number, b: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(1 - unit(a)));
  const angle = 2 * Math.PI * unit(b);
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

const random: Op<RandomAttributes, readonly [state: TensorView]> = {
  name: 'random',
  infer([state], { shape, distribution }) {
    if (state.dtype !== 'uint32' || state.size !== 4)
      throw new Error('random: the state has to be uint32[4]');
    return { shape, dtype: distribution === 'bits' ? 'uint32' : 'float32' };
  },
  reference([state], { distribution }, output) {
    const [k0, k1, low, high] = state.data as unknown as [number, number, number, number];
    for (let block = 0; block < Math.ceil(output.data.length / 2); block++) {
      const c0 = (low + block) >>> 0;
      const words = threefry(k0, k1, c0, (high + (low + block >= 2 ** 32 ? 1 : 0)) >>> 0);
      const pair =
        distribution === 'bits' ? words : distribution === 'uniform' ? words.map(unit) : boxMuller(...words);
      for (const k of [0, 1]) if (2 * block + k < output.data.length) output.data[2 * block + k] = pair[k]!;
    }
  },
};

export interface AdvanceAttributes {
  /** Words to be added to a 64-bit counter (low, high) at this index of a uint32 tensor. */
  readonly index: number;
  readonly by: number;
}

/** Moves a counter on: after random numbers were drawn, after a batch was taken. */
export const advance: InPlaceUpdate<AdvanceAttributes, readonly [counter: TensorView]> = {
  name: 'advance',
  writes: [0],
  reference([counter], { index, by }) {
    const data = counter.data;
    const sum = data[index]! + by;
    data[index] = sum % 2 ** 32;
    if (sum >= 2 ** 32) data[index + 1] = (data[index + 1]! + 1) % 2 ** 32;
  },
};

/** Blocks that drawing an array of this shape uses up. */
export const blocksOf = (shape: Shape): number => Math.ceil(sizeOf(shape) / 2);

export const randomOps = { random };
