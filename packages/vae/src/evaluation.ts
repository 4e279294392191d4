import {
  type CapturedFunction,
  capture,
  type Device,
  Generator,
  type Tensor,
  writeTo,
} from '@tapegrad/tensor';
import { type ImagesDone, smallerBatch } from './batches.ts';
import { DeviceDataset, type Images } from './device-dataset.ts';
import { averageOf, type Metrics } from './metrics.ts';
import { MetricsRing } from './metrics-ring.ts';
import { type Autoencoder, evaluating } from './models/model.ts';
import { randomStreams } from './random-streams.ts';

/** Images per step of an evaluation, unless a tensor would be larger than the device takes. */
const BATCH = 512;

/** The objective's averages over a set of images, for a model that may keep learning between calls. */
export class Evaluation {
  readonly #model: Autoencoder;
  readonly #dataset: DeviceDataset;
  readonly #noise: Generator;
  readonly #epoch: () => Tensor;
  #batch: number;
  #pass: Pass;

  /** @param epoch epochs trained so far, for schedules: models should be selected by the loss they are trained on */
  constructor(model: Autoencoder, images: Images, seed: number, epoch: () => Tensor, device: Device) {
    this.#model = model;
    this.#dataset = new DeviceDataset(model, images, { device });
    this.#noise = new Generator(seed, { stream: randomStreams.evaluation, device });
    this.#epoch = epoch;
    this.#batch = Math.min(BATCH, Math.max(1, images.count));
    this.#pass = this.#newPass(device);
  }

  #newPass(device: Device): Pass {
    const [model, dataset, noise, epoch] = [this.#model, this.#dataset, this.#noise, this.#epoch];
    const rows = Math.max(1, Math.ceil(dataset.count / this.#batch));
    const ring = new MetricsRing(model, { rows, device });
    const step = (count: number) =>
      evaluating(model, () =>
        ring.logStep(model.objective(dataset.batch(count), { noise, epoch }), dataset, count),
      );
    return { ring, step: capture(step, { device }) };
  }

  /**
   * Runs over all images. z is drawn from the posterior (its mean would not give the ELBO), with the same numbers
   * every time.
   *
   * @param progress called after each batch, once the batch is done, which costs a read of the device
   */
  async run(progress?: ImagesDone): Promise<Metrics> {
    for (;;) {
      try {
        return await this.#run(this.#pass, progress);
      } catch (error) {
        this.#batch = smallerBatch(error, this.#batch);
        this.#pass = this.#newPass(this.#noise.state.device);
      }
    }
  }

  /** The batches that hold all images. */
  #sizes(): number[] {
    const { count } = this.#dataset;
    const sizes: number[] = [];
    for (let start = 0; start < count; start += this.#batch) sizes.push(Math.min(this.#batch, count - start));
    return sizes;
  }

  /**
   * Compiles the kernels of an evaluation, in parallel.
   * @throws TensorTooLargeError where `run` will take smaller batches
   */
  async prepare(): Promise<void> {
    const { step } = this.#pass;
    for (const size of new Set(this.#sizes())) await step.prepare(size);
  }

  /** Frees the memory of what was captured. It is captured again when it is needed. */
  dispose(): void {
    this.#pass.step.dispose();
  }

  async #run({ ring, step }: Pass, progress?: ImagesDone): Promise<Metrics> {
    const { count } = this.#dataset;
    const sizes = this.#sizes();
    await this.prepare();
    this.#dataset.seek(0);
    writeTo(ring.steps, new Uint32Array(2));
    writeTo(this.#noise.state, new Uint32Array(2), 2);
    let done = 0;
    for (const size of sizes) {
      step(size);
      done += size;
      if (progress) {
        await ring.values.data();
        progress(done, count);
      }
    }
    const values = await ring.values.data();
    const rows = sizes.map((images, row) => ({ images, metrics: ring.metricsOf(values, row) }));
    return { ...averageOf(rows), ...(await ring.takeCounters()) };
  }
}

/** Evaluates in batches of one size. */
interface Pass {
  readonly ring: MetricsRing;
  readonly step: CapturedFunction<[count: number], void>;
}
