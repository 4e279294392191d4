import { noGrad } from '@tapegrad/autograd';
import {
  add,
  assertFunction,
  assign,
  cast,
  checkOptions,
  clamp,
  cos,
  described,
  empty,
  exp,
  floor,
  keep,
  mul,
  requireOptions,
  reshape,
  run,
  scope,
  show,
  square,
  sub,
  Tensor,
  tensor,
  updates,
  viewOf,
} from '@tapegrad/tensor';
import { assertNotNegative } from './arguments.ts';

/**
 * A learning rate that changes during training: a function of the optimizer's `lr` and the number `t` of steps taken so far,
 * both float32 [] on the device, that returns the rate of the next step, []. It is part of the step, so a captured step
 * computes it each time, without the host, and it continues where a saved state left off. Your own function, such as
 * `(lr, t) => div(lr, add(t, 1))`, is like PyTorch's `LambdaLR`.
 */
export type Schedule = (lr: Tensor, t: Tensor) => Tensor;

/*
 * All of them are elementwise ops on one number, with constants among the ops' parameters, so that a captured step computes
 * the rate in a launch or two.
 */

/** How often a whole number of steps fits into t: float32 divides inexactly, and half a step away from any boundary does no harm. */
const periods = (t: Tensor, steps: number): Tensor => floor(mul(add(t, 0.5), 1 / steps));

/** 1 from the step number `at` on, 0 before: t is a whole number. */
const reached = (t: Tensor, at: number): Tensor => clamp(sub(t, at - 1), { min: 0, max: 1 });

/** gamma to the power of n. */
const power = (gamma: number, n: Tensor): Tensor => exp(mul(n, Math.log(gamma)));

function assertSteps(schedule: string, name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new Error(`${schedule}: ${name} is a whole number from 1, got ${described(value)}`);
}

function assertGamma(schedule: string, gamma: number): void {
  if (Number.isFinite(gamma) && gamma > 0) return;
  throw new Error(`${schedule}: gamma is a number above 0, got ${described(gamma)}`);
}

/** lr · gamma^⌊t / stepSize⌋, with gamma 0.1 by default: PyTorch's `StepLR`. */
export function stepLR(options: { stepSize: number; gamma?: number }): Schedule {
  requireOptions('stepLR', options, ['stepSize', 'gamma']);
  const { stepSize, gamma = 0.1 } = options;
  assertSteps('stepLR', 'stepSize', stepSize);
  assertGamma('stepLR', gamma);
  return (lr, t) => mul(lr, power(gamma, periods(t, stepSize)));
}

/** lr · gamma for each milestone that t has reached, with gamma 0.1 by default: PyTorch's `MultiStepLR`. */
export function multiStepLR(options: { milestones: readonly number[]; gamma?: number }): Schedule {
  requireOptions('multiStepLR', options, ['milestones', 'gamma']);
  const { milestones, gamma = 0.1 } = options;
  if (!Array.isArray(milestones)) {
    throw new Error(`multiStepLR: milestones are an array such as [30, 80], got ${described(milestones)}`);
  }
  for (const milestone of milestones) assertSteps('multiStepLR', 'a milestone', milestone);
  assertGamma('multiStepLR', gamma);
  return (lr, t) => milestones.reduce((rate, at) => mul(rate, add(mul(reached(t, at), gamma - 1), 1)), lr);
}

/** lr · gammaᵗ: PyTorch's `ExponentialLR`. */
export function exponentialLR(options: { gamma: number }): Schedule {
  requireOptions('exponentialLR', options, ['gamma']);
  const { gamma } = options;
  assertGamma('exponentialLR', gamma);
  return (lr, t) => mul(lr, power(gamma, t));
}

/**
 * From lr down to etaMin (default 0) over tMax steps by half a cosine, and up again over the next tMax, and so on
 * (Loshchilov and Hutter 2017, without the restarts): etaMin + (lr − etaMin)·(1 + cos(πt / tMax))/2, PyTorch's
 * `CosineAnnealingLR`. On a GPU it is as exact as its cosine, which WGSL wants within 2⁻¹¹; never below etaMin.
 */
export function cosineAnnealingLR(options: { tMax: number; etaMin?: number }): Schedule {
  requireOptions('cosineAnnealingLR', options, ['tMax', 'etaMin']);
  const { tMax, etaMin = 0 } = options;
  assertSteps('cosineAnnealingLR', 'tMax', tMax);
  assertNotNegative('cosineAnnealingLR', 'etaMin', etaMin);
  return (lr, t) => {
    const phase = sub(t, mul(periods(t, 2 * tMax), 2 * tMax));
    // (1 + cos x)/2 = cos²(x/2)
    const height = square(cos(mul(phase, Math.PI / (2 * tMax))));
    return add(mul(sub(lr, etaMin), height), etaMin);
  };
}

/**
 * From lr · startFactor (default 1/3) to lr · endFactor (default 1) in equal steps, over the first totalIters (default 5), then
 * constant: a warm-up, PyTorch's `LinearLR`.
 */
export function linearLR(
  options: { startFactor?: number; endFactor?: number; totalIters?: number } = {},
): Schedule {
  checkOptions('linearLR', options, ['startFactor', 'endFactor', 'totalIters']);
  const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = options;
  assertNotNegative('linearLR', 'startFactor', startFactor);
  assertNotNegative('linearLR', 'endFactor', endFactor);
  assertSteps('linearLR', 'totalIters', totalIters);
  const slope = (endFactor - startFactor) / totalIters;
  return (lr, t) => mul(lr, add(mul(clamp(t, { max: totalIters }), slope), startFactor));
}

/** lr · factor (default 1/3) for the first totalIters (default 5) steps, then lr: PyTorch's `ConstantLR`. */
export function constantLR(options: { factor?: number; totalIters?: number } = {}): Schedule {
  checkOptions('constantLR', options, ['factor', 'totalIters']);
  const { factor = 1 / 3, totalIters = 5 } = options;
  assertNotNegative('constantLR', 'factor', factor);
  assertSteps('constantLR', 'totalIters', totalIters);
  return (lr, t) => mul(lr, add(mul(reached(t, totalIters), 1 - factor), factor));
}

/**
 * One schedule after the other: schedule i + 1 begins at `milestones[i]`, and counts its steps from there. It is PyTorch's
 * `SequentialLR`: `sequentialLR([linearLR({ totalIters: 100 }), cosineAnnealingLR({ tMax: 900 })], [100])`.
 * @throws unless there is a milestone between any two schedules, in rising order
 */
export function sequentialLR(schedules: readonly Schedule[], milestones: readonly number[]): Schedule {
  for (const list of [schedules, milestones]) {
    if (Array.isArray(list)) continue;
    throw new Error(
      `sequentialLR: expects an array of schedules and one of milestones, such as [100], got ${described(list)}`,
    );
  }
  for (const schedule of schedules) assertFunction('sequentialLR', schedule);
  const rising = milestones.every((at, i) => Number.isInteger(at) && at > (milestones[i - 1] ?? 0));
  if (schedules.length !== milestones.length + 1 || !rising) {
    throw new Error(
      `sequentialLR: expects a milestone between any two schedules, in rising order; got ${schedules.length} schedules ` +
        `and milestones ${described(milestones)}`,
    );
  }
  return (lr, t) =>
    schedules.reduce<Tensor | undefined>((before, schedule, i) => {
      if (!before) return schedule(lr, t);
      const from = milestones[i - 1]!;
      const after = schedule(lr, clamp(sub(t, from), { min: 0 }));
      const begun = reached(t, from);
      return add(mul(after, begun), mul(before, sub(1, begun)));
    }, undefined)!;
}

/** The same schedule with t counted in epochs, or other units of `steps` steps, rather than in steps. */
export function every(steps: number, schedule: Schedule): Schedule {
  assertSteps('every', 'steps', steps);
  assertFunction('every', schedule);
  return (lr, t) => schedule(lr, periods(t, steps));
}

/** An optimizer's settings whose first number, the learning rate, a schedule computes before each step. */
export class ScheduledSettings {
  /** Steps counted so far: int32 []. (As float32, t is exact up to 2²⁴ of them.) */
  readonly steps: Tensor;
  readonly #optimizer: string;
  readonly #schedule: Schedule;
  readonly #base: Tensor;
  readonly #settings: Tensor;
  readonly #rate: Tensor;

  /** @param settings the optimizer's own, whose first is the `lr` that the schedule starts from */
  constructor(optimizer: string, schedule: Schedule, settings: Tensor) {
    if (typeof schedule !== 'function') {
      throw new Error(
        `${optimizer}: schedule is a function of the rate and the step, such as stepLR({ stepSize: 30 }), got ${described(schedule)}`,
      );
    }
    const { device, shape } = settings;
    this.#optimizer = optimizer;
    this.#schedule = schedule;
    this.#base = keep(viewOf(settings, []));
    this.#settings = keep(empty(shape, { device }));
    this.#rate = keep(viewOf(this.#settings, [], 0));
    this.steps = keep(tensor(0, { dtype: 'int32', device }));
    assign(this.#settings, settings);
  }

  /** The settings of the next step, which is counted. */
  next(): Tensor {
    noGrad(() =>
      scope(() => {
        const rate = this.#schedule(this.#base, cast(this.steps, 'float32'));
        if (!(rate instanceof Tensor) || rate.size !== 1) {
          const got = rate instanceof Tensor ? show(rate.shape) : described(rate);
          throw new Error(
            `${this.#optimizer}: the schedule returns the rate as one number, a tensor [], got ${got}`,
          );
        }
        assign(this.#rate, reshape(rate, []));
        run(updates.advance, [this.steps], { index: 0, by: 1 });
      }),
    );
    return this.#settings;
  }

  /** The rate of the last step, []. */
  get rate(): Tensor {
    return this.#rate;
  }
}
