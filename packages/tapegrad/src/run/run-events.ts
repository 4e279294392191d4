import { decodeSafetensors } from '@tapegrad/nn';
import type { Raster } from '@tapegrad/plot';
import { encodePng } from '@tapegrad/plot/node';
import { type CapturedFunction, capture, exp, type NumericArray, type Tensor } from '@tapegrad/tensor';
import type { Metrics } from '@tapegrad/vae';
import { type Autoencoder, evaluating, inBatches, normalized } from '@tapegrad/vae';
import { EventLog, rewindEvents } from './tensorboard.ts';

/** How many test images' codes make an epoch's histograms. */
const ENCODED = 256;

/**
 * What TensorBoard shows of a run. Its tags are `step/…` for single steps, `train/…` and `test/…` for an epoch's
 * averages, `nats/…`, `pictures/…`, and `weights/…` and `latent/…` for histograms. All are drawn over optimizer
 * steps.
 */
export class RunEvents {
  readonly #log: EventLog;
  #encode: Encode | undefined;

  private constructor(log: EventLog) {
    this.#log = log;
  }

  /** Removes from earlier files the steps that the run is about to repeat, and begins a new file if one is wanted. */
  static open(folder: string, { step, wanted }: { step: number; wanted: boolean }): RunEvents | undefined {
    if (wanted) return new RunEvents(EventLog.open(folder, step));
    rewindEvents(folder, step);
    return undefined;
  }

  step(step: number, metrics: Metrics): void {
    this.#log.scalars(step, tagged('step', metrics));
  }

  /** @param record an epoch's record as `metrics.jsonl` has it */
  epoch(record: { step: number; seconds: number; train: Metrics; test: Metrics; nats?: object }): void {
    const { step, seconds, train, test, nats = {} } = record;
    this.#log.scalars(step, {
      ...tagged('train', train),
      ...tagged('test', test),
      ...tagged('nats', nats),
      'time/seconds-per-epoch': seconds,
    });
  }

  picture(step: number, name: string, raster: Raster): void {
    this.#log.image(step, `pictures/${name}`, encodePng(raster), raster);
  }

  /** @param weights the bytes of the safetensors file that the checkpoint has written */
  weights(step: number, weights: Uint8Array): void {
    const lists = [...decodeSafetensors(weights).tensors].map(
      ([name, { data }]) => [`weights/${name}`, Float64Array.from(data as NumericArray, Number)] as const,
    );
    this.#log.histograms(step, new Map(lists));
  }

  /** Histograms of the first test images' codes: means, and σ if there is one. */
  async codes(step: number, model: Autoencoder, images: Uint8Array): Promise<void> {
    const pixels = model.pixelCount;
    const lists = new Map<string, number[]>();
    await inBatches(Math.min(ENCODED, images.length / pixels), ENCODED, async (start, rows) => {
      const x = normalized(model, images.subarray(start * pixels, (start + rows) * pixels));
      try {
        const encode = this.#encodeOf(model);
        await encode.prepare(x);
        for (const [name, values] of Object.entries(encode(x))) {
          const tag = `latent/${name}`;
          lists.set(tag, [...(lists.get(tag) ?? []), ...(await values.data())]);
        }
      } finally {
        x.dispose();
      }
    });
    this.#log.histograms(step, lists);
  }

  /** Captured, so that its kernels are those of an evaluation. */
  #encodeOf(model: Autoencoder): Encode {
    this.#encode ??= capture(
      (x) =>
        evaluating(model, (): Record<string, Tensor> => {
          const { mean, logSigma } = model.encode(x);
          return { mean, ...(logSigma && { sigma: exp(logSigma) }) };
        }),
      { device: model.device },
    );
    return this.#encode;
  }

  /** Frees the memory of what was captured. */
  dispose(): void {
    this.#encode?.dispose();
  }
}

type Encode = CapturedFunction<[x: Tensor], Record<string, Tensor>>;

/** The numbers among the values, with a tag for each. */
const tagged = (group: string, values: object): Record<string, number> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      typeof value === 'number' ? [[`${group}/${name}`, value]] : [],
    ),
  );
