import {
  assertCount,
  assertFunction,
  assertNumber,
  assertTensor,
  checkOptions,
  described,
  mul,
  type Shape,
  scope,
  sizeOf,
  sum,
  type Tensor,
  tensor,
} from '@tapegrad/tensor';
import { valueAndGrad } from './functional.ts';

/** How `gradcheck` compares. */
export interface GradcheckOptions {
  /** 1: gradients. 2: gradients of gradients too. */
  order?: 1 | 2;
  /** Step of the central differences, whose error is proportional to its square. */
  epsilon?: number;
  /** Largest accepted |analytic − numeric| / max(1, |numeric|). */
  tolerance?: number;
  /** Random directions tried. */
  directions?: number;
  /** Seed of the random directions. Default 1. */
  seed?: number;
}

/**
 * Compares a function's gradients with central differences along random directions v: ⟨∇f, v⟩ against
 * (f(x + εv) − f(x − εv)) / 2ε, where f is the function's output weighted with random numbers. Use it on the reference
 * device: float32 is too coarse for differences.
 * @throws an error that names the order, the direction and both numbers, if they disagree.
 */
export async function gradcheck(
  fn: (...args: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<void> {
  checkOptions('gradcheck', options, ['order', 'epsilon', 'tolerance', 'directions', 'seed']);
  const { order = 1, epsilon = 1e-5, tolerance = 1e-6, directions = 3, seed = 1 } = options;
  assertFunction('gradcheck', fn);
  if (order !== 1 && order !== 2) throw new Error(`gradcheck: the order is 1 or 2, got ${described(order)}`);
  for (const [name, value] of Object.entries({ epsilon, tolerance, seed }))
    assertNumber('gradcheck', name, value);
  assertCount('gradcheck', 'directions', directions);
  if (!Array.isArray(inputs)) {
    throw new Error(`gradcheck: the inputs are an array such as [x], got ${described(inputs)}`);
  }
  for (const input of inputs) {
    assertTensor('gradcheck', input);
    if (input.device.kind !== 'reference')
      throw new Error('gradcheck: expects inputs on the reference device (float64)');
  }
  const random = normals(seed);
  const like = (shape: Shape) =>
    tensor(Float64Array.from({ length: sizeOf(shape) }, random), {
      shape,
      device: inputs[0]!.device,
    });
  const shape = scope((): Shape => {
    const value: unknown = fn(...inputs);
    assertTensor('gradcheck, what the function returns', value);
    return value.shape;
  });
  const weights = like(shape);
  const weighted = (...args: Tensor[]) => sum(mul(fn(...args), weights));
  await compare('gradient', weighted, inputs, like, { epsilon, tolerance, directions });
  if (order === 2) {
    // The gradient's product with fixed random numbers is a scalar function, whose gradient is checked the same way.
    const probes = inputs.map((input) => like(input.shape));
    const slope = (...args: Tensor[]) =>
      valueAndGrad(weighted)(...args)
        .gradients.map((g, i) => sum(mul(g, probes[i]!)))
        .reduce((a, b) => a.add(b));
    await compare('second gradient', slope, inputs, like, { epsilon, tolerance: tolerance * 10, directions });
  }
}

async function compare(
  what: string,
  fn: (...args: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  like: (shape: Shape) => Tensor,
  {
    epsilon,
    tolerance,
    directions,
  }: Required<Pick<GradcheckOptions, 'epsilon' | 'tolerance' | 'directions'>>,
): Promise<void> {
  const { gradients } = valueAndGrad(fn)(...inputs);
  for (let d = 0; d < directions; d++) {
    const direction = inputs.map((input) => like(input.shape));
    const along = (step: number) =>
      scope(() => fn(...inputs.map((input, i) => input.add(direction[i]!.mul(step))))).item();
    const numeric = ((await along(epsilon)) - (await along(-epsilon))) / (2 * epsilon);
    let analytic = 0;
    for (const [i, g] of gradients.entries())
      analytic += await scope(() => sum(mul(g, direction[i]!))).item();
    const error = Math.abs(analytic - numeric) / Math.max(1, Math.abs(numeric));
    if (!(error <= tolerance)) {
      throw new Error(
        `gradcheck: the ${what} along direction ${d + 1} is ${analytic}, central differences give ${numeric} ` +
          `(relative error ${error.toExponential(1)}, accepted ${tolerance})`,
      );
    }
  }
}

/** Normal numbers on the host, from a small generator of its own (mulberry32): the check must not rest on what it checks. */
function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
