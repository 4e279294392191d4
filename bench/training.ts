import { Adam } from '@tapegrad/nn';
import { capture, Generator, scope, setDefaultDevice, type WebGPUDevice } from '@tapegrad/tensor';
import { DeviceDataset, MetricsRing, type ModelSpec, runTrainingStep, settingsOf } from '@tapegrad/vae';
import { type Effort, medianOf, type Timing, timed, timingOf } from './timing.ts';

/** What one way to run a training step takes. */
export interface StepTimes {
  readonly ms: Timing;
  readonly imagesPerSecond: number;
  readonly launches: number;
  /** Milliseconds until the host is free again, the median: the device works on. */
  readonly hostMs: number;
}

export interface StepRow {
  readonly id: string;
  readonly batchSize: number;
  readonly parameters: number;
  readonly captured: StepTimes;
  readonly eager: StepTimes;
  /** Sum of all launches' times by the adapter's timestamps, the median of some replays; absent without timestamps. */
  readonly gpuMs?: number;
  /** Bytes of the buffers that temporaries share, and the most that is alive at once: no plan needs less. */
  readonly plannedBytes: number;
  readonly liveSetBytes: number;
  /** Seconds of the first step, in which the kernels are compiled. */
  readonly firstSeconds: number;
}

export interface HostRow {
  readonly id: string;
  /** Of a replay on a backend that runs nothing. */
  readonly ms: Timing;
  readonly eagerMs: Timing;
  readonly launches: number;
  /** Launches of the longest chain in which each has to wait for the one before. */
  readonly chain: number;
}

/** Images of the stand-in for a dataset: what is in them does not matter to the speed. */
const IMAGES = 2048;
const SHAPE = [1, 28, 28] as const;

/** A model's training step as the trainer makes it, on images that stand in for a dataset; of `size` images or its own batch. */
export function trainingStep(spec: ModelSpec, device: WebGPUDevice, quick: boolean, size?: number) {
  setDefaultDevice(device);
  const settings = settingsOf(spec);
  const batchSize = size ?? (quick ? Math.min(16, settings.batchSize) : settings.batchSize);
  const noise = new Generator(0, { device });
  const model = spec.build(SHAPE, settings, noise);
  const optimizer = new Adam(model.parameters(), {
    lr: settings.lr,
    betas: [settings.beta1, settings.beta2],
  });
  const images = Uint8Array.from({ length: IMAGES * 784 }, (_, i) => (Math.imul(i, 2654435761) >>> 24) & 255);
  const dataset = new DeviceDataset(model, { images, count: IMAGES }, { device });
  const ring = new MetricsRing(model, { rows: 64, device });
  const parts = { model, optimizer, dataset, ring, context: { noise, epoch: () => ring.stepCount() } };
  const run = () => runTrainingStep(parts, batchSize);
  return {
    model,
    batchSize,
    parameters: model.parameters().reduce((sum, { size }) => sum + size, 0),
    /** Op by op. */
    eager: () => scope(run),
    captured: capture(run, { device }),
  };
}

type Step = ReturnType<typeof trainingStep>;

/** Measures the training steps of models, some rounds of all of them. */
export class StepBench {
  readonly #device: WebGPUDevice;
  readonly #effort: Effort;
  readonly #quick: boolean;
  readonly #steps = new Map<
    string,
    { step: Step; first: number; captured: Samples; eager: Samples; gpu: number[] }
  >();

  constructor(device: WebGPUDevice, effort: Effort, quick: boolean) {
    this.#device = device;
    this.#effort = effort;
    this.#quick = quick;
  }

  async round(spec: ModelSpec): Promise<void> {
    const device = this.#device;
    let state = this.#steps.get(spec.name);
    if (!state) {
      const step = trainingStep(spec, device, this.#quick);
      await device.synchronize();
      const first = await timed(async () => {
        await step.captured.prepare();
        step.captured();
        await device.synchronize();
      });
      // Eager launches are not merged into others: they are other kernels, which are compiled here.
      step.eager();
      await device.synchronize();
      state = { step, first, captured: noSamples(), eager: noSamples(), gpu: [] };
      this.#steps.set(spec.name, state);
    }
    const { step, captured, eager, gpu } = state;
    await sampleSteps(device, step.captured, this.#effort, captured);
    await sampleSteps(device, step.eager, this.#effort, eager);
    if (device.gpu.features.has('timestamp-query')) {
      const times = await step.captured.programs[0]!.profile();
      gpu.push(times.reduce((sum, ns) => sum + ns, 0) / 1e6);
    }
  }

  /** @returns what was measured, and gives the memory back */
  row(spec: ModelSpec): StepRow {
    const { step, first, captured, eager, gpu } = this.#steps.get(spec.name)!;
    const { memory } = step.captured.programs[0]!;
    const row: StepRow = {
      id: `steps/${spec.name}`,
      batchSize: step.batchSize,
      parameters: step.parameters,
      captured: timesOf(captured, step.batchSize),
      eager: timesOf(eager, step.batchSize),
      ...(gpu.length > 0 ? { gpuMs: medianOf(gpu) } : {}),
      plannedBytes: memory.planned,
      liveSetBytes: memory.liveSet,
      firstSeconds: first / 1000,
    };
    step.captured.dispose();
    this.#steps.delete(spec.name);
    return row;
  }
}

/** The host's part of a step: on a device that validates and runs nothing. */
export async function measureHost(
  spec: ModelSpec,
  nothing: WebGPUDevice,
  effort: Effort,
  quick: boolean,
): Promise<HostRow> {
  const step = trainingStep(spec, nothing, quick);
  const measured = async (run: () => void) => {
    // V8 optimizes what runs often.
    for (let i = 0; i < 20; i++) run();
    await nothing.synchronize();
    const samples = noSamples();
    // As many as one round takes of the longest steps, and more of these short ones.
    for (let round = 0; round < effort.rounds; round++) await sampleSteps(nothing, run, effort, samples, 100);
    return samples;
  };
  const captured = await measured(step.captured);
  const eager = await measured(step.eager);
  const { chain } = step.captured.programs[0]!;
  const row = {
    id: `host/${spec.name}`,
    ms: timingOf(captured.host),
    eagerMs: timingOf(eager.host),
    launches: captured.launches,
    chain,
  };
  step.captured.dispose();
  return row;
}

interface Samples {
  readonly total: number[];
  readonly host: number[];
  launches: number;
}

const noSamples = (): Samples => ({ total: [], host: [], launches: 0 });

/** Times of single steps, each waited for. */
async function sampleSteps(
  device: WebGPUDevice,
  run: () => void,
  { budget }: Effort,
  into: Samples,
  most = 8,
): Promise<void> {
  let spent = 0;
  for (let i = 0; i < 2 || (i < most && spent < 4 * budget); i++) {
    const before = device.stats.launches;
    const start = performance.now();
    run();
    device.flush();
    into.host.push(performance.now() - start);
    await device.synchronize();
    const total = performance.now() - start;
    into.total.push(total);
    into.launches = device.stats.launches - before;
    spent += total;
  }
}

function timesOf({ total, host, launches }: Samples, batchSize: number): StepTimes {
  const ms = timingOf(total);
  return { ms, imagesPerSecond: (1000 * batchSize) / ms.median, launches, hostMs: medianOf(host) };
}
