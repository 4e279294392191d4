import { valueAndVjps } from '@tapegrad/autograd';
import { add, type Generator, mul, square, sum, type Tensor, tensor } from '@tapegrad/tensor';
import { PlainAutoencoder } from './ae.ts';
import { courseTraining, imageOptions } from './defaults.ts';
import type { ImageShape, ModelSpec, Objective, TrainingContext } from './model.ts';
import type { ModelOptions } from './options.ts';
import { reconstructionUnits } from './units.ts';

/**
 * The contractive autoencoder (Rifai et al. 2011): the code should hardly move when the image changes,
 *
 *     loss = −log p(x | z) + λ · mean_B ‖∂z/∂x‖²,    z = f(x)
 *
 * with the squared Frobenius norm of the encoder's whole Jacobian, for any encoder. In the paper the encoder shares
 * its weights with the decoder, and the norm has a closed form. Here neither holds: the norm also falls when the
 * encoder makes all codes smaller and the decoder its weights larger, so compare models by it only along with the
 * spread of their codes.
 */
export class ContractiveAutoencoder extends PlainAutoencoder {
  override readonly metricNames = ['reconstruction', 'contraction'];
  readonly options: ModelOptions;

  constructor(imageShape: ImageShape, options: ModelOptions, generator: Generator) {
    super(imageShape, options, generator);
    this.options = options;
  }

  override objective(x: Tensor, _context: TrainingContext): Objective {
    const { code, norm: contraction } = contracted((images) => this.encode(images).mean, x);
    const reconstruction = this.reconstruction(this.decode(code), x);
    const loss = add(reconstruction, mul(contraction, this.options.contraction));
    return { loss, parts: { reconstruction, contraction } };
  }
}

/**
 * The code [B, d] of a batch, and ‖∂z/∂x‖² averaged over the batch, []. The encoder runs once; then, for each of the d
 * dimensions, the gradient of Σ_B z_k with respect to x is row k of every image's Jacobian, as long as an image's code
 * depends on no other image. The rows are recorded like everything else, so the norm can be differentiated in turn.
 */
export function contracted(encode: (x: Tensor) => Tensor, x: Tensor): { code: Tensor; norm: Tensor } {
  const rowsOf = (z: Tensor) => {
    const d = z.shape[1]!;
    const unit = (k: number) => Float32Array.from({ length: d }, (_, i) => (i === k ? 1 : 0));
    return Array.from({ length: d }, (_, k) => tensor(unit(k), { shape: [1, d], device: z.device }));
  };
  const { value: code, products: rows } = valueAndVjps(encode, x, rowsOf);
  const norms = rows.map((row) => sum(square(row))).reduce((total, norm) => add(total, norm));
  return { code, norm: mul(norms, 1 / x.shape[0]!) };
}

/** `ContractiveAutoencoder` by name. */
export const contractiveAe: ModelSpec = {
  name: 'contractive-ae',
  summary: 'contractive autoencoder: the code hardly moves when the image does, exact Jacobian',
  defaults: { ...imageOptions, contraction: 1e-2, ...courseTraining },
  units: (options) => `${reconstructionUnits(options)} + ${options.contraction} · ‖∂z/∂x‖²`,
  build: (imageShape, options, generator) => new ContractiveAutoencoder(imageShape, options, generator),
};
