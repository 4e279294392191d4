import {
  accumulate,
  cast,
  type Device,
  keep,
  type NumericArray,
  reshape,
  run,
  slice,
  type Tensor,
  tensor,
  updates,
  writeTo,
  zeros,
} from '@tapegrad/tensor';
import type { DeviceDataset } from './device-dataset.ts';
import type { Metrics } from './metrics.ts';
import type { Autoencoder, Objective } from './models/model.ts';

/**
 * The metrics of the last steps, on the device: a captured step logs its own with one launch, and the host reads
 * those of many steps at once. It also holds the model's counters, which grow over an epoch.
 */
export class MetricsRing {
  /** float32 [rows, metrics]: step i is in row i modulo `rows`. */
  readonly values: Tensor;
  /** uint32 [2]: steps logged, a 64-bit count. */
  readonly steps: Tensor;
  /** By the names in `Autoencoder.counters`. */
  readonly counters: ReadonlyMap<string, Tensor>;
  readonly #model: Autoencoder;
  /** Names of the columns. */
  readonly #names: readonly string[];

  /** @param rows how many steps' metrics are kept */
  constructor(model: Autoencoder, { rows, device }: { readonly rows: number; readonly device: Device }) {
    this.#model = model;
    this.#names = ['loss', ...model.metricNames];
    this.values = keep(zeros([rows, this.#names.length], { device }));
    this.steps = keep(tensor(new Uint32Array(2), { device }));
    this.counters = new Map(
      Object.entries(model.counters).map(([name, length]) => [name, keep(zeros([length], { device }))]),
    );
  }

  /** Steps logged, as a number on the device: float32 []. */
  stepCount(): Tensor {
    return reshape(cast(slice(this.steps, [0, 1]), 'float32'), []);
  }

  /** Writes a step's metrics into the next row and moves the dataset on by `count` images, in one launch. */
  logStep({ loss, parts, counters = {} }: Objective, { cursor }: DeviceDataset, count: number): void {
    const reported = this.#model.metricNames.map((name) => parts[name]!);
    for (const [name, counter] of Object.entries(counters))
      accumulate(this.counters.get(name)!, counter.detach());
    const metrics = [loss, ...reported].map((metric) => metric.detach());
    run(updates.logStep, [this.values, this.steps, cursor, ...metrics], { images: count });
  }

  /** The metrics of step number `step`, from `values` as they were read back. */
  metricsOf(values: NumericArray, step: number): Metrics {
    const names = this.#names;
    const row = step % this.values.shape[0]!;
    return Object.fromEntries(names.map((name, k) => [name, values[row * names.length + k]!]));
  }

  /** The metrics that the model computes from its counters. Resets the counters to 0. */
  async takeCounters(): Promise<Metrics> {
    const counters: Record<string, NumericArray> = {};
    for (const [name, t] of this.counters) {
      counters[name] = await t.data();
      writeTo(t, new Float32Array(t.size));
    }
    return this.#model.metricsOfCounters(counters);
  }
}
