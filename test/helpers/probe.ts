import { parameter } from '@tapegrad/nn';
import { add, Generator, mul, referenceDevice, reshape, type Tensor, tensor, zeros } from '@tapegrad/tensor';
import { Autoencoder, type Code, type ImageShape, type Objective } from '@tapegrad/vae';
import { Subject, type SubjectData } from '@tapegrad/vae/gallery';

export interface ProbeOptions {
  /** Of an image; a code has as many numbers. */
  readonly shape?: ImageShape;
  /** log σ of each dimension; an encoder that is not stochastic when not given. */
  readonly logSigma?: readonly number[];
  /** What the codes are multiplied by. */
  readonly scale?: number;
  /** Codes are maps of this shape. */
  readonly latentShape?: readonly number[];
}

/** An autoencoder that can be seen through: the code of an image is its pixels in [0, 1], and decoding gives them back. */
export class Probe extends Autoencoder {
  readonly metricNames = [];
  readonly #options: ProbeOptions;
  readonly #shape: readonly number[];
  readonly nothing: Tensor;

  constructor(options: ProbeOptions = {}) {
    const { shape = [1, 1, 2] } = options;
    const latent = shape[0] * shape[1] * shape[2];
    super(
      shape,
      { latent, likelihood: 'gaussian', reduction: 'mean', pixelMean: 0, pixelStd: 1 },
      new Generator(0, { device: referenceDevice }),
    );
    this.#options = options;
    this.#shape = options.latentShape ?? [latent];
    this.nothing = parameter(zeros([1], { device: referenceDevice }));
  }

  override get latentShape(): readonly number[] {
    return this.#shape;
  }

  encode(x: Tensor): Code {
    const { logSigma, scale = 1 } = this.#options;
    const mean = mul(reshape(x, [x.shape[0]!, ...this.#shape]), scale);
    if (!logSigma) return { mean };
    return { mean, logSigma: add(mul(mean, 0), tensor([...logSigma], { device: referenceDevice })) };
  }

  decode(z: Tensor): Tensor {
    return reshape(z, [z.shape[0]!, ...this.imageShape]);
  }

  objective(x: Tensor): Objective {
    return { loss: x.sum(), parts: {} };
  }
}

/** Images with the given bytes, `each` of them an image, the training set's and the test set's alike. */
export function dataOf(
  shape: ImageShape,
  images: readonly (readonly number[])[],
  labels: readonly number[] | null,
): SubjectData {
  const split = {
    images: Uint8Array.from(images.flat()),
    count: images.length,
    labels: labels && Uint8Array.from(labels),
  };
  return { shape, train: split, test: split };
}

/** A probe and the images that it is shown with, all of them held out. */
export function probing(
  options: ProbeOptions,
  images: readonly (readonly number[])[],
  labels: readonly number[] | null = null,
): Subject {
  const model = new Probe(options);
  const heldOut = images.slice(0, 10).map((_, i) => i);
  return new Subject(model, dataOf(model.imageShape, images, labels), { heldOut });
}
