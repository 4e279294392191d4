import { Adam, readTensors, type SafetensorsEntry } from '@tapegrad/nn';
import {
  assign,
  capture,
  type Device,
  defaultDevice,
  empty,
  Generator,
  keep,
  type NumericArray,
  scope,
  show,
  type Tensor,
  threefry,
  traced,
} from '@tapegrad/tensor';
import { Evaluation } from './evaluation.ts';
import type { Autoencoder, ImageShape, ModelOptions, ModelSpec } from './models/model.ts';
import { type Figures, type Images, Pass, writeTo } from './pass.ts';

export interface TrainingData {
  readonly shape: ImageShape;
  readonly train: Images;
  readonly test: Images;
}

export interface TrainerOptions extends ModelOptions {
  readonly batchSize: number;
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly seed: number;
  readonly device?: Device;
}

export interface StepFigures {
  /** Optimizer steps since the beginning, this one counted. */
  readonly step: number;
  readonly images: number;
  readonly figures: Figures;
}

/** Streams of the seed's random numbers: initial weights, ε in training, the order of the data. */
const STREAM = { init: 1, training: 2, order: 4 } as const;

/** Rows of the ring of losses; two windows of steps have to fit. */
const RING = 256;
const LONGEST_WINDOW = 64;
/** Steps are gathered into windows of about this many milliseconds between two looks at the losses. */
const WINDOW_TIME = 500;

/** The training set's order in an epoch: Fisher and Yates's shuffle with Threefry, on the host, the same everywhere. */
export function shuffledOrder(count: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const [word] = threefry(seed >>> 0, STREAM.order, i, epoch);
    const j = word % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** A loss that is no number any more: where, and which tensor was the first. */
export class NotFiniteError extends Error {
  constructor(step: number, figures: Figures, origin: string) {
    const seen = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
    super(
      `the loss is not finite at step ${step} (${seen.join(', ')}); the first tensor that is not: ${origin}`,
    );
    this.name = 'NotFiniteError';
  }
}

/** Steps whose losses are read together. */
interface Window {
  readonly first: number;
  readonly sizes: number[];
  readonly snapshot: Snapshot;
  rows: Promise<NumericArray>;
}

/** What changes from step to step, as it was before a window: values on the device, and the host's counts. */
interface Snapshot {
  readonly tensors: readonly Tensor[];
  step: number;
  position: number;
}

/**
 * Trains one model. The dataset, its order, the place in it, the random counters, Adam's clock and the ring of losses
 * are all on the device, so that a step is a captured list of launches that the host only starts. The host reads the
 * losses of a window of steps while the device works on the next one.
 */
export class Trainer {
  readonly model: Autoencoder;
  readonly optimizer: Adam;
  readonly device: Device;
  /** Optimizer steps done, epochs completed, images of the current epoch seen. */
  step = 0;
  epoch = 0;
  position = 0;
  readonly #options: TrainerOptions;
  readonly #train: Pass;
  readonly #evaluation: Evaluation;
  /** Two, for the window that runs and the one whose losses are being looked at. */
  readonly #snapshots: Snapshot[];
  #windows = 0;
  readonly #trainingStep = capture((count: number) => this.#runTrainingStep(count));

  constructor(spec: ModelSpec, data: TrainingData, options: TrainerOptions) {
    const device = options.device ?? defaultDevice();
    this.device = device;
    this.#options = options;
    this.model = spec.build(
      data.shape,
      options,
      new Generator(options.seed, { stream: STREAM.init, device }),
    );
    this.optimizer = new Adam(this.model.parameters(), {
      lr: options.lr,
      betas: [options.beta1, options.beta2],
    });
    this.#train = new Pass(data.train, {
      shape: data.shape,
      normalization: spec.normalization,
      names: ['loss', ...this.model.figures],
      rows: RING,
      noise: new Generator(options.seed, { stream: STREAM.training, device }),
      device,
    });
    this.#evaluation = new Evaluation(this.model, spec, data.test, options.seed, device);
    this.#snapshots = [0, 1].map(() => ({
      tensors: this.#changing.map((t) => keep(empty(t.shape, { dtype: t.dtype, device }))),
      step: 0,
      position: 0,
    }));
    this.#startEpoch();
  }

  /** Images of the training set that an epoch goes through. */
  get imagesPerEpoch(): number {
    return this.#train.count;
  }

  // -------------------------------------------------------------------------------------------------------- training

  /** Compiles the kernels of a step, in parallel. */
  async prepare(): Promise<void> {
    await this.#trainingStep.prepare(Math.min(this.#options.batchSize, this.imagesPerEpoch - this.position));
  }

  /**
   * Goes on to the end of the epoch, or until `stop` says so after some step. `onStep` is told of every step in order,
   * somewhat later. Returns whether the epoch is complete.
   * @throws NotFiniteError, after going back to the last state that was good
   */
  async trainEpoch(
    onStep: (figures: StepFigures) => void,
    stop: () => boolean = () => false,
  ): Promise<boolean> {
    let length = 1;
    let before: Window | undefined;
    while (this.position < this.imagesPerEpoch && !stop()) {
      const started = performance.now();
      const window = this.#startWindow(length);
      if (before) await this.#report(before, onStep);
      else await this.device.synchronize();
      before = window;
      // The device has had this long for a window, give or take one.
      const perStep = (performance.now() - started) / window.sizes.length;
      length = Math.max(
        1,
        Math.min(LONGEST_WINDOW, 2 * length, Math.round(WINDOW_TIME / Math.max(perStep, 1))),
      );
    }
    if (before) await this.#report(before, onStep);
    if (this.position < this.imagesPerEpoch) return false;
    this.epoch++;
    this.position = 0;
    this.#startEpoch();
    return true;
  }

  #startWindow(length: number): Window {
    const snapshot = this.#takeSnapshot();
    const first = this.step;
    const sizes: number[] = [];
    while (sizes.length < length && this.position < this.imagesPerEpoch) {
      const size = Math.min(this.#options.batchSize, this.imagesPerEpoch - this.position);
      this.#trainingStep(size);
      sizes.push(size);
      this.step++;
      this.position += size;
    }
    const rows = this.#train.ring.data();
    // A failure is looked at when the window's turn comes.
    rows.catch(() => {});
    return { first, sizes, snapshot, rows };
  }

  async #report(window: Window, onStep: (figures: StepFigures) => void): Promise<void> {
    const values = await window.rows;
    for (const [i, images] of window.sizes.entries()) {
      const figures = this.#train.figures(values, (window.first + i) % RING);
      const step = window.first + i + 1;
      if (!Object.values(figures).every(Number.isFinite)) {
        throw new NotFiniteError(step, figures, await this.#findOrigin(window, i));
      }
      onStep({ step, images, figures });
    }
  }

  /** One step. Everything in it happens on the device and depends on nothing that the host keeps. */
  #runTrainingStep(count: number): void {
    const pass = this.#train;
    this.optimizer.zeroGrad();
    const objective = this.model.objective(pass.batch(count), pass.noise);
    pass.record(objective, count);
    objective.loss.backward();
    this.optimizer.step();
  }

  /** Averages over the whole test set. */
  evaluate(): Promise<Figures> {
    return this.#evaluation.run();
  }

  #startEpoch(): void {
    const order = shuffledOrder(this.imagesPerEpoch, this.#options.seed, this.epoch);
    writeTo(this.#train.order, order);
    writeTo(this.#train.cursor, Uint32Array.of(this.position, 0));
  }

  // ----------------------------------------------------------------------------------------------------- checkpoints

  /** All tensors that a step changes, by name. */
  get #state(): ReadonlyMap<string, Tensor> {
    const learned = new Set(this.model.parameters());
    const buffers = [...this.model.stateDict()].filter(([, t]) => !learned.has(t));
    return new Map([
      ['parameters', this.optimizer.values],
      ...this.optimizer.state(),
      ...buffers,
      ['noise', this.#train.noise.state],
      ['cursor', this.#train.cursor],
      ['steps', this.#train.steps],
    ]);
  }

  get #changing(): Tensor[] {
    return [...this.#state.values()];
  }

  /** Everything that `restore` needs to go on bit for bit. */
  async checkpoint(): Promise<{ tensors: Map<string, SafetensorsEntry>; metadata: Record<string, string> }> {
    const tensors = await readTensors(new Map([...this.#state, ['order', this.#train.order]]));
    const { step, epoch, position } = this;
    return { tensors, metadata: { step: `${step}`, epoch: `${epoch}`, position: `${position}` } };
  }

  /** @throws if the checkpoint is of another model or dataset, naming what does not fit; nothing is changed then. */
  restore(tensors: ReadonlyMap<string, SafetensorsEntry>, metadata: Readonly<Record<string, string>>): void {
    const wanted = [...this.#state, ['order', this.#train.order] as const];
    const wrong = wanted.flatMap(([name, t]) => {
      const entry = tensors.get(name);
      if (!entry) return [`${name} is missing`];
      return show(entry.shape) === show(t.shape)
        ? []
        : [`${name} is ${show(entry.shape)}, expected ${show(t.shape)}`];
    });
    const [step, epoch, position] = ['step', 'epoch', 'position'].map((key) => Number(metadata[key]));
    if (![step, epoch, position].every((n) => Number.isSafeInteger(n) && n! >= 0))
      wrong.push('the counts are missing');
    if (wrong.length > 0)
      throw new Error(`the checkpoint does not fit this model and dataset: ${wrong.join('; ')}`);
    for (const [name, t] of wanted) writeTo(t, tensors.get(name)!.data as NumericArray);
    [this.step, this.epoch, this.position] = [step!, epoch!, position!];
  }

  #takeSnapshot(): Snapshot {
    const snapshot = this.#snapshots[this.#windows++ % 2]!;
    this.#changing.forEach((t, i) => {
      assign(snapshot.tensors[i]!, t);
    });
    snapshot.step = this.step;
    snapshot.position = this.position;
    return snapshot;
  }

  #goBack(snapshot: Snapshot): void {
    this.#changing.forEach((t, i) => {
      assign(t, snapshot.tensors[i]!);
    });
    this.step = snapshot.step;
    this.position = snapshot.position;
  }

  /**
   * Which tensor of a step was the first that is not finite. Steps are deterministic: going back to the snapshot and
   * over the same steps again, the last one op by op, finds it. Leaves the trainer at the snapshot.
   */
  async #findOrigin(window: Window, index: number): Promise<string> {
    this.#goBack(window.snapshot);
    for (const size of window.sizes.slice(0, index)) this.#trainingStep(size);
    const seen: { op: string; output: Tensor }[] = [];
    const bad = await firstNotFinite(
      [...this.model.namedParameters()].map(([name, output]) => ({ op: `parameter ${name}`, output })),
    );
    if (bad) {
      this.#goBack(window.snapshot);
      return `${bad}, after the update of step ${window.first + index}`;
    }
    scope(() =>
      traced(
        (op, output) => {
          output.retain();
          seen.push({ op, output });
        },
        () => this.#runTrainingStep(window.sizes[index]!),
      ),
    );
    const origin = await firstNotFinite(seen);
    for (const { output } of seen) output.release();
    this.#goBack(window.snapshot);
    return origin ?? 'none when the step ran again';
  }
}

async function firstNotFinite(list: readonly { op: string; output: Tensor }[]): Promise<string | undefined> {
  for (const [i, { op, output }] of list.entries()) {
    if (output.dtype !== 'float32') continue;
    const values = await output.data();
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) {
      const which = op.startsWith('parameter') ? op : `output of ${op} (op ${i + 1} of the step)`;
      return `${which}, shape ${show(output.shape)}, value ${values[at]} at element ${at}`;
    }
  }
  return undefined;
}
