import { noGrad } from '@tapegrad/autograd';
import type { TensorSource } from '@tapegrad/nn';
import { Generator, type Shape, type Tensor, tensor } from '@tapegrad/tensor';
import {
  type Autoencoder,
  type ImageShape,
  type ModelOptions,
  type ModelSpec,
  VectorQuantizedVAE,
} from '@tapegrad/vae';
import { traceGraph } from './onnx.ts';
import { encodeOnnx } from './onnx-file.ts';
import { TracingDevice } from './trace.ts';

/** What an export needs of a trained model. */
export interface TrainedModel {
  readonly spec: ModelSpec;
  readonly imageShape: ImageShape;
  readonly options: ModelOptions;
  /** All weights, by name. */
  readonly weights: ReadonlyMap<string, TensorSource>;
  /** The version of the program that writes the file. */
  readonly version: string;
}

/** The two files of a model, as bytes. */
export interface OnnxFiles {
  /**
   * x [batch, c, h, w], normalized → mean; log_sigma if the model is stochastic; codes, the indices of the codebook's
   * vectors (int32), if it has one.
   */
  readonly encoder: Uint8Array;
  /** z [batch, latent] → output, as the model's `decode` gives it, and pixels in [0, 1]. */
  readonly decoder: Uint8Array;
}

/**
 * Exports the two halves of a model as ONNX files. No adapter is needed, since nothing is computed.
 * @throws an error that opens with `encoder` or `decoder` if that half has no ONNX form, or names weights that do not
 *   fit
 */
export function exportOnnx({ spec, imageShape, options, weights, version }: TrainedModel): OnnxFiles {
  const device = new TracingDevice();
  const model = spec.build(imageShape, options, new Generator(0, { device }));
  model.loadStateDict(weights);
  model.eval();
  const { scale, shift } = model.normalization;
  const metadata = {
    model: spec.name,
    latent: `${options.latent}`,
    image_shape: imageShape.join(','),
    scale: `${scale}`,
    shift: `${shift}`,
    normalization: 'x = byte * scale + shift, for bytes from 0 to 255',
    options: JSON.stringify(
      Object.fromEntries(
        Object.keys(spec.defaults).map((key) => [key, options[key as keyof typeof options]]),
      ),
    ),
  };
  const half = (
    name: 'encoder' | 'decoder',
    input: string,
    shape: Shape,
    run: (x: Tensor) => Readonly<Record<string, Tensor>>,
  ): Uint8Array => {
    const graph = traceGraph(device, {
      name,
      input: { name: input, shape },
      run: (x) => noGrad(() => run(x)),
      batch: (count) => blank([count, ...shape], device),
      named: model.stateDict(),
    });
    return encodeOnnx(graph, { version, description: `${name} of ${spec.name}: ${spec.summary}`, metadata });
  };
  return {
    encoder: half('encoder', 'x', imageShape, (x) => encoded(model, x)),
    decoder: half('decoder', 'z', model.latentShape, (z) => {
      const output = model.decode(z);
      return { output, pixels: model.pixels(output) };
    }),
  };
}

function encoded(model: Autoencoder, x: Tensor): Record<string, Tensor> {
  const { mean, logSigma } = model.encode(x);
  return {
    mean,
    ...(logSigma ? { log_sigma: logSigma } : {}),
    ...(model instanceof VectorQuantizedVAE ? { codes: model.indices(x) } : {}),
  };
}

const blank = (shape: Shape, device: TracingDevice): Tensor =>
  tensor(new Float32Array(shape.reduce((product, extent) => product * extent, 1)), { shape, device });
