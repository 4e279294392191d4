import { clearGradient, setGradientSlot } from '@tapegrad/autograd';
import {
  assertTensor,
  assign,
  checkOptions,
  described,
  flattenInto,
  internalsOf,
  keep,
  run,
  show,
  slotsOf,
  type Tensor,
  tensor,
  updates,
  viewOf,
  writeTo,
  zeros,
} from '@tapegrad/tensor';
import { type Schedule, ScheduledSettings } from './schedules.ts';
import { loadTensors, type TensorSource } from './state.ts';

/** Neighbouring parameters that have taken part in the same steps so far. */
interface Segment {
  /** The first parameter, and the one after the last. */
  readonly first: number;
  readonly end: number;
  /** This segment's part of the flat buffers: parameters, gradients, moments. */
  readonly parts: readonly Tensor[];
  /** Counts the steps; empty where the update needs none. */
  readonly clock: Tensor;
}

/**
 * What the optimizers share: where things lie. Making one moves all parameters into one buffer, gives their gradients
 * slots in a second (gradients that they had are cleared), and keeps each moment in one more, so that a step is one
 * launch and a checkpoint takes few readbacks. `step` uploads nothing.
 *
 * As in PyTorch, a parameter without a gradient since `zeroGrad` is left alone, with its moments and its count of
 * steps. The buffers are cut there, and each piece is updated by itself from then on. A cut between parameters that
 * were stepped together before copies their clock: run that step once before capturing it, or every call copies the
 * clock.
 */
export abstract class Optimizer {
  /** What it updates, each once. */
  readonly parameters: readonly Tensor[];
  readonly #name: string;
  readonly #settings: Tensor;
  readonly #scheduled: ScheduledSettings | undefined;
  readonly #slots: { starts: number[]; total: number };
  readonly #gradients: readonly Tensor[];
  readonly #flat: ReadonlyMap<string, Tensor>;
  /** A clock for each parameter, for when it is the first of a segment. */
  readonly #clocks: readonly Tensor[];
  #segments: Segment[];
  /** Whether a step has been asked for: until then all clocks stand at 0. */
  #started = false;
  #lr: number;

  /**
   * @param settings the update's numbers, the learning rate first; `moments` names its buffers, `clock` is its
   * clock's size; `schedule` makes the rate of each step out of the learning rate
   */
  protected constructor(
    name: string,
    parameters: Iterable<Tensor>,
    settings: readonly number[],
    how: { moments: readonly string[]; clock: number; schedule: Schedule | undefined },
  ) {
    if (typeof parameters?.[Symbol.iterator] !== 'function') {
      throw new Error(
        `${name}: expects parameters, such as model.parameters(), got ${described(parameters)}`,
      );
    }
    const { moments, clock, schedule } = how;
    this.parameters = [...new Set(parameters)];
    for (const parameter of this.parameters) checkParameter(name, parameter);
    if (this.parameters.length === 0) throw new Error(`${name}: expects at least one parameter`);
    this.#name = name;
    this.#lr = settings[0]!;
    assertNotNegative(name, 'lr', this.#lr);
    const { device } = this.parameters[0]!;
    this.#settings = keep(tensor(Float64Array.from(settings), { device }));

    this.#scheduled = schedule && new ScheduledSettings(name, schedule, this.#settings);

    const values = keep(flattenInto(this.parameters));
    this.#slots = slotsOf(this.parameters);
    const { starts, total } = this.#slots;
    const flat = [values, ...['gradients', ...moments].map(() => keep(zeros([total], { device })))];
    this.#flat = new Map(['parameters', 'gradients', ...moments].map((key, i) => [key, flat[i]!]));
    this.#gradients = this.parameters.map((parameter, i) => {
      const slot = keep(viewOf(flat[1]!, parameter.shape, starts[i]!));
      clearGradient(parameter);
      setGradientSlot(parameter, slot);
      return slot;
    });
    // All clocks lie on the device from the start: what a captured step allocates is fresh in every call.
    const clocks = slotsOf(this.parameters.map(() => ({ size: clock })));
    const ticking = keep(zeros([clocks.total], { device }));
    this.#clocks = clocks.starts.map((start) => keep(viewOf(ticking, [clock], start)));
    this.#segments = [this.#segment(0, this.parameters.length)];
  }

  /** Updates (parameters, gradients, ...moments), in place. */
  protected abstract update(parts: readonly Tensor[], clock: Tensor, settings: Tensor): void;

  /** All parameters in their one buffer. */
  get values(): Tensor {
    return this.#flat.get('parameters')!;
  }

  /** The learning rate; with a schedule what that starts from. */
  get lr(): number {
    return this.#lr;
  }

  /** Takes effect at the next step, even of a captured one; written to the device only if it has changed. */
  set lr(value: number) {
    if (value === this.#lr) return;
    assertNotNegative(this.#name, 'lr', value);
    writeTo(this.#settings, Float64Array.of(value));
    this.#lr = value;
  }

  /** The rate of the last step on the device, float32 []: `lr`, or what the schedule made of it. */
  get rate(): Tensor {
    return this.#scheduled?.rate ?? viewOf(this.#settings, [], 0);
  }

  /** Updates every parameter that has a gradient. */
  step(): void {
    const { storage } = internalsOf(this.values);
    const used = this.parameters.map((parameter, i) => {
      if (internalsOf(parameter).storage !== storage) {
        throw new Error(`${this.#name}: another optimizer took over the parameters; keep one for each`);
      }
      const { grad } = parameter;
      // A gradient that can itself be differentiated is not in its slot.
      if (grad && grad !== this.#gradients[i]) assign(this.#gradients[i]!, grad);
      return grad !== null;
    });
    this.parameters.forEach((_, i) => {
      if (used[i] !== used[i - 1]) this.#cut(i);
    });
    const settings = this.#scheduled?.next() ?? this.#settings;
    for (const { first, parts, clock } of this.#segments) {
      if (used[first]) this.update(parts, clock, settings);
    }
    this.#started = true;
  }

  /** Forgets all gradients. The next `backward` writes over them. */
  zeroGrad(): void {
    for (const parameter of this.parameters) clearGradient(parameter);
  }

  /**
   * Everything that `step` changes besides the parameters: the moments and the clock. Where some parameters have been
   * stepped less often than others, `clock.I` is the clock of the I-th parameter and those after it. With a schedule
   * `schedule` counts the steps.
   */
  state(): Map<string, Tensor> {
    const moments = [...this.#flat].slice(2);
    const clocks = this.#segments.flatMap(({ first, clock }): [string, Tensor][] =>
      clock.size > 0 ? [[first === 0 ? 'clock' : `clock.${first}`, clock]] : [],
    );
    const counted: [string, Tensor][] = this.#scheduled ? [['schedule', this.#scheduled.steps]] : [];
    return new Map([...moments, ...clocks, ...counted]);
  }

  /**
   * Continues from a state saved by the same optimizer over the same parameters.
   * @throws one line that names what is missing, unexpected or has another shape; nothing is loaded then.
   */
  loadState(state: ReadonlyMap<string, TensorSource>): void {
    if (!(state instanceof Map)) {
      const got = described(state);
      throw new Error(`${this.#name}.loadState: expects a Map, such as the state() of another, got ${got}`);
    }
    for (const key of state.keys()) {
      const first = Number(/^clock\.(\d+)$/.exec(key)?.[1] ?? 0);
      if (first < this.parameters.length) this.#cut(first);
    }
    // Where the saved state has fewer pieces, ours start with the same clock.
    const saved = new Map(state);
    let before: TensorSource | undefined;
    for (const [key] of this.state()) {
      if (!key.startsWith('clock')) continue;
      before = saved.get(key) ?? before;
      if (before) saved.set(key, before);
    }
    loadTensors(`${this.#name}.loadState`, this.state(), saved);
    this.#started = true;
  }

  /** Makes parameter `at` the first of a segment. */
  #cut(at: number): void {
    this.#segments = this.#segments.flatMap((segment) => {
      const { first, end, clock } = segment;
      if (at <= first || at >= end) return [segment];
      if (this.#started) assign(this.#clocks[at]!, clock);
      return [this.#segment(first, at), this.#segment(at, end)];
    });
  }

  #segment(first: number, end: number): Segment {
    const { starts, total } = this.#slots;
    const [start, stop] = [starts[first]!, starts[end] ?? total];
    const parts = [...this.#flat.values()].map((t) => keep(viewOf(t, [stop - start], start)));
    return { first, end, parts, clock: this.#clocks[first]! };
  }
}

/** @throws for what cannot be learned: no leaf of a graph, or no float32 */
function checkParameter(optimizer: string, parameter: Tensor): void {
  assertTensor(optimizer, parameter);
  const { dtype, shape } = parameter;
  if (dtype !== 'float32') {
    throw new Error(`${optimizer}: parameters are float32, got ${dtype} ${show(shape)}`);
  }
  if (internalsOf(parameter).history) {
    throw new Error(
      `${optimizer}: a tensor of shape ${show(shape)} was computed from others that require grad, so it is no parameter: ` +
        'optimize those, or detach() it',
    );
  }
}

function assertNotNegative(optimizer: string, name: string, value: number): void {
  if (!(typeof value === 'number' && value >= 0 && Number.isFinite(value))) {
    throw new Error(`${optimizer}: ${name} has to be a number from 0, got ${described(value)}`);
  }
}

/** Defaults: `lr` 1e-3, no momentum, no weight decay. */
export interface SGDOptions {
  /** The learning rate. Default 1e-3. */
  lr?: number;
  /** How much of the last update goes on. Default 0. */
  momentum?: number;
  /** The factor of the parameters that is added to their gradients. Default 0. */
  weightDecay?: number;
  /** Nesterov's momentum, which looks ahead. Default false. */
  nesterov?: boolean;
  /** What becomes of `lr` as training goes, such as `stepLR({ stepSize: 1000 })`. Default: nothing. */
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
  /** How much the parameters shrink: in Adam by way of their gradients, in AdamW by themselves. */
  weightDecay?: number;
  /** Whether weights decay apart from the gradient, p ← p − lr·weightDecay·p, rather than through it. */
  decoupledWeightDecay?: boolean;
  /** What becomes of `lr` as training goes, such as `cosineAnnealingLR({ tMax: 10_000 })`. Default: nothing. */
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
