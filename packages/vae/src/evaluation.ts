import { capture, type Device, Generator, type Tensor } from '@tapegrad/tensor';
import { DeviceDataset, type Images, writeTo } from './device-dataset.ts';
import { averageOf, type Metrics } from './metrics.ts';
import { MetricsRing } from './metrics-ring.ts';
import { type Autoencoder, evaluating } from './models/model.ts';
import { randomStreams } from './random-streams.ts';

/** Images at a time. */
export const EVALUATION_BATCH = 512;

/** The objective's averages over a set of images, for a model that may go on learning in between. */
export class Evaluation {
  readonly #dataset: DeviceDataset;
  readonly #ring: MetricsRing;
  readonly #noise: Generator;
  readonly #step: (count: number) => void;

  /** `epoch` tells schedules how far training has come: what is selected by must be what was trained on. */
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

  /** z is drawn from the posterior (its mean alone would not give the ELBO), from the same numbers at each call. */
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
