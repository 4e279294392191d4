import { Adam, misfits, readTensors, type SafetensorsEntry, type Schedule } from '@tapegrad/nn';
import {
  assign,
  type CapturedFunction,
  type CompileProgress,
  capture,
  type Device,
  defaultDevice,
  empty,
  Generator,
  keep,
  mul,
  type NumericArray,
  type Program,
  type Tensor,
  writeTo,
} from '@tapegrad/tensor';
import { DeviceDataset, type Images } from './device-dataset.ts';
import { Evaluation } from './evaluation.ts';
import type { Metrics } from './metrics.ts';
import { MetricsRing } from './metrics-ring.ts';
import type { Autoencoder, ImageShape, ModelSpec, TrainingContext } from './models/model.ts';
import type { ModelOptions, TrainingOptions } from './models/options.ts';
import { allFinite, badParameter, firstNotFinite, NotFiniteError, textOf } from './not-finite.ts';
import { randomStreams } from './random-streams.ts';
import { runTrainingStep, shuffledOrder } from './training-step.ts';

/** The images that a trainer needs. */
export interface TrainingData {
  readonly shape: ImageShape;
  readonly train: Images;
  readonly test: Images;
}

/** A value for every option of the model and the trainer. Epochs are counted by the caller. */
export interface TrainerOptions extends ModelOptions, Omit<TrainingOptions, 'epochs'> {
  readonly seed: number;
  readonly device?: Device;
  /** How `lr` changes from step to step; `every(steps, …)` of `@tapegrad/nn` counts in epochs of that many steps. Default: constant. */
  readonly schedule?: Schedule;
}

/** What a trainer reports of each step. */
export interface StepMetrics {
  /** Optimizer steps since the beginning, including this one. */
  readonly step: number;
  readonly images: number;
  readonly metrics: Metrics;
}

/** Rows of the ring of metrics: two windows of steps must fit. */
const RING = 256;
/** One for the running window, one for the window being reported, and one for the window before that. */
const SNAPSHOTS = 3;
const LONGEST_WINDOW = 64;
/** The host looks at the metrics after windows of steps that take about this many milliseconds. */
const WINDOW_TIME = 500;

/** Steps whose metrics are read together. */
interface Window {
  /** Steps done before it. */
  readonly first: number;
  readonly sizes: number[];
  readonly snapshot: Snapshot;
  readonly rows: Promise<NumericArray>;
}

/**
 * Everything that changes from step to step, as it was before a window: values on the device, and the host's counts.
 */
interface Snapshot {
  readonly tensors: Map<string, Tensor>;
  step: number;
  position: number;
}

/**
 * Trains one model. The dataset, its order, the place in it, the random counters, Adam's clock and the ring of
 * metrics are all on the device, so a step is a captured list of launches that the host merely starts. The host reads
 * the metrics of one window of steps while the device works on the next.
 */
export class Trainer {
  readonly model: Autoencoder;
  readonly optimizer: Adam;
  readonly device: Device;
  /** Optimizer steps done, epochs completed, images of the current epoch seen. */
  step = 0;
  epoch = 0;
  position = 0;
  /** The last complete epoch's metrics from the model's counters. */
  epochMetrics: Metrics = {};
  readonly #options: TrainerOptions;
  readonly #dataset: DeviceDataset;
  readonly #ring: MetricsRing;
  readonly #context: TrainingContext;
  readonly #evaluation: Evaluation;
  readonly #snapshots: Snapshot[];
  #windows = 0;
  #onCompile: CompileProgress | undefined;
  readonly #trainingStep: CapturedFunction<[count: number], void>;

  constructor(spec: ModelSpec, data: TrainingData, options: TrainerOptions) {
    const device = options.device ?? defaultDevice();
    this.device = device;
    this.#options = options;
    this.model = spec.build(
      data.shape,
      options,
      new Generator(options.seed, { stream: randomStreams.weights, device }),
    );
    this.optimizer = new Adam(this.model.parameters(), {
      lr: options.lr,
      betas: [options.beta1, options.beta2],
      ...(options.schedule && { schedule: options.schedule }),
    });
    const noise = new Generator(options.seed, { stream: randomStreams.training, device });
    const binarize = options.binarize === 'dynamic' ? noise : undefined;
    this.#dataset = new DeviceDataset(this.model, data.train, { binarize, device });
    this.#ring = new MetricsRing(this.model, { rows: RING, device });
    const stepsPerEpoch = Math.ceil(data.train.count / options.batchSize);
    const epoch = () => mul(this.#ring.stepCount(), 1 / stepsPerEpoch);
    this.#context = { noise, epoch };
    this.#evaluation = new Evaluation(this.model, data.test, options.seed, epoch, device);
    this.#snapshots = Array.from({ length: SNAPSHOTS }, () => ({ tensors: new Map(), step: 0, position: 0 }));
    this.#trainingStep = capture((count: number) => this.#runTrainingStep(count), {
      device,
      onCompile: (done, total) => this.#onCompile?.(done, total),
    });
    this.#startEpoch();
  }

  /** Frees the memory of what was captured. It is captured again when it is needed. */
  dispose(): void {
    this.#trainingStep.dispose();
    this.#evaluation.dispose();
  }

  /** Images per epoch: the size of the training set. */
  get imagesPerEpoch(): number {
    return this.#dataset.count;
  }

  /** The captured step of a whole batch: its launches and their memory. Undefined until it is prepared or run. */
  get program(): Program | undefined {
    return this.#trainingStep.programs[0];
  }

  // -------------------------------------------------------------------------------------------------------- training

  /** Compiles the kernels of a step, in parallel, and reports how many are done. */
  async prepare(onCompile?: CompileProgress): Promise<void> {
    this.#onCompile = onCompile;
    await this.#trainingStep.prepare(Math.min(this.#options.batchSize, this.imagesPerEpoch - this.position));
  }

  /**
   * Compiles what else an epoch needs: the kernels of a smaller last batch, and of evaluations. If called together with
   * `prepare`, all compile in parallel, those of a whole batch first; there is no need to wait for it.
   * @throws TensorTooLargeError where evaluations will take smaller batches
   */
  async prepareRest(): Promise<void> {
    const last = (this.imagesPerEpoch - this.position) % this.#options.batchSize;
    await Promise.all([...(last > 0 ? [this.#trainingStep.prepare(last)] : []), this.#evaluation.prepare()]);
  }

  /**
   * Trains to the end of the epoch, or until `stop` returns true between windows, or until `until` images of the epoch are
   * done. `onStep` is called for every step, in order, but somewhat later. Returns whether the epoch is complete.
   * @throws NotFiniteError at the first step whose metrics are not all finite; the trainer cannot be used afterwards
   */
  async trainEpoch(
    onStep: (metrics: StepMetrics) => void,
    stop: () => boolean = () => false,
    until = this.imagesPerEpoch,
  ): Promise<boolean> {
    const end = Math.min(until, this.imagesPerEpoch);
    let length = 1;
    let [running, reported]: (Window | undefined)[] = [];
    const report = async () => {
      if (running) await this.#report(running, reported, onStep);
      else await this.device.synchronize();
    };
    while (this.position < end && !stop()) {
      const started = performance.now();
      const window = this.#startWindow(length, end);
      await report();
      [running, reported] = [window, running];
      // This is how long the device took for a window, give or take one.
      const perStep = (performance.now() - started) / window.sizes.length;
      length = Math.max(
        1,
        Math.min(LONGEST_WINDOW, 2 * length, Math.round(WINDOW_TIME / Math.max(perStep, 1))),
      );
    }
    await report();
    if (this.position < this.imagesPerEpoch) return false;
    this.epochMetrics = await this.#ring.takeCounters();
    this.epoch++;
    this.position = 0;
    this.#startEpoch();
    return true;
  }

  #startWindow(length: number, end: number): Window {
    const snapshot = this.#takeSnapshot();
    const first = this.step;
    const sizes: number[] = [];
    while (sizes.length < length && this.position < end) {
      const size = Math.min(this.#options.batchSize, this.imagesPerEpoch - this.position);
      this.#trainingStep(size);
      sizes.push(size);
      this.step++;
      this.position += size;
    }
    const rows = this.#ring.values.data();
    // A failure is handled when the window is reported.
    rows.catch(() => {});
    return { first, sizes, snapshot, rows };
  }

  async #report(
    window: Window,
    before: Window | undefined,
    onStep: (metrics: StepMetrics) => void,
  ): Promise<void> {
    const values = await window.rows;
    for (const [i, images] of window.sizes.entries()) {
      const metrics = this.#ring.metricsOf(values, window.first + i);
      const step = window.first + i + 1;
      if (!allFinite(metrics)) {
        const { snapshot } = before ?? window;
        const sizes = [...(before?.sizes ?? []), ...window.sizes.slice(0, i + 1)];
        const origin = await this.#findOrigin(snapshot, sizes);
        throw new NotFiniteError(`the loss is not finite at step ${step} (${textOf(metrics)})`, origin);
      }
      onStep({ step, images, metrics });
    }
  }

  #runTrainingStep(count: number): void {
    const { model, optimizer } = this;
    runTrainingStep(
      { model, optimizer, dataset: this.#dataset, ring: this.#ring, context: this.#context },
      count,
    );
  }

  /**
   * Averages over the whole test set.
   * @throws NotFiniteError if the last update has left parameters with which they are not finite
   */
  async evaluate(): Promise<Metrics> {
    const metrics = await this.#evaluation.run();
    if (allFinite(metrics)) return metrics;
    const origin = (await badParameter(this.model)) ?? 'computed from parameters that are';
    throw new NotFiniteError(
      `the test loss is not finite after step ${this.step} (${textOf(metrics)})`,
      origin,
    );
  }

  /**
   * Runs the captured step a few times with a timestamp around every launch, and undoes the steps.
   * @returns the program and the median time of each of its launches, in nanoseconds
   * @throws if the adapter has no timestamps
   */
  async profile(replays = 5): Promise<{ program: Program; nanoseconds: number[] }> {
    await this.prepare();
    const program = this.#trainingStep.programs[0]!;
    const snapshot = this.#takeSnapshot();
    const times: number[][] = [];
    for (let i = 0; i < replays; i++) times.push(await program.profile());
    this.#goBack(snapshot);
    const middle = Math.floor(replays / 2);
    const nanoseconds = times[0]!.map(
      (_, launch) => times.map((list) => list[launch]!).sort((a, b) => a - b)[middle]!,
    );
    return { program, nanoseconds };
  }

  #startEpoch(): void {
    const order = shuffledOrder(this.imagesPerEpoch, this.#options.seed, this.epoch);
    writeTo(this.#dataset.order, order);
    this.#dataset.seek(this.position);
  }

  // ----------------------------------------------------------------------------------------------------- checkpoints

  /** All tensors that a step changes, by the names they have in checkpoints. */
  get #state(): ReadonlyMap<string, Tensor> {
    const learned = new Set(this.model.parameters());
    const buffers = [...this.model.stateDict()].filter(([, t]) => !learned.has(t));
    return new Map([
      ['parameters', this.optimizer.values],
      ...this.optimizer.state(),
      ...buffers,
      ['noise', this.#context.noise.state],
      ['cursor', this.#dataset.cursor],
      ['steps', this.#ring.steps],
      ...[...this.#ring.counters].map(([name, t]) => [`count.${name}`, t] as const),
    ]);
  }

  /**
   * Everything that `restore` needs to continue bit for bit.
   * @throws NotFiniteError if the last update has made a parameter not finite
   */
  async checkpoint(): Promise<{ tensors: Map<string, SafetensorsEntry>; metadata: Record<string, string> }> {
    const tensors = await readTensors(new Map([...this.#state, ['order', this.#dataset.order]]));
    const { step, epoch, position } = this;
    const bad = await badParameter(this.model);
    if (bad) throw new NotFiniteError(`the parameters are not finite after step ${step}`, bad);
    return { tensors, metadata: { step: `${step}`, epoch: `${epoch}`, position: `${position}` } };
  }

  /**
   * Continues from a checkpoint.
   * @throws an error that names what does not fit, if it belongs to another model or dataset; nothing is changed then
   */
  restore(tensors: ReadonlyMap<string, SafetensorsEntry>, metadata: Readonly<Record<string, string>>): void {
    const wanted = new Map([...this.#state, ['order', this.#dataset.order]]);
    const refuse = (what: string) => {
      throw new Error(`the checkpoint does not fit this model and dataset: ${what}`);
    };
    const known = new Map([...tensors].filter(([name]) => wanted.has(name)));
    const wrong = misfits(wanted, known);
    if (wrong) refuse(wrong);
    const [step, epoch, position] = ['step', 'epoch', 'position'].map((key) => Number(metadata[key]));
    if (![step, epoch, position].every((n) => Number.isSafeInteger(n) && n! >= 0))
      refuse('the counts are missing');
    for (const [name, t] of wanted) writeTo(t, tensors.get(name)!.data as NumericArray);
    // It may have more clocks, if the loss leaves out some parameters.
    const names = new Set(this.optimizer.state().keys());
    this.optimizer.loadState(
      new Map([...tensors].filter(([name]) => names.has(name) || name.startsWith('clock.'))),
    );
    [this.step, this.epoch, this.position] = [step!, epoch!, position!];
  }

  #takeSnapshot(): Snapshot {
    const snapshot = this.#snapshots[this.#windows++ % SNAPSHOTS]!;
    for (const [name, t] of this.#state) {
      const { shape, dtype, device } = t;
      const copy = snapshot.tensors.get(name) ?? keep(empty(shape, { dtype, device }));
      snapshot.tensors.set(name, copy);
      assign(copy, t);
    }
    snapshot.step = this.step;
    snapshot.position = this.position;
    return snapshot;
  }

  #goBack(snapshot: Snapshot): void {
    // If the loss leaves out some parameters, clocks divide at the first step; before that there is only one.
    for (const [name, t] of this.#state)
      assign(t, (snapshot.tensors.get(name) ?? snapshot.tensors.get('clock'))!);
    this.step = snapshot.step;
    this.position = snapshot.position;
  }

  /**
   * Finds the first tensor that is not finite, in the last of these steps after a snapshot or in the one before it.
   * Steps are deterministic, so it runs them again, and the suspected one op by op.
   */
  async #findOrigin(snapshot: Snapshot, sizes: readonly number[]): Promise<string> {
    this.#replay(snapshot, sizes.slice(0, -1));
    const parameter = await badParameter(this.model);
    // A bad parameter comes from the backward pass or the update of the step before.
    const suspect = sizes.length - (parameter ? 2 : 1);
    if (suspect < 0) return parameter!;
    if (parameter) this.#replay(snapshot, sizes.slice(0, suspect));
    const bad = await firstNotFinite(() => this.#runTrainingStep(sizes[suspect]!));
    const step = snapshot.step + suspect + 1;
    if (bad) return `output of ${bad.op} (op ${bad.number} of step ${step}), ${bad.where}`;
    return parameter ? `${parameter}, after the update of step ${step}` : 'none when the step ran again';
  }

  #replay(snapshot: Snapshot, sizes: readonly number[]): void {
    this.#goBack(snapshot);
    for (const size of sizes) this.#trainingStep(size);
  }
}
