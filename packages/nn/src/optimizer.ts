import { clearGradient, setGradientSlot } from '@tapegrad/autograd';
import {
  assertTensor,
  assign,
  described,
  flattenInto,
  internalsOf,
  keep,
  show,
  slotsOf,
  type Tensor,
  tensor,
  viewOf,
  writeTo,
  zeros,
} from '@tapegrad/tensor';
import { assertNotNegative } from './arguments.ts';
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
 * Shared by all optimizers: the layout of their memory. Creating one moves all parameters into one buffer, gives their
 * gradients slots in a second (existing gradients are cleared), and keeps each moment in another, so that a step is one
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

  /** The learning rate or, with a schedule, its base. */
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

/** @throws for a tensor that cannot be learned: one that is not a leaf, or not float32 */
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
