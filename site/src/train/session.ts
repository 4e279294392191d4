import type { Device, WebGPUDevice } from '@tapegrad/tensor';
import { binarized, type ModelSpec, models, settingsOf, Trainer, type TrainerOptions } from '@tapegrad/vae';
import type { ImageSet } from '../data/images.ts';
import { Looks } from './looks.ts';
import type { EpochRecord, Experiment, FromTrainer, LayerWish, RunFiles, StepRecord } from './protocol.ts';
import { configOf, fileNames, type RunConfig, recordsOf } from './run-config.ts';
import { assertOptions, averageOfTally, emptyTally, filesOf, stateOf, type Tally } from './run-files.ts';

/** Every so many steps a line of `metrics.jsonl`, as Node's default has it. */
const LOG_EVERY = 10;
/** Milliseconds between two looks at the model, at least, and the share of the time that looks may take. */
const LOOK_TIME = 1500;
const LOOK_SHARE = 0.15;
/** Milliseconds between two times that the run's files are kept, at the ends of epochs. */
const KEEP_TIME = 10_000;
/** Keep the chances of binarized pixels apart from other random numbers: Node's command has the same. */
const STREAM = { train: 6, test: 7 } as const;

export interface SessionOptions {
  readonly device: Device;
  readonly data: ImageSet;
  readonly post: (message: FromTrainer) => void;
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * One run: trains in windows of steps, between which it answers to what the page asks, shows what the model does, and
 * hands out the run's files. Knows nothing of pages or workers.
 */
export class TrainSession {
  readonly #device: Device;
  readonly #data: ImageSet;
  readonly #post: SessionOptions['post'];
  readonly #versions: SessionOptions['versions'];
  #spec!: ModelSpec;
  #settings!: TrainerOptions;
  #config!: RunConfig;
  #trainer!: Trainer;
  #looks!: Looks;
  #wish: LayerWish | undefined;
  #epochs = 0;
  #tally: Tally = emptyTally();
  #records: Record<string, unknown>[] = [];
  #pending: StepRecord[] = [];
  #loop: Promise<void> | undefined;
  #pauseAsked = false;
  #newBeta: number | undefined;
  #saves: number[] = [];
  #nextLook = 0;
  #kept = performance.now();

  constructor({ device, data, post, versions }: SessionOptions) {
    this.#device = device;
    this.#data = data;
    this.#post = post;
    this.#versions = versions;
  }

  /** Gives the memory of what was captured back. */
  dispose(): void {
    this.#looks?.dispose();
    this.#trainer?.dispose();
  }

  /** Makes the run, or opens one from its files, and compiles its step. */
  async open(experiment: Experiment, files: RunFiles | undefined, wish?: LayerWish): Promise<void> {
    this.#wish = wish;
    const earlier = files?.[fileNames.config] && configOf(files[fileNames.config]!);
    const name = earlier?.model ?? experiment.model;
    const spec = models.get(name);
    if (!spec) throw new Error(`no model is named '${name}' (known: ${[...models.keys()].join(', ')})`);
    this.#spec = spec;
    const chosen = earlier
      ? Object.fromEntries(Object.entries(earlier).filter(([key]) => key in spec.defaults))
      : experiment.options;
    assertOptions(chosen, Object.keys(spec.defaults));
    if (earlier) assertSameImages(earlier, this.#data);
    const { normalization } = this.#data;
    const pixels =
      normalization && 'pixelMean' in spec.defaults
        ? { pixelMean: normalization.mean, pixelStd: normalization.std }
        : {};
    const seed = earlier?.seed ?? experiment.seed;
    this.#settings = { ...settingsOf(spec, { ...pixels, ...chosen }), seed, device: this.#device };
    this.#epochs = Number((chosen as { epochs?: number }).epochs ?? spec.defaults.epochs);
    const limit = Math.min(earlier?.limit ?? experiment.images, this.#data.train.count);
    if (earlier && this.#data.name === 'mnist' && (earlier.limit ?? 60_000) > this.#data.train.count)
      throw new Error(
        `the run is on ${earlier.limit ?? '60,000'} images, and this page has the first ${this.#data.train.count.toLocaleString('en')}: ` +
          'it can be explored here, and goes on in Node',
      );
    this.#config = this.#configWith(limit);
    await this.#build();
    if (files?.[fileNames.state]) {
      const { tensors, metadata, tally } = stateOf(files[fileNames.state]!);
      this.#trainer.restore(tensors, metadata);
      this.#tally = tally;
      this.#records = recordsOf(files[fileNames.metrics]).filter(
        ({ step }) => Number(step ?? 0) <= this.#trainer.step,
      );
    } else if (files?.[fileNames.weights]) {
      const { tensors } = stateOf(files[fileNames.weights]!);
      this.#trainer.model.loadStateDict(tensors);
    }
    await this.#ready();
  }

  // ------------------------------------------------------------------------------------------------- what is asked

  go(): void {
    this.#pauseAsked = false;
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined;
    });
  }

  pause(): void {
    this.#pauseAsked = true;
  }

  /** Resolves when it trains no more. */
  get idle(): Promise<void> {
    return this.#loop ?? Promise.resolve();
  }

  /** Goes on with another weight of the KL divergence from the next window on. */
  beta(value: number): void {
    assertOptions({ beta: value }, Object.keys(this.#spec.defaults));
    this.#newBeta = value;
    if (!this.#loop) void this.#attempt(() => this.#changeBeta());
  }

  epochs(value: number): void {
    assertOptions({ epochs: value }, ['epochs']);
    this.#epochs = value;
    this.#config = { ...this.#config, epochs: value };
  }

  wish(wish: LayerWish | undefined): void {
    this.#wish = wish;
    this.#nextLook = 0;
    if (this.#loop || !wish) return;
    void this.#attempt(async () => {
      const layer = await this.#looks.layer(wish);
      this.#post({ kind: 'look', look: { step: this.#trainer.step, layer } });
    });
  }

  save(id: number): void {
    this.#saves.push(id);
    if (!this.#loop) void this.#attempt(() => this.#answerSaves());
  }

  // ------------------------------------------------------------------------------------------------------- training

  async #run(): Promise<void> {
    await this.#attempt(async () => {
      this.#post({ kind: 'state', state: 'running' });
      while (!this.#pauseAsked && this.#trainer.epoch < this.#epochs) {
        await this.#window();
        if (this.#newBeta !== undefined) await this.#changeBeta();
        await this.#answerSaves();
        if (performance.now() >= this.#nextLook) await this.#look();
      }
      await this.#look();
      this.#post({ kind: 'files', files: await this.#files() });
      // Asked for since the last step.
      while (this.#saves.length > 0) await this.#answerSaves();
      this.#post({ kind: 'state', state: this.#trainer.epoch < this.#epochs ? 'paused' : 'done' });
    });
  }

  /** Steps until something else is to be done: a look, an answer, the end of an epoch. */
  async #window(): Promise<void> {
    const trainer = this.#trainer;
    const epoch = trainer.epoch + 1;
    const started = performance.now();
    let reported = started;
    let images = 0;
    const isWanted = () =>
      this.#pauseAsked ||
      this.#newBeta !== undefined ||
      this.#saves.length > 0 ||
      performance.now() >= this.#nextLook;
    const complete = await trainer.trainEpoch(({ step, images: count, metrics }) => {
      this.#tally.rows.push({ metrics, images: count });
      this.#tally.images += count;
      images += count;
      this.#pending.push({ step, epoch, images: count, metrics });
      if (step % LOG_EVERY === 0) this.#records.push({ kind: 'step', step, epoch, ...metrics });
      const now = performance.now();
      if (now - reported < 250) return;
      reported = now;
      this.#flush((1000 * images) / (now - started));
    }, isWanted);
    const seconds = (performance.now() - started) / 1000;
    this.#tally.seconds += seconds;
    this.#flush(images / seconds);
    if (complete) await this.#finishEpoch();
  }

  #flush(imagesPerSecond: number): void {
    if (this.#pending.length === 0) return;
    this.#post({ kind: 'steps', steps: this.#pending, imagesPerSecond });
    this.#pending = [];
  }

  async #finishEpoch(): Promise<void> {
    const { epoch, step, model, epochMetrics } = this.#trainer;
    const test = await this.#trainer.evaluate();
    const train = { ...averageOfTally(this.#tally), ...epochMetrics };
    const nats = model.nats(test);
    this.#records.push({
      kind: 'epoch',
      epoch,
      step,
      steps: this.#tally.rows.length,
      seconds: Number(this.#tally.seconds.toFixed(3)),
      train,
      test,
      ...(nats ? { nats } : {}),
    });
    const record: EpochRecord = { epoch, step, train, test, elbo: nats?.elbo };
    this.#tally = emptyTally();
    this.#post({ kind: 'epoch', record });
    if (performance.now() - this.#kept < KEEP_TIME) return;
    this.#kept = performance.now();
    this.#post({ kind: 'files', files: await this.#files() });
  }

  async #look(): Promise<void> {
    const started = performance.now();
    this.#post({ kind: 'look', look: await this.#looks.look(this.#trainer.step, this.#wish) });
    const taken = performance.now() - started;
    this.#nextLook = performance.now() + Math.max(LOOK_TIME, taken / LOOK_SHARE);
  }

  async #changeBeta(): Promise<void> {
    const beta = this.#newBeta!;
    this.#newBeta = undefined;
    // β is a constant of the captured step: another trainer captures it anew, and goes on from this one's state.
    const { tensors, metadata } = await this.#trainer.checkpoint();
    this.#settings = { ...this.#settings, beta };
    this.#config = { ...this.#config, beta };
    await this.#build();
    this.#trainer.restore(tensors, metadata);
    this.#post({ kind: 'beta', value: beta, step: this.#trainer.step });
  }

  async #answerSaves(): Promise<void> {
    for (const id of this.#saves.splice(0)) this.#post({ kind: 'files', id, files: await this.#files() });
  }

  #files(): Promise<RunFiles> {
    return filesOf(this.#trainer, this.#config, this.#records, this.#tally);
  }

  // ---------------------------------------------------------------------------------------------------------- making

  async #build(): Promise<void> {
    this.dispose();
    const { train, test, shape } = this.#data;
    const { binarize, seed } = this.#settings;
    const count = this.#config.limit ?? train.count;
    const how = binarize === 'threshold' ? 'threshold' : 'drawn';
    const bits = (half: keyof typeof STREAM, bytes: Uint8Array) =>
      binarized(bytes, how, { seed: half === 'test' ? 0 : seed, stream: STREAM[half] });
    const first = train.images.subarray(0, count * shape[0] * shape[1] * shape[2]);
    const data = {
      shape,
      train: {
        ...train,
        count,
        images: binarize === 'none' || binarize === 'dynamic' ? first : bits('train', first),
      },
      test: { ...test, images: binarize === 'none' ? test.images : bits('test', test.images) },
    };
    this.#trainer = new Trainer(this.#spec, data, this.#settings);
    this.#looks = new Looks(this.#trainer.model, data, seed);
    const text = 'compiling kernels';
    this.#post({ kind: 'preparing', text });
    await this.#trainer.prepare((done, total) => this.#post({ kind: 'preparing', text, done, total }));
  }

  async #ready(): Promise<void> {
    const { model, step, epoch, program, imagesPerEpoch } = this.#trainer;
    const { name, adapterKind } = this.#device as WebGPUDevice;
    const parameters = model.parameters().reduce((sum, { size }) => sum + size, 0);
    this.#config = { ...this.#config, parameters };
    const { defaults } = this.#spec;
    this.#post({
      kind: 'ready',
      step,
      epoch,
      info: {
        adapter: name,
        isSoftware: adapterKind !== 'gpu',
        parameters,
        launches: program?.launches ?? 0,
        stepsPerEpoch: Math.ceil(imagesPerEpoch / this.#settings.batchSize),
        epochs: this.#epochs,
        units: this.#spec.units(this.#settings),
        beta: 'beta' in defaults ? this.#settings.beta : undefined,
        layers: this.#looks.names,
      },
    });
    await this.#look();
  }

  /** What Node's `config.json` holds of such a run. */
  #configWith(limit: number): RunConfig {
    const { name: adapter, adapterKind } = this.#device as WebGPUDevice;
    const { name: data, shape, checksums } = this.#data;
    const options = Object.fromEntries(
      Object.entries(this.#settings).filter(([key]) => key in this.#spec.defaults),
    );
    return {
      model: this.#spec.name,
      ...options,
      epochs: this.#epochs,
      seed: this.#settings.seed,
      data,
      limit,
      logEvery: LOG_EVERY,
      imageShape: shape,
      checksums,
      adapter: { name: adapter, driver: 'browser', kind: adapterKind ?? 'reference' },
      versions: this.#versions,
    };
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#post({ kind: 'failed', message: (error as Error).message });
    }
  }
}

/** A run goes on with the images that it began with, as in Node. */
function assertSameImages(earlier: RunConfig, { name, checksums, shape }: ImageSet): void {
  const known = (earlier.checksums ?? {}) as Readonly<Record<string, string>>;
  const names = new Set([...Object.keys(known), ...Object.keys(checksums)]);
  const isSame = [...names].every((one) => known[one] === checksums[one]);
  // Images that were dropped onto the page have no checksums, and are known by their number.
  if (isSame && (names.size > 0 || earlier.data === name)) {
    const before = (earlier.imageShape ?? shape) as ImageSet['shape'];
    if (before.join() === shape.join()) return;
    throw new Error(
      `the run was trained on images of ${before.join('×')}, and those here are ${shape.join('×')}: choose that size and colour, then drop them again`,
    );
  }
  throw new Error(
    `the run was trained on ${earlier.data}, and the images here are ${name}: ${
      Object.keys(known).length > 0 ? 'it goes on in Node' : 'drop them onto the page first'
    }`,
  );
}
