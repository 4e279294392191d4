import { capture, type Device, Generator, type Tensor } from '@tapegrad/tensor';
import { DeviceDataset, type Images, writeTo } from './device-dataset.ts';
import { averageOf, type Metrics } from './metrics.ts';
import { MetricsRing } from './metrics-ring.ts';
import { type Autoencoder, evaluating } from './models/model.ts';
import { randomStreams } from './random-streams.ts';

/** Images per step of an evaluation. */
export const EVALUATION_BATCH = 512;

/** The objective's averages over a set of images, for a model that may keep learning between calls. */
export class Evaluation {
  readonly #dataset: DeviceDataset;
  readonly #ring: MetricsRing;
  readonly #noise: Generator;
  readonly #step: (count: number) => void;

  /** @param epoch epochs trained so far, for schedules: a model is to be selected by the loss it was trained on */
  constructor(model: Autoencoder, images: Images, seed: number, epoch: () => Tensor, device: Device) {
    const noise = new Generator(seed, { stream: randomStreams.evaluation, device });
    const rows = Math.max(1, Math.ceil(images.count / EVALUATION_BATCH));
    const dataset = new DeviceDataset(model, images, { device });
    const ring = new MetricsRing(model, { rows, device });
    const step = (count: number) =>
      evaluating(model, () =>
        ring.logStep(model.objective(dataset.batch(count), { noise, epoch }), dataset, count),
      );
    this.#dataset = dataset;
    this.#ring = ring;
    this.#noise = noise;
    this.#step = capture(step, { device });
  }

  /**
   * Runs over all images. z is drawn from the posterior (its mean would not give the ELBO), with the same numbers
   * every time.
   */
  async run(): Promise<Metrics> {
    const { count } = this.#dataset;
    this.#dataset.seek(0);
    writeTo(this.#ring.steps, new Uint32Array(2));
    writeTo(this.#noise.state, new Uint32Array(2), 2);
    const sizes: number[] = [];
    for (let start = 0; start < count; start += EVALUATION_BATCH) {
      sizes.push(Math.min(EVALUATION_BATCH, count - start));
      this.#step(sizes.at(-1)!);
    }
    const values = await this.#ring.values.data();
    const rows = sizes.map((images, step) => ({ images, metrics: this.#ring.metricsOf(values, step) }));
    return { ...averageOf(rows), ...(await this.#ring.takeCounters()) };
  }
}
