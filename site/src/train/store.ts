import { forgetRun, keepRun, keptRuns, type StoredRun } from '../data/run-store.ts';
import { describe } from './experiment.ts';
import type {
  EpochRecord,
  Experiment,
  FromTrainer,
  LayerWish,
  Look,
  OwnImages,
  RunFiles,
  RunInfo,
  ToTrainer,
} from './protocol.ts';
import { dataOf } from './run-config.ts';

export type RunState =
  | 'stored'
  | 'preparing'
  | 'running'
  | 'pausing'
  | 'paused'
  | 'done'
  | 'failed'
  | 'recorded';

/** A run as the page shows it. */
export interface Run {
  readonly id: string;
  name: string;
  readonly experiment: Experiment;
  readonly created: number;
  readonly color: number;
  readonly curve: { steps: number[]; metrics: Record<string, number[]> };
  epochs: EpochRecord[];
  betas: { step: number; value: number }[];
  state: RunState;
  message: string;
  progress: { done: number; total: number } | undefined;
  info: RunInfo | undefined;
  look: Look | undefined;
  speed: number;
  epoch: number;
  shown: boolean;
  files: RunFiles | undefined;
  /** The images that it is trained on, where they are not MNIST's: as long as the page lasts. */
  own?: OwnImages | undefined;
}

/** All runs of the page and the worker that trains one of them. The page draws it anew, at most once a frame. */
export class TrainStore {
  runs: Run[] = [];
  current: Run | undefined;
  /** Told aloud to those who cannot see the charts. */
  announcement = '';
  wish: LayerWish | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #makeWorker: () => Worker;
  #worker: Worker | undefined;
  #frame = 0;
  #asked = 0;
  readonly #saves = new Map<number, (files: RunFiles) => void>();

  constructor(makeWorker: () => Worker) {
    this.#makeWorker = makeWorker;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      for (const listener of this.#listeners) listener();
    });
  }

  /** Lists the runs of earlier visits. */
  async restore(): Promise<void> {
    const known = new Set(this.runs.map(({ id }) => id));
    const kept = (await keptRuns()).filter(({ id }) => !known.has(id));
    this.runs = [...kept.map((run) => runOf(run)), ...this.runs];
    this.current ??= this.runs.at(-1);
    this.changed();
  }

  /** Adds a run that came with the page. */
  add(stored: StoredRun): void {
    const run = { ...runOf(stored), state: 'recorded' as const };
    this.runs = [...this.runs, run];
    this.current ??= run;
    this.changed();
  }

  // --------------------------------------------------------------------------------------------------- what is asked

  /** Begins a run, anew or from files; `images` are those on the page, which a run on MNIST leaves alone. */
  start(experiment: Experiment, images?: OwnImages, files?: RunFiles): Run {
    const data = dataOf(files, images ? 'own' : 'mnist');
    const own = data === 'own' ? images : undefined;
    const color = (Math.max(-1, ...this.runs.map((run) => run.color)) + 1) % 10;
    const run: Run = {
      id: crypto.randomUUID(),
      name: own ? `${describe(experiment)}, ${own.name}` : describe(experiment),
      experiment: { ...experiment, data },
      created: Date.now(),
      color,
      curve: { steps: [], metrics: {} },
      epochs: [],
      betas: [],
      state: 'preparing',
      message: '',
      progress: undefined,
      info: undefined,
      look: undefined,
      speed: 0,
      epoch: 0,
      shown: true,
      files,
    };
    this.runs = [...this.runs, run];
    this.#begin(run, own);
    return run;
  }

  /** Goes on with the run that the worker holds, or with an earlier one from its files; `images` are those on the page. */
  go(run: Run, images?: OwnImages): void {
    if (run === this.#active && (run.state === 'paused' || run.state === 'done')) {
      run.state = 'running';
      this.#send({ kind: 'go' });
      this.changed();
    } else this.#begin(run, run.experiment.data === 'own' ? (run.own ?? images) : undefined);
  }

  pause(): void {
    if (!this.#active) return;
    this.#active.state = 'pausing';
    this.#send({ kind: 'pause' });
    this.changed();
  }

  beta(value: number): void {
    this.#send({ kind: 'beta', value });
  }

  epochs(value: number): void {
    if (this.#active?.info) this.#active.info = { ...this.#active.info, epochs: value };
    this.#send({ kind: 'epochs', value });
    this.changed();
  }

  look(wish: LayerWish | undefined): void {
    this.wish = wish;
    this.#send({ kind: 'wish', wish });
    this.changed();
  }

  /** The run's files: as they are now for the one that trains, else as they were kept. */
  files(run: Run): Promise<RunFiles> {
    if (!this.#isLive(run))
      return run.files ? Promise.resolve(run.files) : Promise.reject(new Error('this run has no files yet'));
    const id = ++this.#asked;
    this.#send({ kind: 'save', id });
    return new Promise((resolve) => this.#saves.set(id, resolve));
  }

  /**
   * Keeps the run as it is now, so that other pages find it. Tells whether the page can go then without losing what it
   * trains.
   * @throws where the browser keeps nothing
   */
  async keep(run: Run): Promise<boolean> {
    const isLive = this.#isLive(run);
    run.files = await this.files(run);
    if (!(await keepRun(storedOf(run))))
      throw new Error(
        'this browser keeps no runs here (a private window, or no space is left): save the run, and open its zip in Explore',
      );
    return !this.isTraining || (isLive && run === this.#active);
  }

  remove(run: Run): void {
    if (run === this.#active) {
      this.#worker?.terminate();
      this.#worker = undefined;
      this.#active = undefined;
    }
    this.runs = this.runs.filter((other) => other !== run);
    if (this.current === run) this.current = this.runs.at(-1);
    void forgetRun(run.id);
    this.changed();
  }

  show(run: Run): void {
    this.current = run;
    this.changed();
  }

  /** Whether a run is under way: what it has learned since its files were kept is lost with the page. */
  get isTraining(): boolean {
    return this.#active !== undefined && ['running', 'pausing', 'preparing'].includes(this.#active.state);
  }

  /** The run that the worker holds. */
  get active(): Run | undefined {
    return this.#active;
  }
  #active: Run | undefined;

  /** Whether the worker has the run as it is now, and can be asked for it. */
  #isLive(run: Run): boolean {
    return run === this.#active && ['running', 'pausing', 'paused', 'done'].includes(run.state);
  }

  #begin(run: Run, own: OwnImages | undefined): void {
    const before = this.#active;
    if (before && this.isTraining) before.state = 'pausing';
    this.#active = run;
    this.current = run;
    run.own = own;
    run.state = 'preparing';
    run.message = '';
    const base = new URL('../', location.href).href;
    const { experiment, files } = run;
    this.#send({ kind: 'start', base, experiment, own, files, wish: this.wish });
    this.changed();
  }

  #send(message: ToTrainer): void {
    if (!this.#worker) {
      if (message.kind !== 'start') return;
      this.#worker = this.#makeWorker();
      this.#worker.onmessage = ({ data }: MessageEvent<FromTrainer>) => this.receive(data);
      this.#worker.onerror = ({ message }) => this.receive({ kind: 'failed', message });
    }
    this.#worker.postMessage(message);
  }

  // -------------------------------------------------------------------------------------------------- what is answered

  receive(message: FromTrainer): void {
    // A run that gave way to another still answers until it has stopped.
    const leaving = this.runs.find((run) => run.state === 'pausing' && run !== this.#active);
    const run = leaving ?? this.#active;
    if (!run) return;
    if (message.kind === 'preparing') this.#prepare(run === leaving ? this.#active! : run, message);
    else if (message.kind === 'ready') {
      run.info = message.info;
      run.epoch = message.epoch;
      trimCurve(run, message.step);
      this.announcement = `${run.name}: ready, ${message.info.parameters.toLocaleString('en')} parameters`;
    } else if (message.kind === 'steps') {
      run.speed = message.imagesPerSecond;
      for (const { step, epoch, metrics } of message.steps) {
        run.curve.steps.push(step);
        run.epoch = epoch - 1;
        for (const [name, value] of Object.entries(metrics)) {
          run.curve.metrics[name] ??= [];
          run.curve.metrics[name].push(value);
        }
      }
    } else if (message.kind === 'epoch') {
      run.epochs = [...run.epochs, message.record];
      run.epoch = message.record.epoch;
      this.announcement = `${run.name}: epoch ${message.record.epoch}, test loss ${message.record.test.loss?.toPrecision(4)}`;
    } else if (message.kind === 'look') run.look = { ...run.look, ...message.look };
    else if (message.kind === 'beta') {
      run.betas = [...run.betas, { step: message.step, value: message.value }];
      if (run.info) run.info = { ...run.info, beta: message.value };
      this.announcement = `β is ${message.value} from step ${message.step} on`;
    } else if (message.kind === 'state') {
      run.state = run.state === 'pausing' && message.state === 'running' ? 'pausing' : message.state;
      this.announcement = `${run.name}: ${message.state}`;
    } else if (message.kind === 'files') {
      if (message.id === undefined) {
        run.files = message.files;
        void keepRun(storedOf(run));
      } else {
        this.#saves.get(message.id)?.(message.files);
        this.#saves.delete(message.id);
      }
    } else {
      // They may be why it did not start: the next try is with those that are on the page by then.
      if (run.state === 'preparing') run.own = undefined;
      run.state = 'failed';
      run.message = message.message;
      this.announcement = `${run.name} failed: ${message.message}`;
    }
    this.changed();
  }

  #prepare(run: Run, { text, done, total }: Extract<FromTrainer, { kind: 'preparing' }>): void {
    run.message = text;
    run.progress = total ? { done: done ?? 0, total } : undefined;
  }
}

/** A run that goes on from an earlier state repeats the steps after it. */
function trimCurve(run: Run, step: number): void {
  const { steps, metrics } = run.curve;
  const kept = steps.findIndex((at) => at > step);
  if (kept >= 0) {
    steps.length = kept;
    for (const values of Object.values(metrics)) values.length = kept;
  }
  run.epochs = run.epochs.filter((record) => record.step <= step);
  run.betas = run.betas.filter((change) => change.step <= step);
}

const runOf = (stored: StoredRun): Run => ({
  ...stored,
  curve: { steps: [...stored.curve.steps], metrics: { ...stored.curve.metrics } },
  epochs: [...stored.epochs],
  betas: [...stored.betas],
  state: 'stored',
  message: '',
  progress: undefined,
  info: stored.info,
  look: stored.look,
  speed: 0,
  epoch: stored.epochs.length,
  shown: true,
  files: stored.files,
});

const storedOf = (run: Run): StoredRun => ({
  id: run.id,
  name: run.name,
  experiment: run.experiment,
  created: run.created,
  color: run.color,
  curve: run.curve,
  epochs: run.epochs,
  betas: run.betas,
  info: run.info,
  look: run.look,
  done: run.state === 'done',
  files: run.files,
});
