import { noGrad } from '@tapegrad/autograd';
import { Generator, type NumericArray, scope, type Tensor, tensor } from '@tapegrad/tensor';
import type { Autoencoder } from './models/model.ts';
import { imageGrid } from './pictures/grid.ts';
import type { Raster } from './pictures/raster.ts';

/** Pictures of what a model has learned. Each is a raster, ready for `encodePng`. */

/** Bytes [n, c, h, w] as the model sees them. */
export function normalized(model: Autoencoder, bytes: Uint8Array): Tensor {
  const [c, h, w] = model.imageShape;
  const { scale, shift } = model.normalization;
  const values = Float32Array.from(bytes, (byte) => byte * scale + shift);
  return tensor(values, { shape: [bytes.length / (c * h * w), c, h, w], device: deviceOf(model) });
}

const deviceOf = (model: Autoencoder) => model.parameters()[0]!.device;

async function pixelsOf(model: Autoencoder, make: () => Tensor): Promise<NumericArray> {
  model.eval();
  const output = scope(() => noGrad(() => model.pixels(make())));
  model.train();
  const pixels = await output.data();
  output.dispose();
  return pixels;
}

/** Images above, their reconstructions (from the mean of the code) below. */
export async function reconstructions(
  model: Autoencoder,
  bytes: Uint8Array,
  options: { title?: string; columnLabels?: string[] } = {},
): Promise<Raster> {
  const decoded = await pixelsOf(model, () => model.forward(normalized(model, bytes)));
  const columns = decoded.length / size(model);
  const pixels = Float32Array.from([...Array.from(bytes, (byte) => byte / 255), ...decoded]);
  return imageGrid(
    { pixels, shape: model.imageShape },
    { columns, rowLabels: ['image', 'decoded'], ...options },
  );
}

/** Decoded draws from N(0, 1). An autoencoder without a prior is asked the same: what it shows is why a VAE has one. */
export async function samples(
  model: Autoencoder,
  {
    count = 64,
    columns = 8,
    seed = 0,
    title,
  }: { count?: number; columns?: number; seed?: number; title?: string } = {},
): Promise<Raster> {
  const generator = new Generator(seed, { stream: 5, device: deviceOf(model) });
  const pixels = await pixelsOf(model, () => model.decode(model.prior(count, generator)));
  return imageGrid({ pixels: Float32Array.from(pixels), shape: model.imageShape }, { columns, title });
}

/** Two latent dimensions over [−range, range], the others 0. The first runs from left to right, the second upwards. */
export async function latentGrid(
  model: Autoencoder,
  { dimensions = [0, 1], range = 3, points = 11, title }: LatentGridOptions = {},
): Promise<Raster> {
  const steps = Array.from({ length: points }, (_, i) =>
    points === 1 ? 0 : -range + (2 * range * i) / (points - 1),
  );
  const codes = steps.toReversed().flatMap((second) =>
    steps.map((first) => {
      const code = new Array<number>(model.latent).fill(0);
      code[dimensions[0]!] = first;
      if (model.latent > 1) code[dimensions[1]!] = second;
      return code;
    }),
  );
  const pixels = await pixelsOf(model, () => model.decode(tensor(codes, { device: deviceOf(model) })));
  const label = (value: number) => value.toFixed(1);
  return imageGrid(
    { pixels: Float32Array.from(pixels), shape: model.imageShape },
    { columns: points, title, columnLabels: steps.map(label), rowLabels: steps.toReversed().map(label) },
  );
}

export interface LatentGridOptions {
  dimensions?: readonly [number, number];
  range?: number;
  points?: number;
  title?: string;
}

const size = (model: Autoencoder) => model.imageShape.reduce((product, extent) => product * extent, 1);
