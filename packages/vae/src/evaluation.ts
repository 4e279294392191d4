import { capture, type Device, Generator, type Tensor } from '@tapegrad/tensor';
import { type Autoencoder, evaluating } from './models/model.ts';
import { averageOf, type Figures, type Images, Pass, takeCounts, writeTo } from './pass.ts';

/** Images at a time. */
export const EVALUATION_BATCH = 512;
/** Keeps the evaluation's random numbers apart from all others of the seed. */
const STREAM = 3;

/** The objective's averages over a set of images, for a model that may go on learning in between. */
export class Evaluation {
  readonly #model: Autoencoder;
  readonly #pass: Pass;
  readonly #step: (count: number) => void;

  /** `epoch` tells schedules how far training has come: what is selected by must be what was trained on. */
  constructor(model: Autoencoder, images: Images, seed: number, epoch: () => Tensor, device: Device) {
    const noise = new Generator(seed, { stream: STREAM, device });
    const rows = Math.max(1, Math.ceil(images.count / EVALUATION_BATCH));
    const pass = new Pass(model, images, { rows, noise, device });
    const step = (count: number) =>
      evaluating(model, () => pass.record(model.objective(pass.batch(count), { noise, epoch }), count));
    this.#model = model;
    this.#pass = pass;
    this.#step = capture(step, { device });
  }

  /** z is drawn from the posterior (its mean alone would not give the ELBO), from the same numbers at each call. */
  async run(): Promise<Figures> {
    const pass = this.#pass;
    writeTo(pass.cursor, new Uint32Array(2));
    writeTo(pass.steps, new Uint32Array(2));
    writeTo(pass.noise.state, new Uint32Array(2), 2);
    const sizes: number[] = [];
    for (let start = 0; start < pass.count; start += EVALUATION_BATCH) {
      sizes.push(Math.min(EVALUATION_BATCH, pass.count - start));
      this.#step(sizes.at(-1)!);
    }
    const values = await pass.ring.data();
    const averages = averageOf(sizes.map((images, row) => ({ images, figures: pass.figures(values, row) })));
    return { ...averages, ...(await takeCounts(pass, this.#model)) };
  }
}
