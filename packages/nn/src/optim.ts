import { checkOptions, described, run, type Tensor, updates } from '@tapegrad/tensor';
import { assertNotNegative } from './arguments.ts';
import { Optimizer } from './optimizer.ts';
import type { Schedule } from './schedules.ts';

/** Defaults: `lr` 1e-3, no momentum, no weight decay. */
export interface SGDOptions {
  /** The learning rate. Default 1e-3. */
  lr?: number;
  /** How much of the last update is kept. Default 0. */
  momentum?: number;
  /** The factor of the parameters that is added to their gradients. Default 0. */
  weightDecay?: number;
  /** Nesterov's momentum, which looks ahead. Default false. */
  nesterov?: boolean;
  /** How `lr` changes during training, such as `stepLR({ stepSize: 1000 })`. Default: constant. */
  schedule?: Schedule;
}

/**
 * Gradient descent: v ← momentum·v + g, p ← p − lr·v, or with Nesterov's look-ahead p ← p − lr·(g + momentum·v), as in
 * PyTorch (Sutskever et al. 2013).
 * @throws if a setting is negative, or `nesterov` is asked for without a momentum
 */
export class SGD extends Optimizer {
  constructor(parameters: Iterable<Tensor>, options: SGDOptions = {}) {
    checkOptions('SGD', options, ['lr', 'momentum', 'weightDecay', 'nesterov', 'schedule'], ['nesterov']);
    const { lr = 1e-3, momentum = 0, weightDecay = 0, nesterov = false, schedule } = options;
    assertNotNegative('SGD', 'momentum', momentum);
    assertNotNegative('SGD', 'weightDecay', weightDecay);
    if (nesterov && momentum === 0) throw new Error('SGD: nesterov needs a momentum');
    const settings = [lr, momentum, weightDecay, nesterov ? 1 : 0];
    super('SGD', parameters, settings, { moments: ['velocity'], clock: 0, schedule });
  }

  protected override update(parts: readonly Tensor[], _clock: Tensor, settings: Tensor): void {
    const [parameters, gradients, velocity] = parts as [Tensor, Tensor, Tensor];
    run(updates.sgd, [parameters, gradients, velocity, settings], null);
  }
}

/** Defaults: `lr` 1e-3, `betas` 0.9 and 0.999, `eps` 1e-8, no weight decay. */
export interface AdamOptions {
  /** The learning rate. Default 1e-3. */
  lr?: number;
  /** Decay rates of the running means of the gradient and of its square. */
  betas?: readonly [number, number];
  /** Added to the root of the second moment. Default 1e-8. */
  eps?: number;
  /** How much the parameters shrink: in Adam through their gradients, in AdamW directly. */
  weightDecay?: number;
  /** Whether weights decay separately from the gradient, p ← p − lr·weightDecay·p, rather than through it. */
  decoupledWeightDecay?: boolean;
  /** How `lr` changes during training, such as `cosineAnnealingLR({ tMax: 10_000 })`. Default: constant. */
  schedule?: Schedule;
}

function checkAdamOptions(name: string, options: AdamOptions): void {
  const flags = ['decoupledWeightDecay'];
  checkOptions(name, options, ['lr', 'betas', 'eps', 'weightDecay', ...flags, 'schedule'], flags);
}

/**
 * Adam (Kingma and Ba 2015). The equations are at `updates.adam`.
 * @throws if a setting is negative, or a beta is not from 0 to below 1
 */
export class Adam extends Optimizer {
  constructor(parameters: Iterable<Tensor>, options: AdamOptions = {}) {
    const name = options?.decoupledWeightDecay ? 'AdamW' : 'Adam';
    checkAdamOptions(name, options);
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options;
    const { decoupledWeightDecay: decoupled = false, schedule } = options;
    assertNotNegative(name, 'eps', eps);
    assertNotNegative(name, 'weightDecay', weightDecay);
    const isDecay = (beta: unknown) => typeof beta === 'number' && beta >= 0 && beta < 1;
    if (!(Array.isArray(betas) && betas.length === 2 && betas.every(isDecay))) {
      throw new Error(`${name}: betas are two numbers from 0 to below 1, got ${described(betas)}`);
    }
    const [beta1, beta2] = betas;
    const settings = [lr, beta1, beta2, eps, weightDecay, 1 - beta1, 1 - beta2, decoupled ? 1 : 0];
    super(name, parameters, settings, { moments: ['m', 'v'], clock: 3, schedule });
  }

  protected override update(parts: readonly Tensor[], clock: Tensor, settings: Tensor): void {
    const [parameters, gradients, m, v] = parts as [Tensor, Tensor, Tensor, Tensor];
    run(updates.adam, [parameters, gradients, m, v, clock, settings], null);
  }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019), 1e-2 by default. */
export class AdamW extends Adam {
  constructor(parameters: Iterable<Tensor>, options: AdamOptions = {}) {
    // The spread would take anything for options.
    checkAdamOptions('AdamW', options);
    const { weightDecay = 1e-2, decoupledWeightDecay = true } = options;
    super(parameters, { ...options, weightDecay, decoupledWeightDecay });
  }
}
