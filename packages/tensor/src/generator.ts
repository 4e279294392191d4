import { apply, run } from './apply.ts';
import { assertShape } from './arguments.ts';
import { assertDevice, defaultDevice } from './context.ts';
import type { Device } from './contracts.ts';
import { tensor } from './creation.ts';
import { described } from './described.ts';
import { counters, draws } from './lowering/random.ts';
import { operands } from './operands.ts';
import { less } from './ops/elementwise.ts';
import { blocksOf, type Distribution } from './ops/random.ts';
import { checkOptions } from './options.ts';
import { keep } from './scope.ts';
import type { Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';
import { writeTo } from './updates.ts';

function stateOf(what: string, seed: number, stream: number): Uint32Array {
  for (const [name, value] of Object.entries({ seed, stream })) {
    if (Number.isSafeInteger(value)) continue;
    throw new Error(`${what}: a ${name} is a whole number, got ${described(value)}`);
  }
  const upper = Math.floor(seed / 2 ** 32) ^ Math.imul(stream, 0x9e3779b9);
  return Uint32Array.of(seed >>> 0, upper >>> 0, 0, 0);
}

/**
 * A stream of random numbers whose key and counter live on the device: uint32[4]. Equal seeds give equal streams, on
 * every device the same integers; saving and restoring `state` resumes the stream exactly.
 */
export class Generator {
  /** Key and counter, uint32: all that the next numbers depend on. */
  readonly state: Tensor;
  readonly #stream: number;

  /** `seed` is any safe integer; `stream` makes independent generators of one seed. */
  constructor(seed: number, options: { stream?: number; device?: Device } = {}) {
    checkOptions('Generator', options, ['stream', 'device']);
    const { stream = 0, device = defaultDevice() } = options;
    assertDevice('Generator', device);
    this.#stream = stream;
    this.state = keep(tensor(stateOf('Generator', seed, stream), { device }));
  }

  /** Restarts from a seed, in place, so that captured functions that draw from it restart, too. */
  manualSeed(seed: number): void {
    writeTo(this.state, stateOf('manualSeed', seed, this.#stream));
  }

  /** Uniform in [0, 1), with 24 bits. */
  uniform(shape: Shape): Tensor {
    return this.#draw(shape, 'uniform');
  }

  /** Normal with mean 0 and variance 1. */
  normal(shape: Shape): Tensor {
    return this.#draw(shape, 'normal');
  }

  /** 1 with the given probability, else 0. @throws if the probability is a number that is none */
  bernoulli(shape: Shape, probability: number | Tensor = 0.5): Tensor {
    if (typeof probability === 'number' && !(probability >= 0 && probability <= 1))
      throw new Error(`bernoulli: a probability is a number from 0 to 1, got ${probability}`);
    return apply(less.op, operands('bernoulli', this.#draw(shape, 'uniform', 'bernoulli'), probability), []);
  }

  /** Raw words (uint32). */
  bits(shape: Shape): Tensor {
    return this.#draw(shape, 'bits');
  }

  #draw(shape: Shape, distribution: Distribution, what: string = distribution): Tensor {
    assertShape(what, shape);
    const numbers = apply(draws.random, [this.state], { shape, distribution });
    run(counters.advance, [this.state], { index: 2, by: blocksOf(shape) });
    return numbers;
  }
}

/** Checks that an argument is a generator of random numbers. @throws if it is not */
export function assertGenerator(what: string, value: unknown): asserts value is Generator {
  if (value instanceof Generator) return;
  throw new Error(`${what}: the generator is a Generator, such as new Generator(1), got ${described(value)}`);
}

const defaults = new WeakMap<Device, Generator>();

/** The generator of what is given none, layers among others: one for each device, with seed 0 until `manualSeed` sets another. */
export function defaultGenerator(device: Device = defaultDevice()): Generator {
  let generator = defaults.get(device);
  if (!generator) {
    assertDevice('defaultGenerator', device);
    generator = new Generator(0, { device });
    defaults.set(device, generator);
  }
  return generator;
}

/** Restarts a device's default generator from a seed. */
export function manualSeed(seed: number, device: Device = defaultDevice()): void {
  assertDevice('manualSeed', device);
  defaultGenerator(device).manualSeed(seed);
}
