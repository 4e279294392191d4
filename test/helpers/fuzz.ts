import * as assert from 'uvu/assert';

/*
 * Files from strangers: each parser gets a good file, changed at random from a fixed seed, and has to end in a value or in an
 * error of its own, of one line, in time and memory bounded by the input's size.
 */

export interface FuzzTarget {
  readonly name: string;
  /** Good inputs, which are mutated. */
  readonly seeds: readonly Uint8Array[];
  /** @param seed the good input that this one was made of */
  readonly parse: (input: Uint8Array, seed: Uint8Array) => unknown;
}

/** mulberry32: whole numbers below a bound. */
export function randomBelow(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

const INTERESTING = [0, 1, 0x7f, 0x80, 0xff];

type Mutation = (input: Uint8Array, below: (bound: number) => number) => Uint8Array;

const setting =
  (value: (old: number, below: (bound: number) => number) => number): Mutation =>
  (input, below) => {
    const output = input.slice();
    const at = below(output.length);
    output[at] = value(output[at] ?? 0, below);
    return output;
  };

const joined = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

const mutations: readonly Mutation[] = [
  setting((old, below) => old ^ (1 << below(8))),
  setting((_, below) => below(256)),
  setting((_, below) => INTERESTING[below(INTERESTING.length)]!),
  setting((old, below) => old + (below(2) ? 1 : 255)),
  // Four bytes at once: counts and offsets.
  (input, below) => {
    const output = input.slice();
    const at = below(Math.max(1, output.length - 3));
    for (let i = 0; i < 4; i++) output[at + i] = INTERESTING[below(INTERESTING.length)]!;
    return output;
  },
  (input, below) => input.slice(0, below(input.length)),
  (input, below) => {
    const [at, length] = [below(input.length), 1 + below(8)];
    return joined(input.subarray(0, at), input.subarray(at + length));
  },
  (input, below) => {
    const [at, from, length] = [below(input.length), below(input.length), 1 + below(32)];
    return joined(input.subarray(0, at), input.subarray(from, from + length), input.subarray(at));
  },
  (input, below) => {
    const [at, from, length] = [below(input.length), below(input.length), 1 + below(32)];
    const output = input.slice();
    output.set(
      input.subarray(from, Math.min(from + length, input.length - at + from)).subarray(0, input.length - at),
      at,
    );
    return output;
  },
];

/** An input with one to four changes. */
export function mutated(seed: Uint8Array, below: (bound: number) => number): Uint8Array {
  let output = seed;
  for (let i = 1 + below(4); i > 0; i--) output = mutations[below(mutations.length)]!(output, below);
  return output;
}

const SECOND = 1000;
/** Bytes that a parser may allocate, for each of its input's, and besides. */
const MOST_MEMORY = { factor: 64, besides: 8 * 2 ** 20 };

/** Runs a target on `count` inputs. @throws with the seed and the number of the first input that breaks a promise */
export async function fuzz({ name, seeds, parse }: FuzzTarget, count: number, seed = 1): Promise<void> {
  const below = randomBelow(seed);
  for (let i = 0; i < count; i++) {
    const good = seeds[i % seeds.length]!;
    const input = mutated(good, below);
    const which = `${name}: input ${i} of seed ${seed} (${input.length} bytes)`;
    const memory = process.memoryUsage().arrayBuffers;
    const start = performance.now();
    try {
      await parse(input, good);
    } catch (error) {
      assertOwn(error, which);
    }
    const [took, taken] = [performance.now() - start, process.memoryUsage().arrayBuffers - memory];
    assert.ok(took < SECOND, `${which} took ${took.toFixed(0)} ms`);
    const most = MOST_MEMORY.factor * input.length + MOST_MEMORY.besides;
    assert.ok(taken < most, `${which} took ${taken} bytes`);
  }
}

/** An error that a person was meant to read. */
function assertOwn(error: unknown, which: string): void {
  const { name, message, cause } = error as Error;
  assert.ok(['Error', 'UserError', 'BadImage'].includes(name), `${which}: ${(error as Error).stack}`);
  assert.ok(message.length > 0 && message.length < 600 && !message.includes('\n'), `${which}: ${message}`);
  if (cause instanceof Error && !('code' in cause)) assertOwn(cause, which);
}
