import { noGrad } from '@tapegrad/autograd';
import { capture, type Device, Generator } from '@tapegrad/tensor';
import type { Autoencoder, ModelSpec } from './models/model.ts';
import { averageOf, type Figures, type Images, Pass, writeTo } from './pass.ts';

const BATCH = 512;
/** Keeps the evaluation's random numbers apart from all others of the seed. */
const STREAM = 3;

/** The objective's averages over a set of images, for a model that may go on learning in between. */
export class Evaluation {
  readonly #pass: Pass;
  readonly #step: (count: number) => void;

  constructor(model: Autoencoder, spec: ModelSpec, images: Images, seed: number, device: Device) {
    this.#pass = new Pass(images, {
      shape: model.imageShape,
      normalization: spec.normalization,
      names: ['loss', ...model.figures],
      rows: Math.max(1, Math.ceil(images.count / BATCH)),
      noise: new Generator(seed, { stream: STREAM, device }),
      device,
    });
    const step = (count: number) => {
      const pass = this.#pass;
      const objective = noGrad(() => model.objective(pass.batch(count), pass.noise));
      pass.record(objective, count);
    };
    this.#step = capture(step, { device });
  }

  /** z is drawn from the posterior (its mean alone would not give the ELBO), from the same numbers at each call. */
  async run(): Promise<Figures> {
    const pass = this.#pass;
    writeTo(pass.cursor, new Uint32Array(2));
    writeTo(pass.steps, new Uint32Array(2));
    writeTo(pass.noise.state, new Uint32Array(2), 2);
    const sizes: number[] = [];
    for (let start = 0; start < pass.count; start += BATCH) {
      sizes.push(Math.min(BATCH, pass.count - start));
      this.#step(sizes.at(-1)!);
    }
    const values = await pass.ring.data();
    return averageOf(sizes.map((images, row) => ({ images, figures: pass.figures(values, row) })));
  }
}
