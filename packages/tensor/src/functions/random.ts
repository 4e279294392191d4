import { assertShape } from '../arguments.ts';
import type { Device } from '../contracts.ts';
import { described } from '../described.ts';
import { assertGenerator, defaultGenerator, type Generator } from '../generator.ts';
import { checkOptions } from '../options.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';

/** Where random numbers come from, and as what. */
export interface RandomOptions {
  /** Equal seeds give equal numbers. Default: the `defaultGenerator` of the device, which `manualSeed` restarts. */
  generator?: Generator;
  /** Default: that of the generator, else the one of `setDefaultDevice`. */
  device?: Device;
  /** Default: float32. */
  dtype?: 'float32' | 'float16';
}

/** Random numbers that are uniform in [0, 1), with 24 bits. New ones at every call, also within a captured function. */
export const rand = (shape: Shape, options?: RandomOptions): Tensor =>
  draw('rand', 'uniform', shape, options);

/** Random numbers from the normal distribution of mean 0 and variance 1. New ones at every call, also within a captured function. */
export const randn = (shape: Shape, options?: RandomOptions): Tensor =>
  draw('randn', 'normal', shape, options);

function draw(op: string, kind: 'uniform' | 'normal', shape: Shape, options: RandomOptions = {}): Tensor {
  assertShape(op, shape);
  checkOptions(op, options, ['generator', 'device', 'dtype']);
  const { device, dtype = 'float32' } = options;
  const { generator = defaultGenerator(device) } = options;
  assertGenerator(op, generator);
  if (device && device !== generator.state.device) {
    throw new Error(`${op}: the generator is on ${generator.state.device.name}, not on ${device.name}`);
  }
  if (dtype !== 'float32' && dtype !== 'float16') {
    throw new Error(`${op}: makes float32 or float16, not ${described(dtype)}; cast what it makes`);
  }
  const numbers = generator[kind](shape);
  return dtype === 'float32' ? numbers : cast(numbers, dtype);
}
